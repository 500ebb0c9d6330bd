import { CONTROL_MAX_BYTES, OPCODE } from './frame.ts';

/** Why a side of a WebSocket connection cannot be read any further. */
export type WebSocketFault =
  /** Not a frame as RFC 6455 has it, or not where it may be. */
  | 'malformed'
  /** A message of more octets, also inflated, or of more frames than are followed. */
  | 'too_large'
  /** A compressed message that cannot be inflated. */
  | 'malformed_deflate'
  /** Bytes were lost outside of a payload. */
  | 'gap';

export interface FrameEvents {
  /** `compressed`: its RSV1 is set (RFC 7692 §6). */
  frame(opcode: number, fin: boolean, compressed: boolean, bytes: number): void;
  /** Octets of its payload, unmasked; valid during the call only. */
  payload(chunk: Uint8Array): void;
  /** Octets of its payload are lost. */
  payloadGap(): void;
  end(): void;
  /** Nothing comes after it. */
  fault(reason: WebSocketFault): void;
}

const HEAD_MAX_BYTES = 14;

/**
 * Splits what one side sends into frames (RFC 6455 §5.2), in any pieces, and takes the mask off. It is strict: what the
 * RFC says a peer must fail the connection for ends the reading.
 */
export class FrameDecoder {
  readonly #events: FrameEvents;
  readonly #masked: boolean;
  readonly #head = Buffer.alloc(HEAD_MAX_BYTES);
  #headBytes = 0;
  #inPayload = false;
  #remaining = 0;
  #maskAt = 0;
  #over = false;

  /** @param sender clients mask what they send, servers do not (RFC 6455 §5.1) */
  constructor(sender: 'client' | 'server', events: FrameEvents) {
    this.#masked = sender === 'client';
    this.#events = events;
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#over;) {
      if (!this.#inPayload) {
        this.#head[this.#headBytes++] = chunk[at++] ?? 0;
        this.#readHead();
        continue;
      }
      const end = Math.min(chunk.length, at + this.#remaining);
      this.#events.payload(this.#unmasked(chunk.subarray(at, end)));
      this.#pass(end - at);
      at = end;
    }
  }

  /** Bytes that are lost. Where they end within the payload that they began in, reading goes on. */
  gap(bytes: number): void {
    if (this.#over || bytes === 0) return;
    if (!this.#inPayload || bytes > this.#remaining) {
      this.#fail('gap');
      return;
    }
    this.#events.payloadGap();
    this.#maskAt = (this.#maskAt + bytes) & 3;
    this.#pass(bytes);
  }

  /** Reads no more. */
  stop(): void {
    this.#over = true;
  }

  #pass(bytes: number): void {
    this.#remaining -= bytes;
    if (this.#remaining > 0 || this.#over) return;
    this.#inPayload = false;
    this.#headBytes = 0;
    this.#events.end();
  }

  #readHead(): void {
    const have = this.#headBytes;
    if (have < 2) return;
    const first = this.#head[0] ?? 0;
    const second = this.#head[1] ?? 0;
    const short = second & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (have === 2 && !this.#isProper(first, second)) {
      this.#fail('malformed');
      return;
    }
    if (have < 2 + lengthBytes + (this.#masked ? 4 : 0)) return;
    const length = lengthBytes === 0 ? short : this.#longLength(lengthBytes);
    // The shortest way to write a length is the only one, and its highest bit is 0 (RFC 6455 §5.2).
    if (length === undefined) {
      this.#fail('malformed');
      return;
    }
    this.#remaining = length;
    this.#maskAt = 0;
    this.#inPayload = true;
    this.#events.frame(first & 0x0f, (first & 0x80) !== 0, (first & 0x40) !== 0, length);
    if (length === 0) this.#pass(0);
  }

  /** What the first two octets say already. */
  #isProper(first: number, second: number): boolean {
    const opcode = first & 0x0f;
    if ((first & 0x30) !== 0 || ((second & 0x80) !== 0) !== this.#masked) return false;
    if (opcode <= OPCODE.binary) return true;
    const control = opcode >= OPCODE.close && opcode <= OPCODE.pong;
    return control && (first & 0xc0) === 0x80 && (second & 0x7f) <= CONTROL_MAX_BYTES;
  }

  #longLength(bytes: number): number | undefined {
    if (bytes === 2) {
      const length = this.#head.readUInt16BE(2);
      return length < 126 ? undefined : length;
    }
    const length = this.#head.readUInt32BE(2) * 2 ** 32 + this.#head.readUInt32BE(6);
    return length < 0x1_0000 || length > Number.MAX_SAFE_INTEGER ? undefined : length;
  }

  #unmasked(chunk: Uint8Array): Uint8Array {
    if (!this.#masked) return chunk;
    const mask = this.#head.subarray(this.#headBytes - 4, this.#headBytes);
    const plain = Buffer.allocUnsafe(chunk.length);
    const from = this.#maskAt;
    for (let i = 0; i < chunk.length; i++) plain[i] = (chunk[i] ?? 0) ^ (mask[(from + i) & 3] ?? 0);
    this.#maskAt = (from + chunk.length) & 3;
    return plain;
  }

  #fail(reason: WebSocketFault): void {
    this.#over = true;
    this.#events.fault(reason);
  }
}
