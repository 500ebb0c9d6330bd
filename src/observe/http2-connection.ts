import { TokenBucket } from '../kit/token-bucket.ts';
import type { IncompleteReason } from '../model/exchange.ts';
import type { Http2FaultReason } from '../model/status.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { CLIENT_PREFACE, SETTING } from '../wire/http2/frame.ts';
import { FrameDecoder } from '../wire/http2/frame-decoder.ts';
import type { Http2Events } from '../wire/http2/frame-decoder.ts';
import { Http2RequestHead, Http2ResponseHead, trailersOf } from '../wire/http2/head.ts';
import type { Field } from '../wire/http2/static-table.ts';
import { agreedExtensions } from '../wire/websocket/handshake.ts';
import type { ConnectionDecoder, ConnectionHost } from './connection-decoder.ts';
import { LiveExchange } from './exchange.ts';
import type { BodyLength } from './exchange.ts';
import type { FollowedConnection } from './followed-connection.ts';
import { hasPseudo, isCut, lengthOf } from './http2-message.ts';
import type { Upgraded } from './http2-message.ts';
import { Http2Resumption } from './http2-resumption.ts';
import { INCOMPLETE } from './http2-faults.ts';
import { Http2WebSockets, isForWebSocket } from './http2-websockets.ts';

/** Requests of one connection under way at once; those past it are not followed. */
const STREAMS_MAX = 1024;
/** Requests that a client may take back before anything of an answer has come, at once and per second (CVE-2023-44487). */
const RESETS_AT_ONCE = 1000;
const RESETS_PER_SECOND = 33;
/** What an exchange holds besides its head, bytes. */
const EXCHANGE_BYTES = 2048;
/** How often frames that come for the connection's sake are forgotten, microseconds. */
const CALM_MICROS = 1_000_000;

/**
 * Makes exchanges from the two byte streams of an HTTP/2 connection (RFC 9113).
 *
 * After a loss outside of content it is taken up again (see `Http2Resumption`). The compression of headers is known in part
 * then: a head that needs what was lost is counted, and not guessed.
 */
export class Http2Connection implements ConnectionDecoder {
  readonly #host: ConnectionHost;
  readonly #connection: FollowedConnection;
  readonly #streams = new Map<number, LiveExchange>();
  #webSockets: Http2WebSockets | undefined = undefined;
  readonly #client: FrameDecoder;
  readonly #primary: FrameDecoder;
  #prefaceLeft = CLIENT_PREFACE.length;
  /** The highest stream that the client has opened, and the highest that the primary will answer. */
  #lastStream = 0;
  #lastAnswered = Infinity;
  #micros = 0;
  #calmMicros = 0;
  #resets: TokenBucket | undefined = undefined;
  readonly #resumption = new Http2Resumption();
  #clientEnded = false;
  #over = false;

  constructor(host: ConnectionHost, connection: FollowedConnection, upgraded?: Upgraded) {
    this.#host = host;
    this.#connection = connection;
    this.#client = new FrameDecoder(this.#clientEvents(), host.http2Limits);
    this.#primary = new FrameDecoder(this.#primaryEvents(), host.http2Limits);
    if (upgraded !== undefined) this.#takeOver(upgraded);
    host.spare(connection);
  }

  /** Answers say what they are to. */
  get pipelined(): boolean {
    return false;
  }

  /** The bytes before were not seen. */
  beginMidstream(): void {
    this.#prefaceLeft = 0;
    this.#lose(FROM_CLIENT, 'tape_gap');
    this.#lose(FROM_PRIMARY, 'tape_gap');
  }

  data(direction: Direction, chunk: Uint8Array, micros: number): void {
    if (this.#over) return;
    this.#micros = micros;
    if (micros - this.#calmMicros >= CALM_MICROS) {
      this.#calmMicros = micros;
      this.#client.calm();
      this.#primary.calm();
    }
    if (this.#resumption.lost[direction] && !this.#resume(direction, chunk)) return;
    if (direction === FROM_PRIMARY) this.#primary.write(chunk);
    else if (this.#prefaceLeft === 0) this.#client.write(chunk);
    else this.#readPreface(chunk);
  }

  gap(direction: Direction, bytes: number, _lost: boolean, micros: number): void {
    if (this.#over || this.#resumption.lost[direction]) return;
    this.#micros = micros;
    if (direction === FROM_PRIMARY) this.#primary.gap(bytes);
    else if (this.#prefaceLeft > 0) this.#onFault('gap', FROM_CLIENT);
    else this.#client.gap(bytes);
  }

  end(direction: Direction, micros: number): void {
    this.#micros = micros;
    if (direction === FROM_CLIENT) this.#clientEnded = true;
    else {
      this.#webSockets?.primaryEnded(micros);
      // Whoever ended first is why there will be no answer.
      this.#abandon(this.#clientEnded ? 'client_closed' : 'primary_closed');
    }
  }

  finish(reason: IncompleteReason): void {
    this.#over = true;
    this.#abandon(reason);
  }

  #takeOver({ exchange, settings }: Upgraded): void {
    this.#streams.set(1, exchange);
    this.#lastStream = 1;
    for (let at = 0; at + 6 <= settings.length; at += 6) {
      const parameter = ((settings[at] as number) << 8) | (settings[at + 1] as number);
      this.#agree(this.#primary, parameter, Buffer.from(settings).readUInt32BE(at + 2));
    }
  }

  #readPreface(chunk: Uint8Array): void {
    const begin = CLIENT_PREFACE.length - this.#prefaceLeft;
    const bytes = Math.min(this.#prefaceLeft, chunk.length);
    for (let i = 0; i < bytes; i++) {
      if (chunk[i] === CLIENT_PREFACE.charCodeAt(begin + i)) continue;
      this.#onFault('malformed_frame', FROM_CLIENT);
      return;
    }
    this.#prefaceLeft -= bytes;
    if (bytes < chunk.length) this.#client.write(chunk.subarray(bytes));
  }

  #clientEvents(): Http2Events {
    return {
      wants: (stream) => this.#wantsRequest(stream),
      headers: (stream, fields, endStream) => this.#onRequest(stream, fields, endStream),
      unknownHeaders: (stream) => this.#onUnknownRequest(stream),
      data: (stream, chunk) => this.#onRequestBody(stream, chunk),
      dataGap: (stream, bytes) => this.#onRequestGap(stream, bytes),
      end: (stream) => this.#onRequestEnd(stream, undefined),
      reset: (stream) => this.#onClientReset(stream),
      setting: (parameter, value) => this.#agree(this.#primary, parameter, value),
      // Of the primary's streams, which are pushed ones.
      goAway() {},
      settingsAcknowledged() {},
      windowUpdate() {},
      ping() {},
      // Only a server may (RFC 9113 §8.4).
      pushPromise: () => this.#onFault('malformed_frame', FROM_CLIENT),
      fault: (fault) => this.#onFault(fault, FROM_CLIENT),
    };
  }

  #primaryEvents(): Http2Events {
    return {
      wants: (stream) => this.#wantsAnswer(stream),
      headers: (stream, fields, endStream) => this.#onResponse(stream, fields, endStream),
      unknownHeaders: (stream) => this.#onUnknownResponse(stream),
      data: (stream, chunk) => this.#onResponseBody(stream, chunk),
      dataGap: (stream, bytes) => this.#onResponseGap(stream, bytes),
      end: (stream) => this.#onResponseEnd(stream),
      reset: (stream) => this.#onPrimaryReset(stream),
      setting: (parameter, value) => this.#agree(this.#client, parameter, value),
      goAway: (lastStream) => this.#onGoAway(lastStream),
      settingsAcknowledged() {},
      windowUpdate() {},
      ping() {},
      // What is pushed answers no request: its streams are unknown, and passed over.
      pushPromise() {},
      fault: (fault) => this.#onFault(fault, FROM_PRIMARY),
    };
  }

  /** One side has said what it can read, which binds the other; the tape has it in front of what makes use of it. */
  #agree(writer: FrameDecoder, parameter: number, value: number): void {
    if (parameter === SETTING.headerTableSize) writer.hpack.allow(value);
    else if (parameter === SETTING.maxFrameSize) writer.allowFrames(value);
  }

  /** Whether a request or its trailers are followed. */
  #wantsRequest(stream: number): boolean {
    if (stream <= this.#lastStream) return this.#streams.has(stream) || this.#followsWebSockets;
    if (stream % 2 === 0 || !this.#resumption.proven || !this.#host.sheds()) return true;
    this.#lastStream = stream;
    this.#host.counts.http2Requests++;
    this.#host.sink.shed();
    return false;
  }

  get #followsWebSockets(): boolean {
    return this.#webSockets !== undefined && this.#webSockets.size > 0;
  }

  #wantsAnswer(stream: number): boolean {
    return this.#streams.has(stream) || this.#followsWebSockets || !this.#resumption.proven;
  }

  #onRequest(stream: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    if (this.#over) return;
    if (stream <= this.#lastStream) {
      this.#onRequestTrailers(stream, fields, endStream);
      return;
    }
    if (stream % 2 === 0) {
      this.#onFault('malformed_frame', FROM_CLIENT);
      return;
    }
    if (this.#resumption.wasLost && fields !== undefined && !hasPseudo(fields)) {
      // Trailers of a request whose head was lost.
      return;
    }
    this.#lastStream = stream;
    const { counts, sink } = this.#host;
    counts.http2Requests++;
    if (!this.#resumption.follows(stream)) {
      this.#countUnseen('tape_gap');
      return;
    }
    const block = fields === undefined ? undefined : Http2RequestHead.of(fields);
    const endsEarly = endStream && ((block?.contentLength ?? 0) > 0 || block?.protocol === 'websocket');
    const head = endsEarly ? undefined : block;
    if (fields === undefined) this.#countUnseen('too_large');
    else if (head === undefined) {
      this.#countUnseen('ambiguous');
      sink.ambiguous(this.#connection, 'a header block that is no proper request');
    } else if (stream > this.#lastAnswered) this.#countUnseen('primary_closed');
    else this.#begin(stream, head, endStream);
  }

  #begin(stream: number, head: Http2RequestHead, endStream: boolean): void {
    const host = this.#host;
    const heldBytes = EXCHANGE_BYTES + lengthOf(head.fields) + head.target.length;
    const streams = this.#streams.size + (this.#webSockets?.size ?? 0);
    if (streams >= STREAMS_MAX || host.waitingBytes + heldBytes > host.waitingBytesMax) {
      this.#countUnseen('too_large');
      return;
    }
    // What comes on its stream is no content.
    const isWebSocket = head.protocol === 'websocket';
    const body: BodyLength = endStream || isWebSocket ? 'none' : (head.contentLength ?? 'chunked');
    const exchange = new LiveExchange(host.nextExchangeId(), this.#connection, head, body, heldBytes);
    exchange.times.requestStart = this.#micros;
    this.#streams.set(stream, exchange);
    host.waitingBytes += heldBytes;
    host.sink.request(exchange);
    if (endStream || isWebSocket) this.#onRequestEnd(stream, undefined);
  }

  /** Fields that were lost: of a new request, or of trailers. */
  #onUnknownRequest(stream: number): void {
    if (this.#over || stream % 2 === 0) return;
    const { counts } = this.#host;
    counts.unreadableHeads++;
    const exchange = this.#streams.get(stream);
    if (exchange !== undefined) this.#fail(stream, exchange, 'tape_gap');
    if (stream <= this.#lastStream) return;
    this.#lastStream = stream;
    this.#resumption.follows(stream);
    counts.http2Requests++;
    this.#countUnseen('tape_gap');
  }

  #onUnknownResponse(stream: number): void {
    this.#host.counts.unreadableHeads++;
    this.#resumption.answered(stream, this.#lastStream);
    const exchange = this.#streams.get(stream);
    if (exchange !== undefined) this.#fail(stream, exchange, 'tape_gap');
  }

  /** A request of which there is no exchange. */
  #countUnseen(reason: IncompleteReason): void {
    this.#host.counts.exchanges++;
    this.#host.counts.incomplete[reason]++;
  }

  #onRequestTrailers(stream: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.finish(stream, 'ambiguous');
    const trailers = fields === undefined ? undefined : trailersOf(fields);
    if (exchange.requestDone || !endStream || trailers === undefined)
      this.#fail(stream, exchange, fields === undefined ? 'too_large' : 'ambiguous');
    else this.#onRequestEnd(stream, trailers);
  }

  #onRequestBody(stream: number, chunk: Uint8Array): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.data(stream, FROM_CLIENT, chunk, this.#micros);
    if (this.#countRequestBody(stream, exchange, chunk.length) && exchange.followRequest)
      this.#host.sink.requestBody(exchange, chunk);
  }

  #onRequestGap(stream: number, bytes: number): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.gap(stream, FROM_CLIENT, bytes, this.#micros);
    exchange.incomplete ??= 'tape_gap';
    if (this.#countRequestBody(stream, exchange, bytes)) this.#host.sink.requestGap(exchange);
  }

  /** @returns false when there may be no such content, and the exchange is over */
  #countRequestBody(stream: number, exchange: LiveExchange, bytes: number): boolean {
    exchange.requestBodyBytes += bytes;
    const announced = typeof exchange.requestBody === 'number' ? exchange.requestBody : Infinity;
    if (!exchange.requestDone && exchange.requestBodyBytes <= announced) return true;
    this.#fail(stream, exchange, 'ambiguous');
    return false;
  }

  #onRequestEnd(stream: number, trailers: readonly Field[] | undefined): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) this.#webSockets?.end(stream, FROM_CLIENT, this.#micros);
    if (exchange === undefined || this.#over) return;
    const { requestBody, requestBodyBytes } = exchange;
    if (exchange.requestDone || (typeof requestBody === 'number' && requestBody !== requestBodyBytes)) {
      this.#fail(stream, exchange, 'ambiguous');
      return;
    }
    exchange.requestDone = true;
    exchange.times.requestEnd = this.#micros;
    this.#host.sink.requestEnd(exchange, trailers);
    if (exchange.responseDone) this.#complete(stream, exchange);
  }

  #onResponse(stream: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    this.#resumption.answered(stream, this.#lastStream);
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.finish(stream, 'ambiguous');
    if (exchange.response !== undefined) {
      this.#onResponseTrailers(stream, exchange, fields, endStream);
      return;
    }
    const head = fields === undefined ? undefined : Http2ResponseHead.of(fields);
    const isInterim = head !== undefined && head.status < 200;
    if (head === undefined || (isInterim && endStream) || head.status === 101) {
      this.#fail(stream, exchange, fields === undefined ? 'too_large' : 'ambiguous');
      return;
    }
    if (isInterim) return;
    const opens = head.status < 300 && isForWebSocket(exchange);
    exchange.response = opens ? head.asUpgrade() : head;
    exchange.times.responseStart = this.#micros;
    this.#host.sink.response(exchange);
    if (opens) {
      this.#openWebSocket(stream, exchange, head, endStream);
      return;
    }
    if (endStream) this.#onResponseEnd(stream);
  }

  /** A stream becomes a WebSocket, which is followed where somebody wants it. */
  #openWebSocket(stream: number, exchange: LiveExchange, head: Http2ResponseHead, endStream: boolean): void {
    const extensions = agreedExtensions(head);
    if (!exchange.followResponse || extensions === 'unknown') {
      if (exchange.followResponse) exchange.incomplete ??= 'ambiguous';
      exchange.responseDone = true;
      exchange.times.responseEnd = this.#micros;
      this.#complete(stream, exchange);
      return;
    }
    this.#streams.delete(stream);
    this.#webSockets ??= new Http2WebSockets(this.#host);
    this.#webSockets.open(stream, exchange, extensions);
    if (endStream) this.#webSockets.end(stream, FROM_PRIMARY, this.#micros);
  }

  #onResponseTrailers(
    stream: number,
    exchange: LiveExchange,
    fields: readonly Field[] | undefined,
    endStream: boolean,
  ): void {
    const trailers = fields === undefined ? undefined : trailersOf(fields);
    if (exchange.responseDone || !endStream || trailers === undefined) {
      this.#fail(stream, exchange, fields === undefined ? 'too_large' : 'ambiguous');
      return;
    }
    exchange.responseTrailers = trailers;
    this.#onResponseEnd(stream);
  }

  #onResponseBody(stream: number, chunk: Uint8Array): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.data(stream, FROM_PRIMARY, chunk, this.#micros);
    if (exchange.response === undefined || exchange.responseDone) {
      this.#fail(stream, exchange, 'ambiguous');
      return;
    }
    exchange.responseBodyBytes += chunk.length;
    if (exchange.followResponse) this.#host.sink.responseBody(exchange, chunk);
  }

  #onResponseGap(stream: number, bytes: number): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.gap(stream, FROM_PRIMARY, bytes, this.#micros);
    exchange.responseBodyBytes += bytes;
    exchange.incomplete ??= 'tape_gap';
  }

  #onResponseEnd(stream: number): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.end(stream, FROM_PRIMARY, this.#micros);
    if (exchange.response === undefined || exchange.responseDone || isCut(exchange)) {
      this.#fail(stream, exchange, 'ambiguous');
      return;
    }
    exchange.responseDone = true;
    exchange.times.responseEnd = this.#micros;
    if (exchange.requestDone) this.#complete(stream, exchange);
  }

  #onClientReset(stream: number): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) return this.#webSockets?.finish(stream, 'client_closed');
    const unanswered = exchange.response === undefined;
    this.#fail(stream, exchange, 'client_closed');
    if (!unanswered) return;
    const nowMs = this.#micros / 1000;
    this.#resets ??= new TokenBucket(RESETS_PER_SECOND, nowMs, RESETS_AT_ONCE);
    if (!this.#resets.take(1, nowMs)) this.#onFault('rapid_reset', FROM_CLIENT);
  }

  #onPrimaryReset(stream: number): void {
    const exchange = this.#streams.get(stream);
    if (exchange === undefined) this.#webSockets?.end(stream, FROM_PRIMARY, this.#micros);
    else this.#fail(stream, exchange, 'primary_closed');
  }

  /** Requests past the last stream were not looked at; the client sends them again elsewhere (§6.8). */
  #onGoAway(lastStream: number): void {
    if (lastStream >= this.#lastAnswered) return;
    this.#lastAnswered = lastStream;
    for (const [stream, exchange] of this.#streams)
      if (stream > lastStream) this.#fail(stream, exchange, 'primary_closed');
  }

  /** Nothing more of the connection can be understood, or not before it is taken up again. */
  #onFault(fault: Http2FaultReason, direction: Direction): void {
    if (this.#over) return;
    const { counts } = this.#host;
    counts.http2Faults[fault]++;
    if (fault === 'gap' || this.#resumption.excuses(fault)) {
      this.#lose(direction, INCOMPLETE[fault]);
      return;
    }
    this.#over = true;
    counts.givenUp++;
    this.#abandon(INCOMPLETE[fault]);
    for (const side of [FROM_CLIENT, FROM_PRIMARY] as const)
      this.#host.skip(this.#connection, side, 0, Infinity);
    this.#host.giveUp(this.#connection);
  }

  /** What is under way cannot be told from what comes next; the other direction is read on, for its header compression. */
  #lose(direction: Direction, reason: IncompleteReason): void {
    this.#resumption.lose(direction);
    if (direction === FROM_CLIENT) this.#prefaceLeft = 0;
    (direction === FROM_CLIENT ? this.#client : this.#primary).stop();
    // Numbers may have been read in what was no frame.
    this.#lastStream = 0;
    this.#lastAnswered = Infinity;
    this.#abandon(reason);
  }

  /** @returns whether a direction goes on with this chunk */
  #resume(direction: Direction, chunk: Uint8Array): boolean {
    if (!this.#resumption.resume(direction, chunk)) return false;
    (direction === FROM_CLIENT ? this.#client : this.#primary).resume();
    if (this.#resumption.whole) this.#host.counts.resynchronised++;
    return true;
  }

  /** An exchange will not become whole. The copies of a request that the client takes back end, whole or not. */
  #fail(stream: number, exchange: LiveExchange, reason: IncompleteReason): void {
    exchange.incomplete ??= reason;
    if (exchange.requestDone && reason === 'client_closed') this.#host.sink.requestGap(exchange);
    this.#complete(stream, exchange);
  }

  #complete(stream: number, exchange: LiveExchange): void {
    const { counts, sink } = this.#host;
    this.#streams.delete(stream);
    this.#host.waitingBytes -= exchange.heldBytes;
    counts.exchanges++;
    if (exchange.incomplete !== undefined) counts.incomplete[exchange.incomplete]++;
    sink.done(exchange);
  }

  #abandon(reason: IncompleteReason): void {
    this.#webSockets?.finishAll(reason);
    for (const [stream, exchange] of this.#streams) {
      exchange.incomplete ??= reason;
      this.#complete(stream, exchange);
    }
  }
}
