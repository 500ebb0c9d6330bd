import type { IncompleteReason } from '../model/exchange.ts';
import { FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { Http2RequestHead } from '../wire/http2/head.ts';
import type { Extensions } from '../wire/websocket/handshake.ts';
import type { ConnectionHost } from './connection-decoder.ts';
import type { LiveExchange } from './exchange.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** The streams of an HTTP/2 connection that are WebSockets (RFC 8441). A stream that is none is passed over. */
export class Http2WebSockets {
  readonly #host: ConnectionHost;
  readonly #streams = new Map<number, WebSocketConnection>();

  constructor(host: ConnectionHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** The exchange is counted, and told of, when it is over; what it holds is given back then. */
  open(stream: number, exchange: LiveExchange, extensions: Exclude<Extensions, 'unknown'>): void {
    const deflate = extensions === 'none' ? undefined : extensions;
    const over = (): void => {
      this.#streams.delete(stream);
      this.#host.waitingBytes -= exchange.heldBytes;
    };
    this.#streams.set(stream, new WebSocketConnection(this.#host, exchange, deflate, over));
  }

  data(stream: number, direction: Direction, chunk: Uint8Array, micros: number): void {
    this.#streams.get(stream)?.data(direction, chunk, micros);
  }

  gap(stream: number, direction: Direction, bytes: number, micros: number): void {
    this.#streams.get(stream)?.gap(direction, bytes, true, micros);
  }

  /** One side will say nothing more on this stream. */
  end(stream: number, direction: Direction, micros: number): void {
    const socket = this.#streams.get(stream);
    if (direction === FROM_PRIMARY) socket?.end(FROM_PRIMARY, micros);
    else socket?.clientEnded(micros);
  }

  finish(stream: number, reason: IncompleteReason): void {
    this.#streams.get(stream)?.finish(reason);
  }

  /** The primary has ended the connection. */
  primaryEnded(micros: number): void {
    for (const socket of this.#streams.values()) socket.end(FROM_PRIMARY, micros);
  }

  finishAll(reason: IncompleteReason): void {
    for (const socket of this.#streams.values()) socket.finish(reason);
  }
}

/** Whether an exchange is one of HTTP/2 that asks for a WebSocket. */
export function isForWebSocket({ request }: LiveExchange): boolean {
  return request instanceof Http2RequestHead && request.protocol === 'websocket';
}
