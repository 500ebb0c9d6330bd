import type { IncompleteReason } from '../model/exchange.ts';
import { encodeRecord } from '../model/message-record.ts';
import type { CloseRecord } from '../model/message-record.ts';
import { FROM_CLIENT } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { ABNORMAL, NO_STATUS } from '../wire/websocket/frame.ts';
import type { WebSocketFault } from '../wire/websocket/frame-decoder.ts';
import type { DeflateAgreement } from '../wire/websocket/handshake.ts';
import { MessageDecoder } from '../wire/websocket/message-decoder.ts';
import type { ConnectionDecoder, ConnectionHost } from './connection-decoder.ts';
import type { LiveExchange } from './exchange.ts';

/** Longest message that is followed; a policy's `limits.bodyBytes` is usually less. */
const LIMITS = { messageBytes: 16 * 1024 * 1024, frames: 4096 };

/** Why an exchange ends where one of its sides cannot be read. */
const REASONS: Readonly<Record<WebSocketFault, IncompleteReason>> = {
  malformed: 'ambiguous',
  malformed_deflate: 'ambiguous',
  too_large: 'too_large',
  gap: 'tape_gap',
};

/**
 * A connection that has become a WebSocket (RFC 6455), or a stream of HTTP/2 that has (RFC 8441): the client's messages are the body of the exchange's request, the
 * server's that of its answer, a record each. It is over when both sides have said so, and no longer followed when nobody
 * wants any more of it.
 */
export class WebSocketConnection implements ConnectionDecoder {
  readonly pipelined = false;
  readonly #host: ConnectionHost;
  readonly #onOver: () => void;
  readonly #exchange: LiveExchange;
  readonly #client: MessageDecoder;
  readonly #server: MessageDecoder;
  /** Memory of messages under way, as the host counts it, bytes. */
  #heldBytes = 0;
  /** Messages of the server. */
  #received = 0;
  #first: CloseRecord['by'] | undefined = undefined;
  #receivedAtClose = 0;
  #serverClosed = false;
  #clientClosed = false;
  #micros = 0;
  #over = false;

  /** @param onOver nothing more of it is wanted */
  constructor(
    host: ConnectionHost,
    exchange: LiveExchange,
    deflate: DeflateAgreement | undefined,
    onOver: () => void,
  ) {
    this.#host = host;
    this.#onOver = onOver;
    this.#exchange = exchange;
    const fault = (reason: WebSocketFault): void => this.#end(REASONS[reason]);
    this.#client = new MessageDecoder(
      { sender: 'client', deflate: deflate && { takeover: deflate.clientTakeover }, limits: LIMITS },
      {
        message: (kind, payload) => this.#fromClient(encodeRecord({ kind, payload })),
        // What a client has said and nobody knows cannot be said again.
        lost: () => this.#end('tape_gap'),
        ping: nothing,
        close: (code, reason) => this.#onClientClose(code, reason),
        fault,
      },
    );
    this.#server = new MessageDecoder(
      { sender: 'server', deflate: deflate && { takeover: deflate.serverTakeover }, limits: LIMITS },
      {
        message: (kind, payload) => this.#fromServer(encodeRecord({ kind, payload })),
        lost: () => this.#fromServer(encodeRecord({ kind: 'lost' })),
        ping: nothing,
        close: (code, reason) => this.#onServerClose(code, reason),
        fault,
      },
    );
  }

  data(direction: Direction, chunk: Uint8Array, micros: number): void {
    if (this.#over) return;
    this.#micros = micros;
    (direction === FROM_CLIENT ? this.#client : this.#server).write(chunk);
    this.#count();
    if (!this.#exchange.followRequest && !this.#exchange.followResponse) this.#end(undefined);
  }

  gap(direction: Direction, bytes: number, _lost: boolean, micros: number): void {
    if (this.#over) return;
    this.#micros = micros;
    (direction === FROM_CLIENT ? this.#client : this.#server).gap(bytes);
  }

  end(direction: Direction, micros: number): void {
    if (this.#over || direction === FROM_CLIENT) return;
    this.#micros = micros;
    // The server's end without a Close frame.
    this.#onServerClose(ABNORMAL, '');
    if (!this.#clientClosed) this.#onClientClose(NO_STATUS, '');
  }

  /** The client has ended its side, perhaps after a Close frame: then the server has the word. */
  clientEnded(micros: number): void {
    this.#micros = micros;
    if (!this.#clientClosed) this.finish('client_closed');
  }

  finish(reason: IncompleteReason): void {
    if (this.#over) return;
    if (this.#serverClosed) this.#onClientClose(NO_STATUS, '');
    else this.#end(reason);
  }

  #fromClient(record: Uint8Array): void {
    this.#exchange.requestBodyBytes += record.length;
    if (this.#exchange.followRequest) this.#host.sink.requestBody(this.#exchange, record);
  }

  #fromServer(record: Uint8Array): void {
    this.#received++;
    this.#exchange.responseBodyBytes += record.length;
    if (this.#exchange.followResponse) this.#host.sink.responseBody(this.#exchange, record);
  }

  #onClientClose(code: number, reason: string): void {
    this.#clientClosed = true;
    this.#noteFirst('client');
    this.#fromClient(encodeRecord(this.#closeRecord(code, reason)));
    if (this.#serverClosed) this.#end(undefined);
  }

  #onServerClose(code: number, reason: string): void {
    if (this.#serverClosed) return;
    this.#serverClosed = true;
    this.#noteFirst('server');
    this.#fromServer(encodeRecord(this.#closeRecord(code, reason)));
    if (this.#clientClosed) this.#end(undefined);
  }

  #noteFirst(side: CloseRecord['by']): void {
    if (this.#first !== undefined) return;
    this.#first = side;
    this.#receivedAtClose = this.#received;
  }

  #closeRecord(code: number, reason: string): CloseRecord {
    return { kind: 'close', by: this.#first ?? 'server', code, reason, received: this.#receivedAtClose };
  }

  #count(): void {
    const heldBytes = this.#over ? 0 : this.#client.heldBytes + this.#server.heldBytes;
    this.#host.waitingBytes += heldBytes - this.#heldBytes;
    this.#heldBytes = heldBytes;
    if (heldBytes > 0 && this.#host.waitingBytes > this.#host.waitingBytesMax) this.#end('too_large');
  }

  #end(incomplete: IncompleteReason | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.stop();
    this.#server.stop();
    this.#count();
    const { counts, sink } = this.#host;
    const exchange = this.#exchange;
    exchange.incomplete ??= incomplete;
    exchange.responseDone = true;
    exchange.times.responseEnd = this.#micros;
    counts.exchanges++;
    if (exchange.incomplete !== undefined) counts.incomplete[exchange.incomplete]++;
    sink.done(exchange);
    this.#onOver();
  }
}

function nothing(): void {}
