import { ChunkScanner } from './chunk-scanner.ts';
import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import type { Framing } from './framing.ts';
import { fieldPairs } from './head.ts';
import { LineScanner } from './line-scanner.ts';
import type { DecoderLimits, MessageHandler } from './message-handler.ts';
import { CR, LF, latin1, viewOf } from './octets.ts';

const DEFAULT_LIMITS: DecoderLimits = { headBytes: 64 * 1024, trailerBytes: 16 * 1024 };
const FIRST_PENDING_BYTES = 512;

const GAP = fault('gap', 'bytes were lost outside a body');
const CLOSED_IN_HEAD = fault('unexpected_close', 'the stream ended within a head');
const CLOSED_IN_BODY = fault('unexpected_close', 'the stream ended within a body');
const AFTER_LAST = fault('bad_framing', 'more after the last message that this connection could carry');
const EMPTY_LINES = fault('bad_start_line', 'more than one empty line before a request');
const BARE_CR = fault('bare_line_end', 'CR without LF before a request');
const FRAMING_IN_TRAILERS = fault(
  'bad_framing',
  'Content-Length or Transfer-Encoding in the trailer section',
);

/** Between two messages; an empty line may have been skipped. */
const START = 0;
const EMPTY_LINE = 1;
const HEAD = 2;
const LENGTH = 3;
const CHUNK_LINE = 4;
const CHUNK_DATA = 5;
const TRAILERS = 6;
const UNTIL_CLOSE = 7;
const TUNNEL = 8;
/** Everything of a message has been handed out but its end. */
const WHOLE = 9;
const BROKEN = 10;

/**
 * Watches one direction of an HTTP/1.1 connection: takes its octets in pieces of any size and hands out messages. It
 * never waits, never answers and keeps nothing but a head or trailer section that has been cut.
 *
 * Handlers may call `reset()` and `tunnel()`; the octets after those that have been handed out then belong to the new
 * state, except that whatever followed the octet that broke the stream is dropped. They must not call `write()`.
 */
export abstract class MessageDecoder<Head> {
  protected readonly lines = new LineScanner();
  readonly #kind: 'request' | 'response';
  readonly #handler: MessageHandler<Head>;
  readonly #limits: DecoderLimits;
  #chunks: ChunkScanner | undefined;
  #state = START;
  /** Octets of content or chunk data still to come. */
  #remaining = 0;
  /** What was seen of a head or trailer section that was cut. */
  #pending: Uint8Array | undefined;
  #emptyLineSeen = false;
  /** The message under way, or the one before, is the last that the connection can carry (RFC 9112 §9.6). */
  #last = false;
  #tunnelNext = false;
  #tunnelConfirmed = false;
  /** The stream broke within this chunk: its rest is not looked at, even if the handler has reset since. */
  #dropRest = false;

  constructor(
    kind: 'request' | 'response',
    handler: MessageHandler<Head>,
    limits: DecoderLimits = DEFAULT_LIMITS,
  ) {
    this.#kind = kind;
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Whether the stream is at a message boundary. */
  get idle(): boolean {
    return this.#state === START;
  }

  /** Whether the message under way, or the one before, is the last that the connection can carry (RFC 9112 §9.3). */
  get last(): boolean {
    return this.#last;
  }

  /**
   * Octets of the raw stream from here on that are certainly content or tunnel, and need not be seen: what is left of a
   * content length or of a chunk, Infinity for a tunnel and for content until close, 0 anywhere else. 0 as well after a
   * CONNECT that the owner has not confirmed with `tunnel()`, because a refused one is followed by HTTP again.
   */
  get skippable(): number {
    if (this.#state === LENGTH || this.#state === CHUNK_DATA) return this.#remaining;
    return this.#state === UNTIL_CLOSE || (this.#state === TUNNEL && this.#tunnelConfirmed) ? Infinity : 0;
  }

  /** Takes the next octets of the stream. They may lie in a SharedArrayBuffer, and are not needed after the call. */
  write(chunk: Uint8Array): void {
    const end = chunk.length;
    let i = 0;
    this.#dropRest = false;
    while (i < end && !this.#dropRest) {
      switch (this.#state) {
        case START:
          i = this.#writeStart(chunk, i);
          break;
        case EMPTY_LINE:
          if (chunk[i++] === LF) this.#state = START;
          else this.fail(BARE_CR);
          break;
        case HEAD:
        case TRAILERS:
          i = this.#writeLines(chunk, i, end);
          break;
        case LENGTH:
        case CHUNK_DATA:
          i = this.#writeContent(chunk, i, end);
          break;
        case CHUNK_LINE:
          i = this.#writeChunkLine(chunk, i, end);
          break;
        case UNTIL_CLOSE:
          this.#handler.body(viewOf(chunk, i, end));
          return;
        case TUNNEL:
          this.#handler.tunnel(viewOf(chunk, i, end));
          return;
        default:
          return;
      }
    }
  }

  /** The next octets of the stream are missing. */
  gap(bytes: number): void {
    if (!(bytes > 0) || this.#state === BROKEN) return;
    if (this.#state === UNTIL_CLOSE || this.#state === TUNNEL) {
      this.#handler.bodyGap(bytes);
    } else if ((this.#state === LENGTH || this.#state === CHUNK_DATA) && bytes <= this.#remaining) {
      this.#consume(bytes);
      this.#handler.bodyGap(bytes);
      this.#finishIfWhole();
    } else {
      this.fail(GAP);
    }
  }

  /** The stream has ended properly (FIN). */
  close(): void {
    switch (this.#state) {
      case UNTIL_CLOSE:
        this.#state = WHOLE;
        this.#finishIfWhole();
        return;
      case START:
      case TUNNEL:
      case BROKEN:
        return;
      case EMPTY_LINE:
      case HEAD:
        this.fail(CLOSED_IN_HEAD);
        return;
      default:
        this.fail(CLOSED_IN_BODY);
    }
  }

  /** Begins anew: the next octet is the first of a message. */
  reset(): void {
    this.#state = START;
    this.#remaining = 0;
    this.#release();
    this.#emptyLineSeen = false;
    this.#last = false;
    this.#tunnelNext = false;
    this.#tunnelConfirmed = false;
  }

  /**
   * What follows the message under way is no HTTP. Octets of a head that has begun since the last message belong to the
   * tunnel, and are handed out at once.
   */
  tunnel(): void {
    if (this.#state === BROKEN) return;
    this.#tunnelConfirmed = true;
    if (this.#state === START || this.#state === EMPTY_LINE || this.#state === HEAD) {
      const early = this.#state === HEAD ? this.#pending?.subarray(0, this.lines.length) : undefined;
      this.#pending = undefined;
      this.#state = TUNNEL;
      if (early !== undefined) this.#handler.tunnel(early);
    } else {
      this.#tunnelNext = true;
    }
  }

  /** A head is whole; `lines` says where its parts are. Calls `begin` or `fail`. */
  protected abstract onHead(text: string): void;

  /** Hands out a head. `last`: the connection carries no other message in this direction. */
  protected begin(head: Head, framing: Framing, last: boolean): void {
    this.#last = last;
    switch (framing.kind) {
      case 'none':
        this.#state = WHOLE;
        break;
      case 'length':
        this.#remaining = framing.bytes;
        this.#state = framing.bytes === 0 ? WHOLE : LENGTH;
        break;
      case 'chunked':
        this.#chunks ??= new ChunkScanner();
        this.#chunks.restart(false);
        this.#state = CHUNK_LINE;
        break;
      case 'close':
        this.#state = UNTIL_CLOSE;
        break;
      case 'tunnel':
        this.#state = TUNNEL;
        // A response that opens a tunnel is itself the proof.
        this.#tunnelConfirmed = this.#kind === 'response';
    }
    this.#handler.head(head, framing);
    this.#finishIfWhole();
  }

  protected fail(flaw: Fault): void {
    this.#state = BROKEN;
    this.#dropRest = true;
    this.#release();
    this.#handler.broken(flaw.reason, flaw.detail);
  }

  #writeStart(chunk: Uint8Array, i: number): number {
    // RFC 9112 §2.2: a server ignores at least one empty line before a request.
    if (chunk[i] === CR && this.#kind === 'request') {
      if (this.#emptyLineSeen) this.fail(EMPTY_LINES);
      else this.#state = EMPTY_LINE;
      this.#emptyLineSeen = true;
      return i + 1;
    }
    if (this.#last) {
      this.fail(AFTER_LAST);
    } else {
      this.lines.restart(this.#kind, this.#limits.headBytes);
      this.#state = HEAD;
    }
    return i;
  }

  #writeLines(chunk: Uint8Array, i: number, end: number): number {
    const { lines } = this;
    const before = lines.length;
    const next = lines.scan(chunk, i, end);
    if (lines.fault !== undefined) {
      this.fail(lines.fault);
    } else if (lines.done) {
      let text;
      if (before === 0) {
        text = latin1(chunk, i, next);
      } else {
        text = latin1(this.#keep(chunk, i, next, before), 0, lines.length);
        this.#pending = undefined;
      }
      if (this.#state === HEAD) this.onHead(text);
      else this.#onTrailers(text);
    } else {
      this.#keep(chunk, i, next, before);
    }
    return next;
  }

  #writeContent(chunk: Uint8Array, i: number, end: number): number {
    const next = this.#remaining < end - i ? i + this.#remaining : end;
    this.#consume(next - i);
    this.#handler.body(viewOf(chunk, i, next));
    this.#finishIfWhole();
    return next;
  }

  #writeChunkLine(chunk: Uint8Array, i: number, end: number): number {
    const chunks = this.#chunks;
    if (chunks === undefined) return end;
    const next = chunks.scan(chunk, i, end);
    if (chunks.fault !== undefined) {
      this.fail(chunks.fault);
    } else if (chunks.done) {
      this.#remaining = chunks.size;
      this.#state = chunks.size === 0 ? TRAILERS : CHUNK_DATA;
      if (chunks.size === 0) this.lines.restart('trailers', this.#limits.trailerBytes);
    }
    return next;
  }

  #onTrailers(text: string): void {
    const trailers = this.lines.used === 0 ? undefined : fieldPairs(text, this.lines.takeMarks());
    if (trailers?.some(isFramingField)) {
      this.fail(FRAMING_IN_TRAILERS);
      return;
    }
    this.#end(trailers);
  }

  /** Counts octets of content that are handed out, before they are: the handler may reset. */
  #consume(bytes: number): void {
    this.#remaining -= bytes;
    if (this.#remaining > 0) return;
    if (this.#state === LENGTH) {
      this.#state = WHOLE;
    } else {
      this.#chunks?.restart(true);
      this.#state = CHUNK_LINE;
    }
  }

  #finishIfWhole(): void {
    if (this.#state === WHOLE) this.#end(undefined);
  }

  #end(trailers: readonly (readonly [string, string])[] | undefined): void {
    this.#state = this.#tunnelNext ? TUNNEL : START;
    this.#emptyLineSeen = false;
    this.#handler.end(trailers);
  }

  #release(): void {
    this.#pending = undefined;
    this.lines.release();
  }

  /** Keeps a part of a section that is cut. The buffer grows with what has come, so at most to twice the limit. */
  #keep(chunk: Uint8Array, from: number, to: number, before: number): Uint8Array {
    const needed = before + to - from;
    let pending = this.#pending;
    if (pending === undefined || pending.length < needed) {
      const grown = new Uint8Array(Math.max(FIRST_PENDING_BYTES, 2 * needed));
      if (pending !== undefined) grown.set(pending.subarray(0, before));
      pending = grown;
      this.#pending = pending;
    }
    pending.set(viewOf(chunk, from, to), before);
    return pending;
  }
}

function isFramingField(field: readonly [string, string]): boolean {
  const name = field[0].toLowerCase();
  return name === 'content-length' || name === 'transfer-encoding';
}
