import type { Copy, CopyRequest } from '../model/copy.ts';
import type { NotMirroredReason } from '../model/exchange.ts';
import { encodeChunk } from '../wire/http1/encode.ts';
import type { BreakerPass } from './breaker.ts';
import type { BodyTransform } from './body-redaction.ts';
import type { Carrier, CopyProtocol } from './carrier.ts';
import type { Field } from './field-rules.ts';
import { Pieces } from './pieces.ts';
import type { CountedMirrorStats } from './stats.ts';

/** What a copy needs of its mirror. */
export interface CopyHost {
  readonly stats: CountedMirrorStats;
  readonly bodyBytesMax: number;
  /** Whether copies go out in HTTP/1.1, whatever the mirror chooses: head and body can be joined. */
  readonly joins: boolean;
  /** Bytes of the copy's body have come. */
  grown(task: CopyTask, bytes: number): void;
  /** The live request is whole. */
  whole(task: CopyTask, trailers: readonly Field[] | undefined): void;
  giveUp(task: CopyTask, reason: NotMirroredReason): void;
  /** The live answer, which went on for some time, is over. */
  liveOver(task: CopyTask): void;
  /** The live answer is over, and that of the mirror need not go on. */
  cut(task: CopyTask): void;
}

const CHUNKED = -1;
/** An answer that is so many times as long as the live one, and a little, is long enough to differ. */
const ENOUGH = { bytes: 64 * 1024, times: 4 };
/** Messages up to this size are joined and written at once, bytes: copying them costs less than a vector of writes. */
export const JOIN_MAX_BYTES = 16 * 1024;

/** One copy from the head of the live request to the mirror's answer: what is still to be sent, and where it waits. */
export class CopyTask implements Copy {
  readonly request: CopyRequest;
  readonly pass: BreakerPass;
  /** What its body is: as the live one's, unless something was redacted. */
  body: CopyRequest['body'];
  /** Where it is sent; undefined while it waits. */
  connection: Carrier | undefined = undefined;
  over = false;
  /** Its whole body is needed before anything can go out. */
  collecting = false;
  /** The copies of the same client connection before and after it, where their order is kept. */
  predecessor: CopyTask | undefined = undefined;
  successor: CopyTask | undefined = undefined;
  /** When waiting, or then being on a connection, has lasted too long; monotonic, ms. */
  deadlineMs = 0;
  /** When it was given its connection; monotonic, ms. */
  startMs = 0;
  /** The live answer has begun, and nobody knows when it ends. */
  liveOpen = false;
  /** Nothing more than the head is wanted of the answer. */
  unwanted = false;
  /** A longer answer than this is given up where memory runs short, bytes. */
  enoughBytes: number;
  /** Whether bytes have gone out. */
  sent = false;
  /** Its first session took no more before it could be sent. */
  moved = false;
  /** The live request is whole. */
  ended: boolean;
  /** What the head is written in. */
  protocol: CopyProtocol = 'http1';
  /** The head until it has gone out, an octet for each character: of HTTP/1.1 the lines, of HTTP/2 the header block. */
  head: string | undefined = undefined;
  /** The live request's, once it is whole. */
  trailers: readonly Field[] | undefined = undefined;
  /** What ends a chunked body, once the live request is whole. */
  lastChunk: Buffer | undefined = undefined;
  readonly #host: CopyHost;
  readonly #transform: BodyTransform | undefined;
  /** Of the live body, where that is known and the copy's is another. */
  readonly #liveLength: number | undefined;
  #length: number;
  #received = 0;
  #body: Pieces | undefined = undefined;
  /** Bytes that are counted as buffered. */
  #heldBytes = 0;

  /** @param transform what happens to its body as it comes; its length then is not known before its end */
  constructor(host: CopyHost, request: CopyRequest, pass: BreakerPass, transform?: BodyTransform) {
    const body = transform === undefined ? request.body : 'chunked';
    this.#host = host;
    this.#transform = transform;
    this.#liveLength = transform !== undefined && typeof request.body === 'number' ? request.body : undefined;
    this.request = request;
    this.pass = pass;
    this.body = body;
    this.#length = typeof body === 'number' ? body : body === 'chunked' ? CHUNKED : 0;
    this.ended = this.#length === 0;
    this.enoughBytes = host.bodyBytesMax;
  }

  get chunked(): boolean {
    return this.#length === CHUNKED;
  }

  write(chunk: Uint8Array): void {
    if (this.over || this.ended || chunk.length === 0) return;
    this.#received += chunk.length;
    const length = this.#liveLength ?? (this.chunked ? Infinity : this.#length);
    if (this.#received > length) this.#host.giveUp(this, 'ambiguous');
    else if (this.#received > this.#host.bodyBytesMax) this.#host.giveUp(this, 'body_too_large');
    else if (this.#transform !== undefined) this.#writeChanged(this.#transform.push(chunk));
    else {
      this.#keep(chunk);
      this.hold(chunk.length);
      this.#host.grown(this, chunk.length);
    }
  }

  #writeChanged(parts: readonly Uint8Array[] | undefined): void {
    if (parts === undefined) {
      this.#host.giveUp(this, 'redaction_failed');
      return;
    }
    let bytes = 0;
    for (const part of parts) {
      this.#keep(part);
      bytes += part.length;
    }
    this.hold(bytes);
    if (bytes > 0) this.#host.grown(this, bytes);
  }

  end(trailers?: readonly Field[]): void {
    if (this.over || this.ended) return;
    if (this.#received < (this.#liveLength ?? (this.chunked ? 0 : this.#length))) {
      this.#host.giveUp(this, 'client_closed');
      return;
    }
    if (this.#transform?.atEnd === false) {
      this.#host.giveUp(this, 'redaction_failed');
      return;
    }
    this.ended = true;
    this.#host.whole(this, trailers);
  }

  answering(): void {
    this.liveOpen = true;
  }

  answered(bytes: number): void {
    this.enoughBytes = ENOUGH.bytes + ENOUGH.times * bytes;
    this.#liveOver();
  }

  cut(): void {
    if (this.over) return;
    this.unwanted = true;
    this.#liveOver();
    this.#host.cut(this);
  }

  #liveOver(): void {
    if (this.over || !this.liveOpen) return;
    this.liveOpen = false;
    this.#host.liveOver(this);
  }

  abort(reason: NotMirroredReason): void {
    if (!this.over) this.#host.giveUp(this, reason);
  }

  /** Bytes that wait to be taken. */
  get pendingBytes(): number {
    return (this.head?.length ?? 0) + (this.#body?.bytes ?? 0) + (this.lastChunk?.length ?? 0);
  }

  /** Counts bytes as buffered until they are taken or the copy is over. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#host.stats.bufferedBytes += bytes;
  }

  release(): void {
    this.#host.stats.bufferedBytes -= this.#heldBytes;
    this.#heldBytes = 0;
  }

  /** Takes a collected body out, to be put back changed. */
  takeBody(): Buffer {
    return Buffer.concat(this.#body?.take() ?? []);
  }

  /** Puts a body in whose length is known. */
  replaceBody(body: Buffer): void {
    this.release();
    this.hold(body.length);
    this.body = body.length;
    this.#length = body.length;
    this.#received = body.length;
    this.#body = new Pieces();
    this.#body.keep(body);
  }

  #keep(chunk: Uint8Array): void {
    const { head } = this;
    const first = this.#received === chunk.length;
    if (first && this.#host.joins && head !== undefined && !this.chunked && chunk.length <= JOIN_MAX_BYTES) {
      // A small request is one piece of memory, copied once: 2 µs less for 4 KiB.
      this.head = undefined;
      const message = Buffer.allocUnsafe(head.length + chunk.length);
      message.write(head, 'latin1');
      message.set(chunk, head.length);
      this.#body = new Pieces();
      this.#body.keep(message);
      return;
    }
    this.#body ??= new Pieces();
    this.#body.copy(chunk);
  }

  /** Takes what can go out now, framed, in order. */
  take(): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    if (this.head !== undefined) parts.push(Buffer.from(this.head, 'latin1'));
    this.head = undefined;
    const { chunked } = this;
    for (const piece of this.#body?.take() ?? []) parts.push(chunked ? encodeChunk(piece) : piece);
    if (this.lastChunk !== undefined) {
      parts.push(this.lastChunk);
      this.lastChunk = undefined;
    }
    this.release();
    return parts;
  }

  /** Takes the head. */
  takeHead(): string | undefined {
    const { head } = this;
    this.head = undefined;
    return head;
  }

  /** Takes the next part of the body, unframed; at most so many octets. */
  takePart(bytesMax: number): Uint8Array | undefined {
    return this.#body?.next(bytesMax);
  }

  /** Counts what waits to be taken as buffered, and nothing else. */
  holdPending(): void {
    this.hold(this.pendingBytes - this.#heldBytes);
  }

  /** Takes the head if it is all there is: the usual copy needs no list. */
  takeOnlyHead(): string | undefined {
    if (this.#length !== 0) return undefined;
    const { head } = this;
    this.head = undefined;
    this.release();
    return head;
  }
}
