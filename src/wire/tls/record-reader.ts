import { copyOf, u16be } from '../integers.ts';
import { CONTENT_BYTES_MAX, isRecordHead, RECORD, RECORD_HEAD_BYTES, recordBytes } from './record.ts';
import { RECORD_VERSION } from './record.ts';

/**
 * What the taker of a record says.
 * - `next`: taken; go on
 * - `yield`: taken; stop here until `resume`, as the other direction comes first
 * - `blocked`: not taken; offer it again at `resume`
 * - `no`: only to `found`: no record of this stream begins here
 */
export type Taken = 'next' | 'yield' | 'blocked' | 'no';

/** Receives the records of one direction. Views are valid during the call only; they begin with the record's head. */
export interface RecordSink {
  record(record: Uint8Array, micros: number): Taken;
  /** A record of which bytes are missing; the next one follows where it ends. `bytes`: with its head. */
  damaged(bytes: number, micros: number): void;
  /** It is not known any more where records begin. */
  astray(micros: number): void;
  /** What may be the first record behind `lostBytes` that hold an unknown number of whole ones. */
  found(record: Uint8Array, lostBytes: number, micros: number): Taken;
  /** This is no TLS, or what follows a loss cannot be found: nothing is read any more. */
  broken(why: 'malformed' | 'astray'): void;
}

/** Bytes looked through for a record behind a loss. */
const SEEK_BYTES_MAX = 1024 * 1024;
const BUFFER_BYTES_MIN = 2048;
const NOTHING = new Uint8Array(0);

/**
 * Cuts one direction of a TLS connection into records (RFC 8446 §5.1): an ordered stream of bytes in pieces of any size and
 * gaps of exact size. A gap within one record costs that record; behind any other every place that looks like a record of
 * TLS 1.2 or 1.3 is offered until one is taken. At most one record, and what follows one that was not taken, is kept.
 */
export class RecordReader {
  readonly #sink: RecordSink;
  /** The first `#have` bytes are those of a record that is not whole, or that is searched for. */
  #buffer: Uint8Array = NOTHING;
  #have = 0;
  /** Bytes still to come of a damaged record, and its size. */
  #skip = 0;
  #damagedBytes = 0;
  #astray = false;
  #lostBytes = 0;
  #seekBytes = 0;
  /** What came behind the record at which the taker has stopped. */
  #rest: Uint8Array | undefined;
  #restMicros = 0;
  #broken = false;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** Stopped by its taker: `resume` before anything else is written. */
  get stopped(): boolean {
    return this.#rest !== undefined;
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#have + (this.#rest?.length ?? 0);
  }

  /** A record was begun and is not whole, or none was found behind a loss. */
  get incomplete(): boolean {
    return !this.#broken && (this.#have > 0 || this.#skip > 0 || this.#astray);
  }

  write(chunk: Uint8Array, micros: number): void {
    let bytes = chunk;
    let at = 0;
    while (!this.#broken) {
      if (this.#astray) {
        const rest = this.#seek(at === 0 ? bytes : bytes.subarray(at), micros);
        if (rest === undefined) return;
        bytes = rest;
        at = 0;
      }
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        at += skipped;
        this.#skip -= skipped;
        if (this.#skip > 0) return;
        this.#sink.damaged(this.#damagedBytes, micros);
        continue;
      }
      if (this.#have > 0) {
        at = this.#fill(bytes, at);
        if (this.#broken || this.#have < RECORD_HEAD_BYTES) return;
        const size = recordBytes(this.#buffer);
        if (this.#have < size) return;
        const taken = this.#sink.record(this.#buffer.subarray(0, size), micros);
        if (taken !== 'blocked') this.#empty();
        if (taken === 'next') continue;
        this.#stop(bytes, at, micros);
        return;
      }
      const left = bytes.length - at;
      if (left === 0) return;
      if (left >= RECORD_HEAD_BYTES && !isRecordHead(bytes, at)) {
        this.#break('malformed');
        return;
      }
      const size = left < RECORD_HEAD_BYTES ? Infinity : recordBytes(bytes, at);
      if (size > left) {
        this.#keep(bytes, at, bytes.length);
        return;
      }
      const taken = this.#sink.record(bytes.subarray(at, at + size), micros);
      if (taken !== 'blocked') at += size;
      if (taken === 'next') continue;
      this.#stop(bytes, at, micros);
      return;
    }
  }

  /** Goes on where the taker has stopped. */
  resume(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    this.#rest = undefined;
    this.write(rest, this.#restMicros);
  }

  /** So many bytes are missing. */
  gap(bytes: number, micros: number): void {
    if (this.#broken || bytes <= 0) return;
    if (this.#astray) {
      this.#lostBytes += this.#have + bytes;
      this.#have = 0;
      return;
    }
    const size = this.#skip > 0 ? this.#damagedBytes : recordBytes(this.#buffer);
    const left = this.#skip > 0 ? this.#skip : this.#have >= RECORD_HEAD_BYTES ? size - this.#have : 0;
    if (bytes <= left) {
      this.#skip = left - bytes;
      this.#damagedBytes = size;
      this.#empty();
      if (this.#skip === 0) this.#sink.damaged(size, micros);
      return;
    }
    this.#lostBytes = (left > 0 ? size - left : this.#have) + bytes;
    this.#skip = 0;
    this.#empty();
    this.#astray = true;
    this.#seekBytes = 0;
    this.#sink.astray(micros);
  }

  /** Looks for a record behind a loss; returns what stands behind the one that was taken. */
  #seek(chunk: Uint8Array, micros: number): Uint8Array | undefined {
    this.#keep(chunk, 0, chunk.length);
    const bytes = this.#buffer;
    const end = this.#have;
    let at = 0;
    for (; end - at >= RECORD_HEAD_BYTES; at++) {
      if (!isLikely(bytes, at)) continue;
      const size = recordBytes(bytes, at);
      if (size > end - at) break;
      const taken = this.#sink.found(bytes.subarray(at, at + size), this.#lostBytes + at, micros);
      if (this.#broken) return undefined;
      if (taken === 'no') continue;
      if (taken === 'blocked') {
        this.#drop(at);
        this.#stop(NOTHING, 0, micros);
        return undefined;
      }
      const rest = bytes.subarray(at + size, end);
      this.#astray = false;
      this.#empty();
      if (taken === 'next') return rest;
      this.#stop(rest, 0, micros);
      return undefined;
    }
    this.#drop(at);
    this.#seekBytes += at;
    if (this.#seekBytes > SEEK_BYTES_MAX) this.#break('astray');
    return undefined;
  }

  /** Completes the head, and then the record, that was begun; returns where in the bytes that ends. */
  #fill(bytes: Uint8Array, from: number): number {
    let at = from;
    if (this.#have < RECORD_HEAD_BYTES) {
      const to = Math.min(bytes.length, at + RECORD_HEAD_BYTES - this.#have);
      this.#keep(bytes, at, to);
      at = to;
      if (this.#have < RECORD_HEAD_BYTES) return at;
      if (!isRecordHead(this.#buffer.subarray(0, this.#have))) {
        this.#break('malformed');
        return at;
      }
    }
    const to = Math.min(bytes.length, at + recordBytes(this.#buffer) - this.#have);
    this.#keep(bytes, at, to);
    return to;
  }

  #stop(bytes: Uint8Array, at: number, micros: number): void {
    this.#rest = copyOf(bytes, at);
    this.#restMicros = micros;
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.#have + to - from;
    if (wanted > this.#buffer.length) {
      // Grows with what really comes, not with what a record says it has.
      const grown = Math.min(this.#buffer.length * 4, RECORD_HEAD_BYTES + CONTENT_BYTES_MAX);
      const larger = new Uint8Array(Math.max(wanted, BUFFER_BYTES_MIN, grown));
      larger.set(this.#buffer.subarray(0, this.#have));
      this.#buffer = larger;
    }
    this.#buffer.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.#have);
    this.#have = wanted;
  }

  #drop(bytes: number): void {
    this.#buffer.copyWithin(0, bytes, this.#have);
    this.#have -= bytes;
    this.#lostBytes += bytes;
  }

  /** Gives the memory back: most connections are idle most of the time. */
  #empty(): void {
    this.#have = 0;
    this.#buffer = NOTHING;
  }

  #break(why: 'malformed' | 'astray'): void {
    this.#broken = true;
    this.#empty();
    this.#sink.broken(why);
  }
}

/** Whether a protected record of TLS 1.2 or 1.3 may begin here, or the ChangeCipherSpec before the first one. */
function isLikely(bytes: Uint8Array, at: number): boolean {
  if (u16be(bytes, at + 1) !== RECORD_VERSION) return false;
  const type = bytes[at] as number;
  const length = u16be(bytes, at + 3);
  if (type === RECORD.changeCipherSpec) return length === 1;
  if (type < RECORD.alert || type > RECORD.applicationData) return false;
  return length > 16 && length <= CONTENT_BYTES_MAX;
}
