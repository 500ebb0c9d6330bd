import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection.ts';

/** The connections of one mirror. How many there are is bounded by how many copies are under way at once. */
export class ConnectionPool {
  readonly #host: ConnectionHost;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #onEmpty: (() => void) | undefined;

  constructor(host: ConnectionHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Every connection that is not yet closed. */
  get all(): Iterable<Connection> {
    return this.#all;
  }

  /** The connection that was used last, so that those not needed grow old; a new one when none is idle. */
  take(): Connection {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.usable) return connection;
    }
    const connection = new Connection(this.#host);
    this.#all.add(connection);
    return connection;
  }

  giveBack(connection: Connection, nowMs: number): void {
    connection.idleSinceMs = nowMs;
    this.#idle.push(connection);
  }

  /** Closes a connection that is idle. */
  drop(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    connection.destroy();
  }

  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void {
    // The oldest are in front.
    for (const connection of this.#idle.filter(({ idleSinceMs, idleMs }) => nowMs - idleSinceMs >= idleMs)) {
      this.drop(connection);
    }
  }

  /** The connection's socket is gone. */
  closed(connection: Connection): void {
    this.#all.delete(connection);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Closes every connection at once. */
  destroy(): void {
    this.#idle.length = 0;
    for (const connection of this.#all) connection.destroy();
  }

  /** Resolves when no connection is left; only one may wait for that. */
  async empty(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}
