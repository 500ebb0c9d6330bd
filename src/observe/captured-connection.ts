import type { SocketEnd } from '../model/exchange.ts';
import type { Direction } from '../model/tape.ts';
import type { TcpConnection } from '../wire/tcp/connection.ts';
import type { TcpEvents } from '../wire/tcp/events.ts';
import type { FollowedConnection } from './followed-connection.ts';
import type { TapObserver } from './tap-observer.ts';

/** A connection whose packets were captured. Its addresses are the inner ones where it was in a tunnel. */
export class CapturedConnection implements FollowedConnection {
  readonly tap: string;
  readonly id: number;
  readonly slot: number;
  readonly offsets = [0, 0] as const;
  readonly principal = undefined;
  readonly tls = false;
  readonly #connection: TcpConnection;

  constructor(tap: string, connection: TcpConnection) {
    this.tap = tap;
    this.id = connection.id;
    this.slot = connection.id;
    this.#connection = connection;
  }

  get guessed(): boolean {
    const { midstream, serverBy, conflicts } = this.#connection;
    return midstream || serverBy === 'guess' || conflicts > 0;
  }

  get source(): SocketEnd {
    return { ip: this.#connection.clientIp, port: this.#connection.clientPort };
  }

  get destination(): SocketEnd {
    return { ip: this.#connection.serverIp, port: this.#connection.serverPort };
  }
}

/** Hands what a reassembler finds to an observer: what a tape reader is for a listener. */
export class CapturedEvents implements TcpEvents {
  readonly #tap: string;
  readonly #observer: TapObserver;

  constructor(tap: string, observer: TapObserver) {
    this.#tap = tap;
    this.#observer = observer;
  }

  open(connection: TcpConnection): void {
    this.#observer.follow(new CapturedConnection(this.#tap, connection), connection.midstream);
  }

  data(id: number, direction: Direction, chunk: Uint8Array, micros: number): void {
    this.#observer.data(id, direction, chunk, micros);
  }

  gap(id: number, direction: Direction, bytes: number, lost: boolean, micros: number): void {
    this.#observer.gap(id, direction, bytes, lost, micros);
  }

  end(id: number, direction: Direction, micros: number): void {
    this.#observer.end(id, direction, micros);
  }

  close(id: number, failed: Direction | undefined): void {
    this.#observer.close(id, failed);
  }

  leave(id: number): void {
    this.#observer.leave(id);
  }
}
