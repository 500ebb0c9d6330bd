import type { MirrorFailure } from '../model/exchange.ts';
import { ResponseDecoder } from '../wire/http1/decoder.ts';
import type { Framing } from '../wire/http1/decoder.ts';
import type { Http1ResponseHead } from '../wire/http1/head.ts';
import { agreedExtensions, opensWebSocket } from '../wire/websocket/handshake.ts';
import type { Origin } from './origin.ts';
import { openSocket } from './socket.ts';
import type { MirrorSocket, SocketOpener } from './socket.ts';
import type { CountedMirrorStats } from './stats.ts';
import type { ChannelEvents, WebSocketChannel } from './web-socket-channel.ts';

/** A request that asks for a WebSocket in HTTP/1.1. */
export interface UpgradeRequest {
  /** All of it, an octet for each character, with `key` in it. */
  readonly text: string;
  readonly key: string;
}

/** A WebSocket on a connection of its own that begins as HTTP/1.1 (RFC 6455 §4). */
export class UpgradeChannel implements WebSocketChannel {
  ready = false;
  readonly #request: UpgradeRequest;
  readonly #stats: CountedMirrorStats;
  readonly #events: ChannelEvents;
  readonly #socket: MirrorSocket;
  readonly #decoder: ResponseDecoder;
  #connected = false;
  #opened = false;
  #answered = false;
  #over = false;

  constructor(
    request: UpgradeRequest,
    origin: Origin,
    stats: CountedMirrorStats,
    events: ChannelEvents,
    open: SocketOpener = openSocket,
  ) {
    this.#request = request;
    this.#stats = stats;
    this.#events = events;
    this.#decoder = new ResponseDecoder(
      {
        head: (head, framing) => this.#onHead(head, framing),
        body: (chunk) => events.content(chunk),
        bodyGap: () => {},
        end: () => {
          if (this.#answered && !this.#opened) events.whole();
        },
        tunnel: (chunk) => events.frames(chunk),
        broken: (reason) => {
          if (!this.#opened) this.#fail(reason === 'unexpected_close' ? 'closed' : 'malformed');
        },
      },
      () => 'GET',
    );
    this.#socket = open(origin, undefined, {
      connected: () => {
        this.#connected = true;
      },
      ready: () => this.#onReady(),
      session: () => {},
      data: (chunk) => this.#onData(chunk),
      drained: () => events.drained(),
      ended: () => this.#onClosed('closed'),
      failed: (tls) => this.#onClosed(this.#failureOf(tls)),
      closed: () => {
        this.#onClosed('closed');
        events.closed();
      },
    });
  }

  get unsentBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength;
  }

  write(frames: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#stats.bytesOut += frames.length;
    this.#socket.write(frames);
  }

  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #onReady(): void {
    if (this.#over) return;
    this.ready = true;
    this.#stats.bytesOut += this.#request.text.length;
    this.#socket.writeLatin1(this.#request.text);
    this.#events.sent();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#stats.bytesIn += chunk.length;
    this.#decoder.write(chunk);
  }

  #onHead(head: Http1ResponseHead, framing: Framing): void {
    if (this.#over) return;
    if (framing.kind !== 'tunnel') {
      if (head.status < 200) return;
      this.#answered = true;
      this.#events.refused(head);
      return;
    }
    const extensions = agreedExtensions(head);
    if (!opensWebSocket(head, this.#request.key) || extensions === 'unknown') {
      this.#fail('malformed');
      return;
    }
    this.#opened = true;
    this.#events.opened(head, extensions);
  }

  #onClosed(failure: MirrorFailure): void {
    if (this.#over) return;
    // An answer may end with its connection.
    if (!this.#opened && this.#answered) this.#decoder.close();
    this.#fail(failure);
  }

  #fail(failure: MirrorFailure): void {
    if (!this.#over) this.#events.failed(failure);
  }

  #failureOf(tls: boolean): MirrorFailure {
    if (!this.#connected) return 'connect';
    return this.ready && !tls ? 'reset' : 'tls';
  }
}
