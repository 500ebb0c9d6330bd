import { DEFAULT_FRAME_BYTES, FLAG, FRAME } from '../wire/http2/frame.ts';
import type { MirrorSocket } from './socket.ts';

/** What is written at once at most, octets, a frame more or less. */
const BATCH_BYTES = 64 * 1024;

/**
 * Gathers the frames of one turn of the event loop, so that all streams of a session go out in one write. Heads are text,
 * an octet for each character, and stay so where nothing else is sent.
 */
export class FrameWriter {
  readonly #socket: MirrorSocket;
  /** Frames that are not yet in `#parts`. */
  #text = '';
  #parts: Uint8Array[] = [];
  #partBytes = 0;

  constructor(socket: MirrorSocket) {
    this.#socket = socket;
  }

  get bytes(): number {
    return this.#text.length + this.#partBytes;
  }

  /** Whether there is so much that it should leave now. */
  get full(): boolean {
    return this.bytes >= BATCH_BYTES;
  }

  /** Text that is no frame: the preface. */
  raw(text: string): void {
    this.#text += text;
  }

  /** HEADERS, and CONTINUATION where the block is long. */
  headers(stream: number, block: string, endStream: boolean): void {
    const end = endStream ? FLAG.endStream : 0;
    if (block.length <= DEFAULT_FRAME_BYTES) {
      this.#text += frameHead(FRAME.headers, FLAG.endHeaders | end, stream, block.length) + block;
      return;
    }
    this.#text +=
      frameHead(FRAME.headers, end, stream, DEFAULT_FRAME_BYTES) + block.slice(0, DEFAULT_FRAME_BYTES);
    for (let at = DEFAULT_FRAME_BYTES; at < block.length; at += DEFAULT_FRAME_BYTES) {
      const part = block.slice(at, at + DEFAULT_FRAME_BYTES);
      const last = at + DEFAULT_FRAME_BYTES >= block.length;
      this.#text += frameHead(FRAME.continuation, last ? FLAG.endHeaders : 0, stream, part.length) + part;
    }
  }

  /** DATA; the content must not be changed any more. */
  data(stream: number, content: Uint8Array, endStream: boolean): void {
    this.#text += frameHead(FRAME.data, endStream ? FLAG.endStream : 0, stream, content.length);
    if (content.length === 0) return;
    this.#seal();
    this.#parts.push(content);
    this.#partBytes += content.length;
  }

  /** A short frame that is no message's. */
  control(type: number, flags: number, stream: number, payload: string): void {
    this.#text += frameHead(type, flags, stream, payload.length) + payload;
  }

  /** RST_STREAM, WINDOW_UPDATE. */
  number(type: number, stream: number, value: number): void {
    this.control(type, 0, stream, uint32(value));
  }

  /** Writes everything. @returns false when the socket takes no more for now */
  write(): boolean {
    if (this.#parts.length === 0) {
      const text = this.#text;
      this.#text = '';
      return this.#socket.writeLatin1(text);
    }
    this.#seal();
    const parts = this.#parts;
    const bytes = this.#partBytes;
    this.#parts = [];
    this.#partBytes = 0;
    return this.#socket.write(Buffer.concat(parts, bytes));
  }

  #seal(): void {
    if (this.#text === '') return;
    this.#parts.push(Buffer.from(this.#text, 'latin1'));
    this.#partBytes += this.#text.length;
    this.#text = '';
  }
}

/** Nine octets (RFC 9113 §4.1). */
function frameHead(type: number, flags: number, stream: number, bytes: number): string {
  return String.fromCharCode(
    bytes >>> 16,
    (bytes >>> 8) & 0xff,
    bytes & 0xff,
    type,
    flags,
    (stream >>> 24) & 0x7f,
    (stream >>> 16) & 0xff,
    (stream >>> 8) & 0xff,
    stream & 0xff,
  );
}

export function uint32(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  );
}
