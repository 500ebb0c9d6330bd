import type { Carrier, CarrierHost, CarrierPool, Guest } from './carrier.ts';
import { Connection } from './connection.ts';
import type { ConnectionOwner } from './connection.ts';
import { openSocket } from './socket.ts';
import type { SocketOpener } from './socket.ts';

/** The HTTP/1.1 connections of one mirror. */
export class ConnectionPool implements CarrierPool, ConnectionOwner {
  readonly protocol = 'http1';
  readonly #host: CarrierHost;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #onEmpty: (() => void) | undefined;

  constructor(host: CarrierHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#all.size;
  }

  carriers(): Iterable<Carrier> {
    return this.#all;
  }

  /** The connection that was used last, so that those not needed grow old; a new one when none is idle. */
  take(): Connection {
    return this.takeIdle() ?? this.#open();
  }

  takeIdle(): Connection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.usable) return connection;
    }
    return undefined;
  }

  bring(guest: Guest): () => void {
    this.#host.stats.connects++;
    guest.connection(openSocket);
    return nothing;
  }

  /** A connection on a socket that is there. */
  adopt(open: SocketOpener): Connection {
    const connection = new Connection(this.#host, this, open);
    this.#all.add(connection);
    return connection;
  }

  idle(connection: Connection): void {
    this.#idle.push(connection);
  }

  lost(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    connection.destroy();
  }

  sweep(nowMs: number): void {
    // The oldest are in front.
    for (const connection of this.#idle.filter(({ idleSinceMs, idleMs }) => nowMs - idleSinceMs >= idleMs)) {
      this.lost(connection);
    }
  }

  closed(connection: Connection): void {
    this.#all.delete(connection);
    this.#host.resized();
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  destroy(): void {
    this.#idle.length = 0;
    for (const connection of this.#all) connection.destroy();
  }

  async empty(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #open(): Connection {
    const connection = new Connection(this.#host, this);
    this.#all.add(connection);
    this.#host.stats.connects++;
    this.#host.resized();
    return connection;
  }
}

function nothing(): void {}
