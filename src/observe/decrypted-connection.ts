import type { SocketEnd } from '../model/exchange.ts';
import type { Direction } from '../model/tape.ts';
import type { TcpConnection } from '../wire/tcp/connection.ts';
import type { TlsEvents, TlsInfo, TlsOpaqueReason } from '../wire/tls/events.ts';
import type { KeyLog } from '../wire/tls/key-log.ts';
import { TlsStream } from '../wire/tls/tls-stream.ts';
import type { FollowedConnection } from './followed-connection.ts';
import type { TapObserver } from './tap-observer.ts';

/** Whom a connection tells what became of it. */
/** Who reads what was decrypted: an observer, or what stands before it. */
export type PlaintextReader = Pick<TapObserver, 'follow' | 'data' | 'gap' | 'end' | 'close' | 'leave'>;

export interface DecryptedConnectionHost {
  readonly tap: string;
  readonly plaintext: PlaintextReader;
  onDecrypted(connection: DecryptedConnection): void;
  onLost(): void;
  onOpaque(connection: DecryptedConnection, reason: TlsOpaqueReason): void;
  /** Nothing more comes of it. */
  onOver(connection: DecryptedConnection): void;
}

/**
 * A captured TLS connection, whose plaintext an observer reads. The observer hears of it with its first plaintext; behind a loss
 * of unknown size it is taken in anew, as one in mid-stream.
 */
export class DecryptedConnection implements FollowedConnection, TlsEvents {
  readonly tap: string;
  readonly id: number;
  readonly slot: number;
  readonly offsets = [0, 0] as const;
  readonly principal = undefined;
  readonly tls = true;
  readonly stream: TlsStream;
  /** When it began to wait, capture time; 0 while it does not. */
  waitsSince = 0;
  /** The session whose secrets it may wait for. */
  waitsFor = '';
  /** What is counted of it as held, bytes. */
  heldBytes = 0;
  readonly #host: DecryptedConnectionHost;
  readonly #connection: TcpConnection;
  #followed = false;
  #midstream = false;

  constructor(host: DecryptedConnectionHost, connection: TcpConnection, keys: KeyLog) {
    this.tap = host.tap;
    this.id = connection.id;
    this.slot = connection.id;
    this.#host = host;
    this.#connection = connection;
    this.stream = new TlsStream(keys, this);
  }

  /** What its records say is authenticated, and so is who the client is; only behind a loss the begin is not known. */
  get guessed(): boolean {
    return this.#midstream;
  }

  get source(): SocketEnd {
    return { ip: this.#connection.clientIp, port: this.#connection.clientPort };
  }

  get destination(): SocketEnd {
    return { ip: this.#connection.serverIp, port: this.#connection.serverPort };
  }

  /** What its handshake said. */
  get info(): TlsInfo {
    return this.stream.info;
  }

  decrypted(): void {
    this.#host.onDecrypted(this);
  }

  data(direction: Direction, chunk: Uint8Array, micros: number): void {
    if (!this.#followed) {
      this.#followed = true;
      this.#host.plaintext.follow(this, this.#midstream);
    }
    this.#host.plaintext.data(this.id, direction, chunk, micros);
  }

  gap(direction: Direction, bytes: number, micros: number): void {
    if (this.#followed) this.#host.plaintext.gap(this.id, direction, bytes, true, micros);
    else this.#midstream = true;
  }

  lost(): void {
    this.#host.onLost();
    this.#leave();
    this.#midstream = true;
  }

  end(direction: Direction, micros: number): void {
    if (this.#followed) this.#host.plaintext.end(this.id, direction, micros);
  }

  close(failed: Direction | undefined): void {
    if (this.#followed) this.#host.plaintext.close(this.id, failed);
    this.#host.onOver(this);
  }

  leave(): void {
    this.#leave();
    this.#host.onOver(this);
  }

  opaque(reason: TlsOpaqueReason): void {
    this.#leave();
    this.#host.onOpaque(this, reason);
  }

  #leave(): void {
    if (this.#followed) this.#host.plaintext.leave(this.id);
    this.#followed = false;
  }
}
