import type { IncompleteReason, RequestHead, ResponseHead } from '../model/exchange.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { RequestDecoder, ResponseDecoder } from '../wire/http1/decoder.ts';
import type { BrokenReason, Framing } from '../wire/http1/decoder.ts';
import { beginsWithRequestLine, sniffClient } from '../wire/sniff.ts';
import { agreedExtensions, asksForWebSocket, opensWebSocket } from '../wire/websocket/handshake.ts';
import type { Http1RequestHead, Http1ResponseHead } from '../wire/http1/head.ts';
import type { ConnectionDecoder, ConnectionHost } from './connection-decoder.ts';
import { LiveExchange } from './exchange.ts';
import type { BodyLength } from './exchange.ts';
import type { FollowedConnection } from './followed-connection.ts';
import { Http2Connection } from './http2-connection.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** Requests of one connection that may wait for their answers; a client that pipelines more is not followed. */
const PENDING_MAX = 256;
/** What an exchange holds besides its head, bytes; measured. */
const EXCHANGE_BYTES = 2048;
/** Bodies nobody wants are left off the tape when at least this much of them is to come, bytes. */
const SKIP_FROM_BYTES = 32 * 1024;

type Trailers = readonly (readonly [string, string])[] | undefined;

/**
 * Makes exchanges from the two byte streams of an HTTP/1.1 connection. Objects are used again for other connections:
 * a connection per request would otherwise cost two decoders each.
 *
 * After a loss that cannot be placed inside a body the framing is unknown: what was under way is incomplete, and the
 * connection is taken up again where the client sends after the primary has answered and both directions begin with a
 * proper start line. A connection that has pipelined is given up instead, because there a request could be paired with
 * another one's answer.
 */
export class Http1Connection implements ConnectionDecoder {
  readonly #host: ConnectionHost;
  readonly #requests: RequestDecoder;
  readonly #responses: ResponseDecoder;
  readonly #pending: LiveExchange[] = [];
  readonly #offsets: [number, number] = [0, 0];
  #connection: FollowedConnection | undefined;
  /** Takes everything once the connection has become one of HTTP/2, or a WebSocket that is followed. */
  #successor: ConnectionDecoder | undefined = undefined;
  /** The request whose body is passing, and the exchange whose answer is. */
  #sending: LiveExchange | undefined;
  #answering: LiveExchange | undefined;
  #micros = 0;
  #requestStart = 0;
  #responseStart = 0;
  #lastDirection: Direction = FROM_CLIENT;
  #lost = false;
  #givenUp = false;
  #unproven = false;
  /** It was taken up at what has the form of a request. */
  #taken = false;
  #tunnel = false;
  /** Something came behind a CONNECT that has no answer yet. */
  #early = false;
  #pipelined = false;
  #clientEnded = false;
  #losses = 0;

  constructor(host: ConnectionHost) {
    this.#host = host;
    this.#requests = new RequestDecoder(
      {
        head: (head, framing) => this.#onRequest(head, framing),
        body: (chunk) => this.#onRequestBody(chunk),
        bodyGap: (bytes) => this.#onRequestGap(bytes),
        end: (trailers) => this.#onRequestEnd(trailers),
        tunnel: () => {
          this.#early = true;
        },
        broken: (reason, detail) => this.#onRequestBroken(reason, detail),
      },
      host.limits,
    );
    this.#responses = new ResponseDecoder(
      {
        head: (head, framing) => this.#onResponse(head, framing),
        body: (chunk) => this.#onResponseBody(chunk),
        bodyGap: (bytes) => this.#onResponseGap(bytes),
        end: (trailers) => this.#onResponseEnd(trailers),
        tunnel: (chunk) => this.#successor?.data(FROM_PRIMARY, chunk, this.#micros),
        broken: (reason) => this.#onResponseBroken(reason),
      },
      () => this.#pending[0]?.request.method,
      host.limits,
    );
  }

  /** Whether the client was seen to send requests before it had the answers to those before. */
  get pipelined(): boolean {
    return this.#successor?.pipelined ?? this.#pipelined;
  }

  /** Whether nothing of it could be read yet, or since a loss. */
  get searching(): boolean {
    return this.#lost && !this.#givenUp;
  }

  /** Begins with a connection. `midstream`: the bytes before were not taped. */
  begin(connection: FollowedConnection, midstream: boolean): void {
    this.#connection = connection;
    this.#successor = undefined;
    this.#offsets[0] = midstream ? connection.offsets[0] : 0;
    this.#offsets[1] = midstream ? connection.offsets[1] : 0;
    this.#lastDirection = midstream ? FROM_PRIMARY : FROM_CLIENT;
    this.#lost = midstream;
    this.#givenUp = false;
    this.#unproven = false;
    this.#tunnel = false;
    this.#pipelined = false;
    this.#clientEnded = false;
    this.#losses = 0;
    this.#requests.reset();
    this.#responses.reset();
  }

  data(direction: Direction, chunk: Uint8Array, micros: number): void {
    if (this.#successor !== undefined) {
      this.#successor.data(direction, chunk, micros);
      return;
    }
    const turned = direction === FROM_CLIENT && this.#lastDirection === FROM_PRIMARY;
    this.#lastDirection = direction;
    this.#micros = micros;
    const offset = (this.#offsets[direction] + chunk.length) >>> 0;
    this.#offsets[direction] = offset;
    if (this.#lost && !(turned && mayBeRequest(chunk) && this.#resume(chunk))) return;
    if (direction === FROM_CLIENT) {
      if (this.#requests.idle) this.#requestStart = micros;
      this.#requests.write(chunk);
      if (this.#requests.skippable >= SKIP_FROM_BYTES && this.#sending?.followRequest !== true) {
        this.#skip(direction, this.#requests.skippable);
      }
    } else {
      if (this.#responses.idle) this.#responseStart = micros;
      this.#responses.write(chunk);
      // What looks like a tunnel to this decoder goes on as HTTP/2.
      if (this.#successor !== undefined) return;
      if (this.#responses.skippable >= SKIP_FROM_BYTES && this.#answering?.followResponse !== true) {
        this.#skip(direction, this.#responses.skippable);
      }
    }
  }

  gap(direction: Direction, bytes: number, lost: boolean, micros: number): void {
    if (this.#successor !== undefined) {
      this.#successor.gap(direction, bytes, lost, micros);
      return;
    }
    this.#micros = micros;
    // What follows the lost bytes of a client may be the middle of a request: no turn.
    this.#lastDirection = direction;
    this.#offsets[direction] = (this.#offsets[direction] + bytes) >>> 0;
    if (this.#lost || this.#tunnel) return;
    if (direction === FROM_CLIENT) {
      // The client went on while an answer was due.
      if (this.#sending === undefined && this.#pending.length > 0) this.#pipelined = true;
      if (lost && this.#sending !== undefined) this.#sending.incomplete ??= 'tape_gap';
      this.#requests.gap(bytes);
    } else {
      if (lost && this.#answering !== undefined) this.#answering.incomplete ??= 'tape_gap';
      this.#responses.gap(bytes);
    }
  }

  end(direction: Direction, micros: number): void {
    this.#successor?.end(direction, micros);
    this.#micros = micros;
    if (this.#lost) return;
    if (direction === FROM_CLIENT) {
      this.#clientEnded = true;
      this.#requests.close();
      return;
    }
    this.#responses.close();
    // Whoever ended first is why there will be no answer.
    if (this.#pending.length > 0) this.#abandon(this.#clientEnded ? 'client_closed' : 'primary_closed');
  }

  finish(reason: IncompleteReason): void {
    this.#successor?.finish(reason);
    this.#successor = undefined;
    this.#abandon(reason);
    this.#connection = undefined;
  }

  #onRequest(head: Http1RequestHead, framing: Framing): void {
    const connection = this.#connection;
    // One that was given up may have more requests in the same piece of its stream.
    if (connection === undefined || this.#givenUp) return;
    const heldBytes = head.length + EXCHANGE_BYTES;
    if (
      this.#pending.length >= PENDING_MAX ||
      this.#host.waitingBytes + heldBytes > this.#host.waitingBytesMax
    ) {
      this.#surrender('too_large');
      return;
    }
    const before = this.#pending.at(-1);
    if (before !== undefined) {
      this.#pipelined = true;
      if (before.request.header('upgrade') !== undefined) {
        // Should the answer be 101, this was no request.
        this.#refuse('a request behind one that asks for another protocol');
        return;
      }
      if (this.#unproven) {
        this.#lose();
        return;
      }
    }
    this.#taken = false;
    this.#host.counts.http1Requests++;
    const id = this.#host.nextExchangeId();
    const exchange = new LiveExchange(id, connection, head, bodyLength(framing), heldBytes);
    exchange.times.requestStart = this.#requestStart;
    this.#pending.push(exchange);
    this.#host.waitingBytes += heldBytes;
    this.#sending = exchange;
    this.#early = false;
    this.#host.sink.request(exchange);
  }

  #onRequestBody(chunk: Uint8Array): void {
    const exchange = this.#sending;
    if (exchange === undefined) return;
    exchange.requestBodyBytes += chunk.length;
    if (exchange.followRequest) this.#host.sink.requestBody(exchange, chunk);
  }

  #onRequestGap(bytes: number): void {
    const exchange = this.#sending;
    if (exchange === undefined) return;
    exchange.requestBodyBytes += bytes;
    this.#early = true;
    if (exchange.followRequest) this.#host.sink.requestGap(exchange);
  }

  #onRequestEnd(trailers: Trailers): void {
    const exchange = this.#sending;
    this.#requestStart = this.#micros;
    if (exchange === undefined) return;
    this.#sending = undefined;
    exchange.requestDone = true;
    exchange.times.requestEnd = this.#micros;
    this.#host.sink.requestEnd(exchange, trailers);
    if (exchange.responseDone) this.#complete(exchange);
  }

  #onRequestBroken(reason: BrokenReason, detail: string): void {
    if (reason === 'gap' || this.#unproven) {
      // It may have been the middle of something, unless it looks like a request from beginning to end of its line.
      if (reason !== 'gap' && reason !== 'unexpected_close' && this.#taken) this.#countRefused(detail);
      this.#lose();
    } else if (reason === 'unexpected_close') this.#abandonSending('client_closed');
    // Within a body the exchange itself carries the reason.
    else if (this.#sending !== undefined) this.#surrender('ambiguous');
    else this.#refuse(`${reason}: ${detail}`);
  }

  #onResponse(head: Http1ResponseHead, framing: Framing): void {
    const exchange = this.#pending[0];
    if (exchange === undefined || isInterim(head.status)) return;
    const settings = framing.kind === 'tunnel' ? http2Settings(exchange.request, head) : undefined;
    if (settings !== undefined) {
      this.#becomeHttp2(exchange, settings);
      return;
    }
    exchange.response = head;
    exchange.times.responseStart = this.#responseStart;
    this.#answering = exchange;
    this.#host.sink.response(exchange);
    if (framing.kind === 'tunnel') {
      if (!this.#becomeWebSocket(exchange, head)) this.#enterTunnel(exchange);
    } else if (!exchange.requestDone && exchange.request.method === 'CONNECT') this.#refuseTunnel(exchange);
  }

  #onResponseBody(chunk: Uint8Array): void {
    const exchange = this.#answering;
    if (exchange === undefined) return;
    exchange.responseBodyBytes += chunk.length;
    if (exchange.followResponse) this.#host.sink.responseBody(exchange, chunk);
  }

  #onResponseGap(bytes: number): void {
    if (this.#answering !== undefined) this.#answering.responseBodyBytes += bytes;
  }

  #onResponseEnd(trailers: Trailers): void {
    this.#responseStart = this.#micros;
    const exchange = this.#answering;
    if (exchange === undefined) return;
    exchange.responseTrailers = trailers;
    this.#answering = undefined;
    this.#release(exchange);
    exchange.responseDone = true;
    exchange.times.responseEnd = this.#micros;
    this.#unproven = false;
    if (exchange.requestDone) this.#complete(exchange);
  }

  #onResponseBroken(reason: BrokenReason): void {
    if (reason === 'gap' || reason === 'no_request' || this.#unproven) this.#lose();
    else if (reason === 'unexpected_close') this.#abandon('primary_closed');
    else this.#surrender('ambiguous');
  }

  #enterTunnel(exchange: LiveExchange): void {
    this.#tunnel = true;
    this.#answering = undefined;
    this.#release(exchange);
    if (!exchange.requestDone) this.#endRequest(exchange);
    exchange.responseDone = true;
    exchange.times.responseEnd = this.#micros;
    this.#complete(exchange);
    this.#requests.tunnel();
    this.#leaveOff();
  }

  /** The answer to this request comes on stream 1 (RFC 7540 §3.2). */
  #becomeHttp2(exchange: LiveExchange, settings: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined || !exchange.requestDone) {
      // Where the rest of the request ends and the client's preface begins would have to be guessed.
      this.#surrender('ambiguous');
      return;
    }
    this.#pending.shift();
    this.#successor = new Http2Connection(this.#host, connection, { exchange, settings });
  }

  /** Follows a WebSocket that a copy is made of. @returns false when there is none, or it cannot be read */
  #becomeWebSocket(exchange: LiveExchange, head: Http1ResponseHead): boolean {
    const connection = this.#connection;
    if (connection === undefined || !exchange.followResponse || head.status !== 101) return false;
    if (!asksForWebSocket(exchange.request)) return false;
    const extensions = agreedExtensions(head);
    const key = exchange.request.header('sec-websocket-key') ?? '';
    if (!exchange.requestDone || extensions === 'unknown' || !opensWebSocket(head, key)) {
      exchange.incomplete ??= 'ambiguous';
      return false;
    }
    this.#release(exchange);
    this.#answering = undefined;
    const deflate = extensions === 'none' ? undefined : extensions;
    this.#successor = new WebSocketConnection(this.#host, exchange, deflate, () => {
      for (const side of [FROM_CLIENT, FROM_PRIMARY] as const) this.#host.skip(connection, side, 0, Infinity);
    });
    return true;
  }

  /** A CONNECT that was refused: HTTP goes on, unless the client has sent bytes that would have been the tunnel's. */
  #refuseTunnel(exchange: LiveExchange): void {
    this.#endRequest(exchange);
    if (this.#early) this.#surrender('ambiguous');
    else this.#requests.reset();
  }

  /** The oldest request has its answer. */
  #release({ heldBytes }: LiveExchange): void {
    this.#pending.shift();
    this.#host.waitingBytes -= heldBytes;
  }

  /** A request without an end of its own ends where its answer begins. */
  #endRequest(exchange: LiveExchange): void {
    exchange.requestDone = true;
    exchange.times.requestEnd = exchange.times.responseStart;
    this.#sending = undefined;
    this.#host.sink.requestEnd(exchange, undefined);
  }

  #complete(exchange: LiveExchange): void {
    const { counts, sink } = this.#host;
    counts.exchanges++;
    if (exchange.incomplete !== undefined) counts.incomplete[exchange.incomplete]++;
    else this.#losses = 0;
    sink.done(exchange);
  }

  /** The framing is unknown from here on; waits for a place where it can be known again. */
  #lose(): void {
    // The client may go on with its request after the next answer, or after what it takes for one.
    if (this.#sending !== undefined || !this.#requests.idle) this.#lastDirection = FROM_CLIENT;
    this.#abandon('tape_gap');
    this.#losses++;
    this.#lost = true;
    if (this.#pipelined || this.#losses > this.#host.lossesMax) this.#surrender('tape_gap');
  }

  #resume(chunk: Uint8Array): boolean {
    if (this.#givenUp) return false;
    this.#taken = beginsWithRequestLine(chunk);
    this.#lost = false;
    this.#unproven = true;
    this.#requests.reset();
    this.#responses.reset();
    this.#host.counts.resynchronised++;
    return true;
  }

  /** A request that could be read in more than one way: counted as seen, but no exchange. */
  #refuse(detail: string): void {
    const connection = this.#connection;
    this.#surrender('ambiguous');
    this.#countRefused(detail, connection);
  }

  #countRefused(detail: string, connection = this.#connection): void {
    if (connection === undefined) return;
    const { counts, sink } = this.#host;
    counts.http1Requests++;
    counts.exchanges++;
    counts.incomplete.ambiguous++;
    sink.ambiguous(connection, detail);
  }

  #surrender(reason: IncompleteReason): void {
    this.#abandon(reason);
    this.#lost = true;
    const connection = this.#connection;
    if (connection === undefined || this.#givenUp) return;
    this.#givenUp = true;
    this.#host.counts.givenUp++;
    this.#leaveOff();
  }

  /** The request under way will not become whole; its answer may still come. */
  #abandonSending(reason: IncompleteReason): void {
    const exchange = this.#sending;
    if (exchange === undefined) return;
    this.#sending = undefined;
    exchange.incomplete ??= reason;
    exchange.requestDone = true;
    this.#host.sink.requestGap(exchange);
    if (exchange.responseDone) this.#complete(exchange);
  }

  #abandon(reason: IncompleteReason): void {
    const answered = this.#sending?.responseDone === true ? this.#sending : undefined;
    this.#sending = undefined;
    this.#answering = undefined;
    for (const exchange of answered === undefined ? this.#pending : [answered, ...this.#pending]) {
      exchange.incomplete ??= reason;
      this.#complete(exchange);
    }
    for (const { heldBytes } of this.#pending) this.#host.waitingBytes -= heldBytes;
    this.#pending.length = 0;
  }

  /** Nothing more of this connection is wanted on the tape, also not when it is left out and has room again. */
  #leaveOff(): void {
    this.#skip(FROM_CLIENT, Infinity);
    this.#skip(FROM_PRIMARY, Infinity);
    if (this.#connection !== undefined) this.#host.giveUp(this.#connection);
  }

  #skip(direction: Direction, bytes: number): void {
    if (this.#connection !== undefined)
      this.#host.skip(this.#connection, direction, this.#offsets[direction], bytes);
  }
}

/** Whether a request may begin here; content that does not look like one is no attempt that failed. */
function mayBeRequest(chunk: Uint8Array): boolean {
  const protocol = sniffClient(chunk);
  return protocol === 'http1' || protocol === 'more';
}

function isInterim(status: number): boolean {
  return status < 200 && status !== 101;
}

/** The settings of a client whose request to go on with HTTP/2 was granted. */
function http2Settings(request: RequestHead, answer: ResponseHead): Uint8Array | undefined {
  if (answer.status !== 101 || answer.header('upgrade')?.toLowerCase() !== 'h2c') return undefined;
  const settings = request.header('http2-settings');
  return settings === undefined ? undefined : Buffer.from(settings, 'base64url');
}

function bodyLength(framing: Framing): BodyLength {
  if (framing.kind === 'length') return framing.bytes;
  return framing.kind === 'chunked' ? 'chunked' : 'none';
}
