import { u24be } from '../integers.ts';
import { HANDSHAKE } from './hello.ts';

const HEAD_BYTES = 4;
/** Longest message that is read; hellos with post-quantum shares and many tickets have some thousand bytes. */
const MESSAGE_BYTES_MAX = 64 * 1024;
const READ: ReadonlySet<number> = new Set([
  HANDSHAKE.clientHello,
  HANDSHAKE.serverHello,
  HANDSHAKE.encryptedExtensions,
]);

/** Receives a message; the body is `bytes[start, end)`, empty for types that nobody reads. Valid during the call only. */
export type TakeMessage = (type: number, bytes: Uint8Array, start: number, end: number) => void;

/**
 * Joins handshake messages that are spread over records (RFC 8446 §5.1). Of those that say nothing about keys, such as
 * certificates, only the type is told, and nothing is kept.
 */
export class HandshakeReader {
  readonly #take: TakeMessage;
  #kept = new Uint8Array(0);
  #have = 0;
  /** Bytes to come of a message that nobody reads, and its type. */
  #skip = 0;
  #skipType = 0;

  constructor(take: TakeMessage) {
    this.#take = take;
  }

  /** A message too long to be read was one that is needed. */
  tooLong = false;

  write(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - at);
        at += skipped;
        this.#skip -= skipped;
        if (this.#skip === 0) this.#take(this.#skipType, bytes, at, at);
        continue;
      }
      const from = at;
      const need = this.#have < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + u24be(this.#kept, 1);
      at = Math.min(end, at + need - this.#have);
      this.#keep(bytes, from, at);
      if (this.#have < need) return;
      this.#complete(bytes, at);
    }
  }

  /** Bytes were lost: what comes next begins a message. */
  reset(): void {
    this.#have = 0;
    this.#skip = 0;
    this.#kept = new Uint8Array(0);
  }

  #complete(bytes: Uint8Array, at: number): void {
    const type = this.#kept[0] as number;
    const length = u24be(this.#kept, 1);
    const wanted = READ.has(type);
    if (wanted && length <= MESSAGE_BYTES_MAX) {
      if (this.#have < HEAD_BYTES + length) return;
      const body = this.#kept;
      this.reset();
      this.#take(type, body, HEAD_BYTES, HEAD_BYTES + length);
      return;
    }
    if (wanted) this.tooLong = true;
    this.reset();
    this.#skip = length;
    this.#skipType = type;
    if (length === 0) this.#take(type, bytes, at, at);
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.#have + to - from;
    if (wanted > this.#kept.length) {
      const larger = new Uint8Array(Math.max(wanted, 64, this.#kept.length * 2));
      larger.set(this.#kept.subarray(0, this.#have));
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(from, to), this.#have);
    this.#have = wanted;
  }
}
