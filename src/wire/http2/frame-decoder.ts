import { DEFAULT_FRAME_BYTES, FLAG, FRAME, FRAME_HEAD_BYTES, MAX_FRAME_BYTES } from './frame.ts';
import { LONGEST_BYTES } from './frame-chain.ts';
import { HPACK_LIMITS, HpackDecoder } from './hpack-decoder.ts';
import type { HeaderList, HpackLimits } from './hpack-decoder.ts';
import type { Field } from './static-table.ts';

/** Why a connection cannot be followed any more. */
export const HTTP2_FAULTS = [
  /** Not HTTP/2, or frames where they may not be. */
  'malformed_frame',
  /** A frame longer than its reader has allowed (SETTINGS_MAX_FRAME_SIZE). */
  'oversized_frame',
  /** Header compression that cannot be read; every later block depends on it. */
  'malformed_headers',
  /** The sides have agreed on a larger table for header compression than is followed. */
  'table_too_large',
  /** A header block past the limit, in bytes or CONTINUATION frames. */
  'header_flood',
  /** Settings, pings or empty frames without end. */
  'control_flood',
  /** Bytes were lost outside of DATA. */
  'gap',
] as const;
export type Http2Fault = (typeof HTTP2_FAULTS)[number];

export interface Http2Limits {
  readonly hpack: HpackLimits;
  /** Longest header block as sent, octets. */
  readonly blockBytes: number;
  /** Most CONTINUATION frames of one block. */
  readonly continuations: number;
  /** Longest frame that has to be whole to be read (all but DATA and unknown ones), octets. */
  readonly controlBytes: number;
  /** Frames that carry nothing of a request, in a row and since the last `calm`. */
  readonly idleFrames: number;
}

export const HTTP2_LIMITS: Http2Limits = {
  hpack: HPACK_LIMITS,
  blockBytes: 64 * 1024,
  continuations: 32,
  controlBytes: 64 * 1024,
  idleFrames: 10_000,
};

/** The limits where a head of an HTTP/1.1 request may have so many octets: its fields may be as long in HTTP/2. */
export function http2Limits(headBytes: number): Http2Limits {
  const blockBytes = Math.max(headBytes, HTTP2_LIMITS.blockBytes);
  const hpack = { ...HTTP2_LIMITS.hpack, listBytes: headBytes };
  return { ...HTTP2_LIMITS, hpack, blockBytes, controlBytes: blockBytes };
}

/** What comes from one direction of an HTTP/2 connection. Nothing follows a fault. */
export interface Http2Events {
  /** Whether the fields of a header block of this stream are wanted; without it all are. */
  wants?(stream: number): boolean;
  /** A whole header block: head, informational answer or trailers. Undefined fields: longer than the limit. */
  headers(stream: number, fields: readonly Field[] | undefined, endStream: boolean): void;
  /** A whole header block with fields that were lost (see `resume`). */
  unknownHeaders?(stream: number, endStream: boolean): void;
  /** Octets of content, without padding; a view that is valid during the call. */
  data(stream: number, chunk: Uint8Array): void;
  /** Content was lost. */
  dataGap(stream: number, bytes: number): void;
  /** END_STREAM came with DATA. */
  end(stream: number): void;
  reset(stream: number, code: number): void;
  /** A parameter of SETTINGS that is not an acknowledgement. */
  setting(parameter: number, value: number): void;
  /** All parameters of such a frame have come. */
  settings?(): void;
  settingsAcknowledged(): void;
  windowUpdate(stream: number, bytes: number): void;
  ping(payload: Uint8Array, acknowledged: boolean): void;
  pushPromise(stream: number, promised: number): void;
  goAway(lastStream: number, code: number): void;
  fault(fault: Http2Fault): void;
}

/**
 * Decodes the frames of one direction, however they are cut (RFC 9113). The client's preface has been taken off. It watches,
 * so that flow control and stream states are left to whoever needs them.
 */
export class FrameDecoder {
  /** Compression of this direction; the other direction's settings allow its size. */
  readonly hpack: HpackDecoder;
  readonly #events: Http2Events;
  readonly #limits: Http2Limits;
  /** The part of a frame's head, or of a control frame, that has come. */
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Longest payload that the reader of this direction has ever allowed. */
  #frameBytes = DEFAULT_FRAME_BYTES;
  /** Payload of the present frame that is still to come. */
  #left = 0;
  /** Padding of the present DATA frame that is still to come, within `#left`; -1: its length is still to come. */
  #padding = 0;
  #payload: Uint8Array | undefined = undefined;
  #payloadBytes = 0;
  /** A header block that goes on in CONTINUATION frames. */
  #block: Uint8Array[] = [];
  #blockBytes = 0;
  #blockStream = 0;
  #blockEnds = false;
  #blockIsPush = false;
  #continuations = 0;
  /** Frames in a row that carry nothing of a stream. */
  #idleFrames = 0;
  #over = false;

  constructor(events: Http2Events, limits: Http2Limits = HTTP2_LIMITS) {
    this.#events = events;
    this.#limits = limits;
    this.hpack = new HpackDecoder(limits.hpack);
  }

  get over(): boolean {
    return this.#over;
  }

  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#over) {
      if (this.#headBytes < FRAME_HEAD_BYTES) at = this.#readHead(chunk, at);
      else if (this.#type === FRAME.data) at = this.#readData(chunk, at);
      else at = this.#readPayload(chunk, at);
    }
  }

  /** The side that reads this direction has announced SETTINGS_MAX_FRAME_SIZE. */
  allowFrames(bytes: number): void {
    // Not lowered: what was sent before the announcement arrived may come behind it.
    this.#frameBytes = Math.max(this.#frameBytes, Math.min(bytes, MAX_FRAME_BYTES));
  }

  /** Some time has gone by, so that frames which come for the connection's sake are no flood; once a second, say. */
  calm(): void {
    this.#idleFrames = 0;
  }

  /** Nothing more is read before `resume`. */
  stop(): void {
    this.#over = true;
    this.#block = [];
    this.#payload = undefined;
  }

  /** The next octet is the first one of a frame; what came before, and what was agreed on by then, is unknown. */
  resume(): void {
    this.#over = false;
    this.#headBytes = 0;
    this.#left = 0;
    this.#payload = undefined;
    this.#block = [];
    this.#blockBytes = 0;
    this.#blockStream = 0;
    this.#idleFrames = 0;
    this.#frameBytes = LONGEST_BYTES;
    this.hpack.forget();
  }

  /** Octets were lost. Only within the content of a DATA frame it can go on. */
  gap(bytes: number): void {
    if (this.#over) return;
    const inData = this.#headBytes === FRAME_HEAD_BYTES && this.#type === FRAME.data && this.#padding >= 0;
    if (!inData || bytes > this.#left) {
      this.#fail('gap');
      return;
    }
    const content = Math.min(bytes, this.#left - this.#padding);
    this.#left -= bytes;
    this.#padding = Math.min(this.#padding, this.#left);
    if (content > 0) this.#events.dataGap(this.#stream, content);
    if (this.#left === 0) this.#endData();
  }

  #readHead(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.#headBytes < FRAME_HEAD_BYTES) {
      this.#head[this.#headBytes++] = chunk[at++] as number;
    }
    if (this.#headBytes === FRAME_HEAD_BYTES) this.#begin();
    return at;
  }

  #begin(): void {
    const head = this.#head;
    this.#left = ((head[0] as number) << 16) | ((head[1] as number) << 8) | (head[2] as number);
    this.#type = head[3] as number;
    this.#flags = head[4] as number;
    this.#stream = uint32(head, 5) & 0x7fffffff;
    // A block is not interrupted (§4.3).
    if (
      this.#blockStream !== 0 &&
      (this.#type !== FRAME.continuation || this.#stream !== this.#blockStream)
    ) {
      this.#fail('malformed_frame');
      return;
    }
    if (this.#left > this.#frameBytes) return this.#fail('oversized_frame');
    if (this.#type === FRAME.data) {
      if (this.#stream === 0) return this.#fail('malformed_frame');
      this.#padding = this.#has(FLAG.padded) ? -1 : 0;
      if (this.#left === 0) this.#endData();
      return;
    }
    if (this.#left > this.#limits.controlBytes && isKnown(this.#type)) return this.#fail('header_flood');
    this.#payload = undefined;
    this.#payloadBytes = 0;
    if (this.#left === 0) this.#control(EMPTY);
  }

  #readData(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#padding === -1) {
      this.#padding = chunk[at++] as number;
      this.#left--;
      if (this.#padding > this.#left) {
        this.#fail('malformed_frame');
        return at;
      }
    }
    const content = Math.min(chunk.length - at, this.#left - this.#padding);
    if (content > 0) {
      this.#idleFrames = 0;
      this.#events.data(this.#stream, chunk.subarray(at, at + content));
      at += content;
      this.#left -= content;
    }
    if (this.#left <= this.#padding) {
      const padding = Math.min(chunk.length - at, this.#left);
      at += padding;
      this.#left -= padding;
      this.#padding = this.#left;
    }
    if (this.#left === 0) this.#endData();
    return at;
  }

  #endData(): void {
    this.#headBytes = 0;
    // An empty frame that is said to be padded has no room for the length of its padding.
    if (this.#padding === -1) return this.#fail('malformed_frame');
    if (this.#has(FLAG.endStream)) this.#events.end(this.#stream);
    else this.#countIdle();
  }

  #readPayload(chunk: Uint8Array, from: number): number {
    const bytes = Math.min(chunk.length - from, this.#left);
    this.#left -= bytes;
    if (!isKnown(this.#type)) {
      // Passed over (§5.5), and never collected.
      if (this.#left === 0) this.#control(EMPTY);
    } else if (this.#payload === undefined && this.#left === 0) {
      this.#control(chunk.subarray(from, from + bytes));
    } else {
      this.#collect(chunk.subarray(from, from + bytes));
    }
    return from + bytes;
  }

  /** A control frame is cut by a read. Room is made for what has come, not for what a head announces. */
  #collect(part: Uint8Array): void {
    const bytes = this.#payloadBytes + part.length;
    let payload = this.#payload;
    if (payload === undefined || payload.length < bytes) {
      payload = new Uint8Array(Math.min(bytes + this.#left, Math.max(COLLECT_BYTES, bytes * 2)));
      if (this.#payload !== undefined) payload.set(this.#payload.subarray(0, this.#payloadBytes));
      this.#payload = payload;
    }
    payload.set(part, this.#payloadBytes);
    this.#payloadBytes = bytes;
    if (this.#left === 0) this.#control(payload.length === bytes ? payload : payload.subarray(0, bytes));
  }

  /** A frame that is not DATA is whole. */
  #control(payload: Uint8Array): void {
    this.#headBytes = 0;
    this.#payload = undefined;
    switch (this.#type) {
      case FRAME.headers:
        return this.#headers(payload, this.#has(FLAG.priority) ? 5 : 0, false);
      case FRAME.pushPromise:
        return this.#headers(payload, 4, true);
      case FRAME.continuation:
        if (this.#blockStream === 0) return this.#fail('malformed_frame');
        if (++this.#continuations > this.#limits.continuations) return this.#fail('header_flood');
        return this.#addBlock(payload);
      case FRAME.settings:
        return this.#settings(payload);
      case FRAME.resetStream:
        if (payload.length !== 4 || this.#stream === 0) return this.#fail('malformed_frame');
        return this.#events.reset(this.#stream, uint32(payload, 0));
      case FRAME.goAway:
        if (payload.length < 8 || this.#stream !== 0) return this.#fail('malformed_frame');
        return this.#events.goAway(uint32(payload, 0) & 0x7fffffff, uint32(payload, 4));
      case FRAME.windowUpdate:
        if (payload.length !== 4) return this.#fail('malformed_frame');
        // Not counted as idle: one may answer each frame of a long download.
        return this.#events.windowUpdate(this.#stream, uint32(payload, 0) & 0x7fffffff);
      case FRAME.ping:
        if (payload.length !== 8 || this.#stream !== 0) return this.#fail('malformed_frame');
        // Who is asked has to answer.
        if (!this.#has(FLAG.ack) && !this.#countIdle()) return;
        return this.#events.ping(payload, this.#has(FLAG.ack));
      case FRAME.priority:
        if (this.#stream === 0) return this.#fail('malformed_frame');
        this.#countIdle();
        return;
      default:
        this.#countIdle();
    }
  }

  #headers(payload: Uint8Array, skipped: number, push: boolean): void {
    if (this.#stream === 0) return this.#fail('malformed_frame');
    const padded = this.#has(FLAG.padded);
    const padding = padded ? (payload[0] ?? 0) : 0;
    const start = (padded ? 1 : 0) + skipped;
    if (payload.length < start + padding) return this.#fail('malformed_frame');
    this.#idleFrames = 0;
    this.#blockStream = this.#stream;
    this.#blockEnds = !push && this.#has(FLAG.endStream);
    this.#blockIsPush = push;
    this.#continuations = 0;
    if (push) this.#events.pushPromise(this.#stream, uint32(payload, padded ? 1 : 0) & 0x7fffffff);
    this.#addBlock(payload.subarray(start, payload.length - padding));
  }

  #addBlock(part: Uint8Array): void {
    this.#blockBytes += part.length;
    if (this.#blockBytes > this.#limits.blockBytes) return this.#fail('header_flood');
    if (!this.#has(FLAG.endHeaders)) {
      // The payload may be a view of the caller's bytes.
      this.#block.push(Uint8Array.from(part));
      return;
    }
    const whole = this.#block.length === 0 ? part : Buffer.concat([...this.#block, part]);
    const stream = this.#blockStream;
    this.#block = [];
    this.#blockBytes = 0;
    this.#blockStream = 0;
    const wanted = this.#blockIsPush ? false : (this.#events.wants?.(stream) ?? true);
    const list: HeaderList = wanted ? this.hpack.decode(whole) : this.hpack.skim(whole);
    if (list.kind === 'malformed') return this.#fail('malformed_headers');
    if (list.kind === 'table_too_large') return this.#fail('table_too_large');
    if (!wanted) return;
    if (list.kind === 'unknown') this.#events.unknownHeaders?.(stream, this.#blockEnds);
    else this.#events.headers(stream, list.kind === 'fields' ? list.fields : undefined, this.#blockEnds);
  }

  #settings(payload: Uint8Array): void {
    if (this.#stream !== 0 || payload.length % 6 !== 0) return this.#fail('malformed_frame');
    if (this.#has(FLAG.ack)) {
      if (payload.length > 0) return this.#fail('malformed_frame');
      return this.#events.settingsAcknowledged();
    }
    if (!this.#countIdle()) return;
    for (let at = 0; at < payload.length; at += 6) {
      const parameter = ((payload[at] as number) << 8) | (payload[at + 1] as number);
      this.#events.setting(parameter, uint32(payload, at + 2));
    }
    this.#events.settings?.();
  }

  #countIdle(): boolean {
    if (++this.#idleFrames > this.#limits.idleFrames) this.#fail('control_flood');
    return !this.#over;
  }

  #has(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  #fail(fault: Http2Fault): void {
    this.stop();
    this.#events.fault(fault);
  }
}

/** First room for a control frame that comes in pieces, octets. */
const COLLECT_BYTES = 256;
const EMPTY = new Uint8Array();

function isKnown(type: number): boolean {
  return type <= FRAME.continuation;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
