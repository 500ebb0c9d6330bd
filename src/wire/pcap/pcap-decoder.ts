import { u16be, u16le, u32be, u32le } from '../integers.ts';
import { RECORD_BYTES_MAX } from './frame.ts';
import type { CaptureFault, CaptureHandler, CaptureReader } from './frame.ts';
import { RecordJoiner } from './record-joiner.ts';

const FILE_HEAD_BYTES = 24;
const RECORD_HEAD_BYTES = 16;
/** As read with the least significant byte first. */
const MAGIC = {
  micros: 0xa1b2c3d4,
  microsSwapped: 0xd4c3b2a1,
  nanos: 0xa1b23c4d,
  nanosSwapped: 0x4d3cb2a1,
  /** Kuznetzov's variant of old Linux distributions: eight more bytes in each record's head. */
  modified: 0xa1b2cd34,
  modifiedSwapped: 0x34cdb2a1,
} as const;

/** The kind of pcap file that begins so, as `littleEndian`; undefined for anything else. */
export function isPcapMagic(first4: number): boolean {
  return Object.values<number>(MAGIC).includes(first4);
}

/**
 * Reads classic pcap files (draft-ietf-opsawg-pcap), both byte orders, micro- and nanoseconds, as a stream.
 *
 * The file's snap length is not believed: programs write more. A record's own length is, up to `RECORD_BYTES_MAX`; behind one
 * that cannot be true nothing can be found, and the decoder is broken.
 */
export class PcapDecoder implements CaptureReader {
  readonly #handler: CaptureHandler;
  readonly #joiner: RecordJoiner;
  readonly #frame = {
    linkType: 0,
    bytes: new Uint8Array(0) as Uint8Array,
    start: 0,
    end: 0,
    originalBytes: 0,
    micros: 0,
    interfaceId: 0,
  };
  #started = false;
  #bigEndian = false;
  #fraction = 1;
  #headBytes = RECORD_HEAD_BYTES;
  #broken = false;

  constructor(handler: CaptureHandler) {
    this.#handler = handler;
    this.#joiner = new RecordJoiner({
      need: (bytes, at, end) => this.#need(bytes, at, end),
      take: (bytes, at, taken) => (this.#started ? this.#record(bytes, at, taken) : this.#begin(bytes, at)),
    });
  }

  get broken(): boolean {
    return this.#broken;
  }

  write(chunk: Uint8Array): void {
    this.#joiner.write(chunk);
  }

  end(): void {
    const { pending } = this.#joiner;
    if (pending > 0) this.#handler.fault('cut_record', `the file ends ${pending} bytes into a record`);
    else if (!this.#started && !this.#broken) this.#handler.fault('cut_record', 'the file is empty');
    this.#broken = true;
  }

  #need(bytes: Uint8Array, at: number, end: number): number {
    if (this.#broken) return 0;
    if (!this.#started) return FILE_HEAD_BYTES;
    if (end - at < this.#headBytes) return this.#headBytes;
    const captured = this.#u32(bytes, at + 8);
    if (captured <= RECORD_BYTES_MAX) return this.#headBytes + captured;
    this.#fail('lying_length', `a record of ${captured} bytes`);
    return 0;
  }

  #begin(bytes: Uint8Array, at: number): void {
    this.#started = true;
    const magic = u32le(bytes, at);
    if (!isPcapMagic(magic)) {
      this.#fail('bad_magic', `a file that begins with 0x${u32be(bytes, at).toString(16).padStart(8, '0')}`);
      return;
    }
    this.#bigEndian =
      magic === MAGIC.microsSwapped || magic === MAGIC.nanosSwapped || magic === MAGIC.modifiedSwapped;
    this.#fraction = magic === MAGIC.nanos || magic === MAGIC.nanosSwapped ? 1e-3 : 1;
    if (magic === MAGIC.modified || magic === MAGIC.modifiedSwapped) this.#headBytes = RECORD_HEAD_BYTES + 8;
    const version = this.#bigEndian ? u16be(bytes, at + 4) : u16le(bytes, at + 4);
    if (version !== 2) {
      this.#fail('bad_version', `pcap version ${version}`);
      return;
    }
    // The upper bits tell about a frame check sequence.
    this.#frame.linkType = this.#u32(bytes, at + 20) & 0xffff;
    this.#handler.interface?.({
      section: 0,
      interfaceId: 0,
      linkType: this.#frame.linkType,
      snapBytes: this.#u32(bytes, at + 16),
      name: '',
    });
  }

  #record(bytes: Uint8Array, at: number, taken: number): void {
    const frame = this.#frame;
    frame.micros = this.#u32(bytes, at) * 1e6 + this.#u32(bytes, at + 4) * this.#fraction;
    frame.bytes = bytes;
    frame.start = at + this.#headBytes;
    frame.end = at + taken;
    // Some writers say zero, or less than they have kept.
    frame.originalBytes = Math.max(this.#u32(bytes, at + 12), frame.end - frame.start);
    this.#handler.frame(frame);
  }

  #u32(bytes: Uint8Array, at: number): number {
    return this.#bigEndian ? u32be(bytes, at) : u32le(bytes, at);
  }

  #fail(kind: CaptureFault, detail: string): void {
    this.#broken = true;
    this.#handler.fault(kind, detail);
  }
}
