import { createCaptureSource } from '../capture/create-source.ts';
import type { CaptureSink, CaptureSource } from '../capture/source.ts';
import type { Logger } from '../kit/log.ts';
import { addressText } from '../model/address.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { zeroCounts } from '../kit/counts.ts';
import { DecryptingEvents } from '../observe/decrypting-events.ts';
import { Pacing } from '../observe/pacing.ts';
import { PacketDecoder } from '../wire/packet/packet-decoder.ts';
import { CAPTURE_FAULTS, TLS_KEY_LOG } from '../wire/pcap/frame.ts';
import type { CaptureFault, CapturedFrame } from '../wire/pcap/frame.ts';
import { TcpReassembler } from '../wire/tcp/reassembler.ts';
import { KeyLog, KeyLogReader } from '../wire/tls/key-log.ts';
import { tlsCountsOf } from './capture-counts.ts';
import { CaptureOutput } from './capture-output.ts';
import { KeyLogFile } from './key-log-file.ts';
import type { BreakerChange, CaptureReport, CaptureWorkerData } from './messages.ts';
import { ObserverThread } from './observer-thread.ts';

/** Looks at whether mirrors have caught up, while a source waits for them, ms. */
const CATCH_UP_MS = 1;
/** A source that can wait waits for as long as a mirror makes any progress in this time, ms. */
const PATIENCE_MS = 5000;

/**
 * Senders give the directions of a connection different source ports, so that they come to different sockets, which are read in
 * turn: with full buffers what one side acknowledges is read before it, by as much as a buffer takes to be read.
 */
const TUNNEL_REORDER_MICROS = 500_000;

export interface CaptureThreadOptions {
  readonly onBreaker: (change: BreakerChange) => void;
  /** Nothing more comes, and every copy is over. */
  readonly onOver: (problem: string | undefined) => void;
  readonly log: Logger;
}

/** The observer of a packet tap: source → packets → connections → plaintext → exchanges, all in one thread. */
export class CaptureThread implements CaptureSink {
  readonly thread: ObserverThread;
  readonly source: CaptureSource;
  readonly #options: CaptureThreadOptions;
  readonly #packets: PacketDecoder;
  readonly #tcp: TcpReassembler;
  readonly #tls: DecryptingEvents;
  readonly #keyLog = new KeyLog();
  readonly #keyLogFile: KeyLogFile | undefined;
  readonly #output: CaptureOutput | undefined;
  readonly #fileFaults: Record<CaptureFault, number> = zeroCounts(CAPTURE_FAULTS);
  readonly #pacing = new Pacing(Infinity, PATIENCE_MS);
  #waiting: NodeJS.Timeout | undefined;
  #finished: Promise<void> | undefined;

  constructor(data: CaptureWorkerData, options: CaptureThreadOptions) {
    const { capture } = data;
    this.#options = options;
    this.thread = new ObserverThread({
      ...data,
      primary: undefined,
      losses: Infinity,
      answers: { skip: () => {}, giveUp: (_slot, id) => this.#tcp.giveUp(id), spare: () => {} },
      onBreaker: options.onBreaker,
    });
    this.#output =
      capture.output === undefined ? undefined : new CaptureOutput(capture.output, this.thread.observer);
    const giveUp = (id: number): void => this.#tcp.giveUp(id);
    this.#tls = new DecryptingEvents({
      tap: data.tap,
      observer: this.thread.observer,
      plaintext: this.#output ?? this.thread.observer,
      keyLog: this.#keyLog,
      // Secrets within a file come before their packets: without a key log there is nothing to wait for.
      ...(capture.keyLog === undefined ? { limits: { waitMicros: 0 } } : {}),
      giveUp,
    });
    this.#tcp = new TcpReassembler(this.#tls, {
      limits: {
        connections: capture.connections,
        heldBytes: capture.heldBytes,
        idleMicros: capture.idleTimeoutMs * 1000,
        ...(isTunnel(capture.source) ? { reorderMicros: TUNNEL_REORDER_MICROS } : {}),
      },
      overlap: capture.overlap,
      serverPorts: new Set(capture.serverPorts),
    });
    this.#packets = new PacketDecoder();
    this.#keyLogFile =
      capture.keyLog === undefined ? undefined : new KeyLogFile(capture.keyLog, this.#keyLog);
    this.source = createCaptureSource(capture.source, { log: options.log });
  }

  /** @throws UserError when the source cannot be had */
  async start(): Promise<void> {
    await this.#keyLogFile?.start();
    const address = await this.#output?.start();
    if (address !== undefined)
      this.#options.log.info('packets are given out as pcap-over-IP', { address: addressText(address) });
    await this.source.start(this);
  }

  /** Takes no more packets. Resolves when every copy is over. */
  async drain(): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await this.#finish();
  }

  report(): CaptureReport {
    return {
      ...this.thread.report(),
      guessed: this.thread.runner.guessed,
      capture: {
        source: this.source.counts,
        packets: this.#packets.counts,
        tcp: this.#tcp.counts,
        fileFaults: this.#fileFaults,
        tls: tlsCountsOf(this.#tls, this.#keyLog),
      },
    };
  }

  frame(frame: CapturedFrame): void {
    this.#output?.frame(frame);
    if (this.#packets.frame(frame)) this.#tcp.push(this.#packets.packet);
  }

  vxlan(datagram: Uint8Array, micros: number): void {
    this.#output?.vxlan(datagram, micros);
    if (this.#packets.vxlan(datagram, micros)) this.#tcp.push(this.#packets.packet);
  }

  geneve(datagram: Uint8Array, micros: number): void {
    this.#output?.geneve(datagram, micros);
    if (this.#packets.geneve(datagram, micros)) this.#tcp.push(this.#packets.packet);
  }

  secrets(type: number, content: Uint8Array): void {
    if (type !== TLS_KEY_LOG) return;
    const reader = new KeyLogReader(this.#keyLog);
    reader.write(content);
    reader.end();
  }

  fault(kind: CaptureFault, detail: string): void {
    this.#fileFaults[kind]++;
    if (this.#fileFaults[kind] === 1) this.#options.log.warn('a capture is damaged', { kind, detail });
  }

  batch(micros: number): void {
    if (micros > 0) {
      this.#tcp.advance(micros);
      this.#tls.advance(micros);
    }
    if (this.source.patient && this.#waiting === undefined) this.#wait();
  }

  end(problem: string | undefined): void {
    void this.#finish().then(() => this.#options.onOver(problem));
  }

  /** Where nothing is lost by it, packets wait for mirrors that have their hands full. */
  #wait(): void {
    if (!this.#pacing.holds(0, this.thread.progress(), performance.now())) {
      if (this.#waiting !== undefined) this.source.resume();
      this.#waiting = undefined;
      return;
    }
    if (this.#waiting === undefined) this.source.pause();
    this.#waiting = setTimeout(() => this.#wait(), CATCH_UP_MS);
  }

  #finish(): Promise<void> {
    this.#finished ??= this.#finishOnce();
    return this.#finished;
  }

  async #finishOnce(): Promise<void> {
    clearTimeout(this.#waiting);
    this.#tcp.finish();
    this.#tls.finish();
    await this.thread.finish();
    await this.#keyLogFile?.[Symbol.asyncDispose]();
    await this.#output?.[Symbol.asyncDispose]();
  }
}

function isTunnel({ kind }: CaptureSourceSettings): boolean {
  return kind === 'vxlan' || kind === 'geneve';
}
