import { Buffer } from 'node:buffer';

/** Flags and length before each message (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md: Length-Prefixed-Message). */
export const PREFIX_BYTES = 5;
export const COMPRESSED = 0x01;

/** One message of a body, as it was sent. */
export interface PrefixedMessage {
  readonly flags: number;
  readonly payload: Buffer;
}

/** Takes a stream of messages with prefixes apart as its bytes come, wherever they are cut. Linear in what comes. */
export class PrefixedMessageReader {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes of the message that is being read, prefix included; undefined until its prefix is there. */
  #wanted: number | undefined;
  #flags = 0;

  /** @param bytesMax longest message */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Whether no message has begun that is not whole. */
  get atEnd(): boolean {
    return this.#held === 0;
  }

  /**
   * @param chunk bytes that follow those before; they are copied where they have to wait
   * @returns the messages that are whole now; undefined when one is longer than allowed, and nothing more is to be pushed
   */
  push(chunk: Uint8Array): readonly PrefixedMessage[] | undefined {
    const messages: PrefixedMessage[] = [];
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (at < bytes.length) {
      const target = this.#wanted ?? PREFIX_BYTES;
      const part = bytes.subarray(at, at + target - this.#held);
      this.#pieces.push(Buffer.from(part));
      this.#held += part.length;
      at += part.length;
      if (this.#held === PREFIX_BYTES && this.#wanted === undefined) {
        const prefix = this.#joined();
        const length = prefix.readUInt32BE(1);
        if (length > this.#bytesMax) return undefined;
        this.#flags = prefix.readUInt8(0);
        this.#wanted = PREFIX_BYTES + length;
      }
      if (this.#held !== this.#wanted) continue;
      messages.push({ flags: this.#flags, payload: this.#joined().subarray(PREFIX_BYTES) });
      this.#pieces = [];
      this.#held = 0;
      this.#wanted = undefined;
    }
    return messages;
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    const all = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

/** A message with its prefix. */
export function prefixed(payload: Uint8Array, flags = 0): Buffer {
  const message = Buffer.allocUnsafe(PREFIX_BYTES + payload.length);
  message.writeUInt8(flags, 0);
  message.writeUInt32BE(payload.length, 1);
  message.set(payload, PREFIX_BYTES);
  return message;
}
