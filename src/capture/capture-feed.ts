import type { Clock } from '../kit/clock.ts';
import { CaptureDecoder } from '../wire/pcap/capture-decoder.ts';
import type {
  CaptureFault,
  CapturedFrame,
  CaptureHandler,
  InterfaceDescription,
  InterfaceStatistics,
} from '../wire/pcap/frame.ts';
import type { CaptureSink, CaptureSourceCounts } from './source.ts';

/** Drops that one interface has told so far. */
interface Told {
  kernel: number;
  interface: number;
}

/**
 * Decodes the bytes of a capture for a sink, counts what passes, and keeps the clock of the packets. What a file's own
 * statistics say about drops is added to the counts.
 */
export class CaptureFeed implements CaptureHandler {
  readonly #sink: CaptureSink;
  readonly #counts: CaptureSourceCounts;
  readonly #clock: Clock;
  readonly #told = new Map<number, Told>();
  #decoder: CaptureDecoder;
  #target: CaptureHandler = this;
  #begun = false;
  #section = -1;
  #packetMicros = 0;
  #packetAtMs = 0;
  #complaint: string | undefined;

  constructor(sink: CaptureSink, counts: CaptureSourceCounts, clock: Clock) {
    this.#sink = sink;
    this.#counts = counts;
    this.#clock = clock;
    this.#decoder = new CaptureDecoder(this);
  }

  /** Sends what is decoded through another handler first, which hands it on to this one. */
  through(target: CaptureHandler): void {
    this.#target = target;
    this.#decoder = new CaptureDecoder(target);
  }

  /** Why nothing more can be read; undefined while all is well. */
  get problem(): string | undefined {
    return this.#decoder.broken ? this.#complaint : undefined;
  }

  /** Bytes of the capture, in pieces of any size. */
  write(chunk: Uint8Array): void {
    this.#begun = true;
    this.#decoder.write(chunk);
  }

  /** The bytes that came are dealt with. */
  batch(): void {
    this.#packetAtMs = this.#clock.monotonic();
    this.#sink.batch(this.#packetMicros);
  }

  /** Nothing has come for a while, and time goes on for the packets too. */
  idle(): void {
    const elapsedMs = this.#packetMicros === 0 ? 0 : this.#clock.monotonic() - this.#packetAtMs;
    this.#sink.batch(this.#packetMicros + elapsedMs * 1000);
  }

  /** The capture is over; what is cut off is a fault. Returns what has gone wrong for good: nothing could be read. */
  end(): string | undefined {
    const { problem } = this;
    this.#complaint = undefined;
    this.#decoder.end();
    return problem ?? (this.#counts.packets === 0 ? this.#complaint : undefined);
  }

  /** Another capture begins, with a head of its own. */
  restart(): void {
    // Of which nothing came, that is no capture which was cut.
    if (this.#begun && !this.#decoder.broken) this.#decoder.end();
    this.#begun = false;
    this.#complaint = undefined;
    this.#told.clear();
    this.#section = -1;
    this.#decoder = new CaptureDecoder(this.#target);
  }

  frame(frame: CapturedFrame): void {
    this.#counts.packets++;
    this.#counts.bytes += frame.end - frame.start;
    this.#packetMicros = frame.micros;
    this.#sink.frame(frame);
  }

  interface(description: InterfaceDescription): void {
    this.#sink.interface?.(description);
  }

  statistics(statistics: InterfaceStatistics): void {
    if (statistics.section !== this.#section) this.#told.clear();
    this.#section = statistics.section;
    const { lost } = this.#counts;
    const { interfaceId, droppedByKernel = 0, droppedByInterface = 0 } = statistics;
    const told = this.#told.get(interfaceId) ?? { kernel: 0, interface: 0 };
    lost.kernel += Math.max(0, droppedByKernel - told.kernel);
    lost.interface += Math.max(0, droppedByInterface - told.interface);
    this.#told.set(interfaceId, { kernel: droppedByKernel, interface: droppedByInterface });
    this.#sink.statistics?.(statistics);
  }

  secrets(type: number, content: Uint8Array): void {
    this.#sink.secrets?.(type, content);
  }

  name(address: Uint8Array, name: string): void {
    this.#sink.name?.(address, name);
  }

  fault(kind: CaptureFault, detail: string): void {
    this.#complaint = detail;
    this.#sink.fault(kind, detail);
  }
}
