import { zeroCounts } from '../kit/counts.ts';
import type { Direction } from '../model/tape.ts';
import { sniffClient } from '../wire/sniff.ts';
import type { TcpConnection } from '../wire/tcp/connection.ts';
import type { TcpEvents } from '../wire/tcp/events.ts';
import { TLS_OPAQUE_REASONS } from '../wire/tls/events.ts';
import type { TlsOpaqueReason } from '../wire/tls/events.ts';
import type { KeyLog } from '../wire/tls/key-log.ts';
import { isRecordHead, RECORD } from '../wire/tls/record.ts';
import { serverNameOf } from '../wire/tls/server-name.ts';
import { CapturedEvents } from './captured-connection.ts';
import { DecryptedConnection } from './decrypted-connection.ts';
import type { DecryptedConnectionHost, PlaintextReader } from './decrypted-connection.ts';
import type { TapObserver } from './tap-observer.ts';

/** What decryption may hold. Times are of packets, not of the clock. */
export interface TlsLimits {
  /** TLS connections followed at once; others are opaque. A record of each direction may be under way, 36 KiB at most. */
  readonly connections: number;
  /** What one connection may hold while its secrets are not in the key log, or the size of a loss is not known, bytes. */
  readonly waitBytes: number;
  /** And for how long. 0: not at all, for a key log that is complete. */
  readonly waitMicros: number;
  /** What all connections together may hold, bytes. */
  readonly heldBytes: number;
  /** Names of opaque connections that are counted one by one. */
  readonly names: number;
}

export const TLS_LIMITS: TlsLimits = {
  connections: 16_384,
  waitBytes: 256 * 1024,
  waitMicros: 2e6,
  heldBytes: 64 * 1024 * 1024,
  names: 1024,
};

/** What has become of TLS connections since the begin. */
export interface TlsCounts {
  /** TLS connections seen. */
  connections: number;
  /** Of which plaintext was read, by version. One may be opaque later. */
  readonly decrypted: { tls12: number; tls13: number };
  readonly opaque: Record<TlsOpaqueReason, number>;
  /** Losses of unknown size: the exchanges under way were given up. */
  lost: number;
  /** Connections that had to wait, and those whose wait was in vain: too long, or too much behind it. */
  waited: number;
  expired: number;
}

export interface DecryptingOptions {
  readonly tap: string;
  readonly observer: TapObserver;
  /** Who reads what was decrypted; the observer by default. */
  readonly plaintext?: PlaintextReader;
  /** What comes to it later is used too. */
  readonly keyLog: KeyLog;
  readonly limits?: Partial<TlsLimits>;
  /** Nobody wants this connection's bytes any more: `TcpReassembler.giveUp`. */
  readonly giveUp: (id: number) => void;
}

/** A connection whose first bytes are too few to tell whether it is TLS. */
interface Undecided {
  readonly connection: TcpConnection;
  first: Uint8Array;
  firstMicros: number;
  gaps: (readonly [direction: Direction, bytes: number, micros: number])[];
}

const NOTHING = new Uint8Array(0);
const GAPS_MAX = 16;
/** Time that goes back by more than this is another time. */
const CLOCK_BACK_MICROS = 60e6;

/**
 * Stands between a reassembler and an observer: TLS connections are decrypted with the secrets of a key log, those that cannot
 * be are counted with the name that their clients asked for, and everything else goes to the observer as it is.
 *
 * Owner's duties: `advance` now and then with the time of capture, when there are no packets too; `finish` after the
 * reassembler's `finish`. Key logs and secrets of capture files are read into the `KeyLog` by `KeyLogReader`, at any time.
 */
export class DecryptingEvents implements TcpEvents, DecryptedConnectionHost {
  readonly tap: string;
  readonly plaintext: PlaintextReader;
  readonly counts: TlsCounts = {
    connections: 0,
    decrypted: { tls12: 0, tls13: 0 },
    opaque: zeroCounts(TLS_OPAQUE_REASONS),
    lost: 0,
    waited: 0,
    expired: 0,
  };
  /** Opaque connections by the name that was asked for, the first `limits.names` ones; '' for those without and the rest. */
  readonly opaqueNames = new Map<string, number>();
  readonly #limits: TlsLimits;
  readonly #keyLog: KeyLog;
  readonly #giveUp: (id: number) => void;
  readonly #unlisten: () => void;
  readonly #plain: CapturedEvents;
  readonly #undecided = new Map<number, Undecided>();
  readonly #connections = new Map<number, DecryptedConnection>();
  /** Those that wait, the longest first. */
  readonly #waiting = new Set<DecryptedConnection>();
  /** Those among them by the random of their sessions. */
  readonly #byRandom = new Map<string, Set<DecryptedConnection>>();
  /** TLS connections that are not followed. */
  readonly #ignored = new Set<number>();
  #heldBytes = 0;
  #now = 0;

  constructor(options: DecryptingOptions) {
    this.tap = options.tap;
    this.plaintext = options.plaintext ?? options.observer;
    this.#keyLog = options.keyLog;
    this.#giveUp = options.giveUp;
    this.#limits = { ...TLS_LIMITS, ...options.limits };
    this.#plain = new CapturedEvents(options.tap, options.observer);
    this.#unlisten = this.#keyLog.listen((random) => this.#wake(random));
  }

  /** TLS connections followed now, those that wait, and the memory that this takes, bytes. */
  get connections(): number {
    return this.#connections.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  open(connection: TcpConnection): void {
    this.#undecided.set(connection.id, { connection, first: NOTHING, firstMicros: 0, gaps: [] });
  }

  data(id: number, direction: Direction, chunk: Uint8Array, micros: number): void {
    const connection = this.#connections.size === 0 ? undefined : this.#connections.get(id);
    if (connection !== undefined) {
      connection.stream.data(direction, chunk, micros);
      this.#settle(connection, micros);
      return;
    }
    const undecided = this.#undecided.size === 0 ? undefined : this.#undecided.get(id);
    if (undecided !== undefined) this.#decide(undecided, direction, chunk, micros);
    else if (!this.#ignored.has(id)) this.#plain.data(id, direction, chunk, micros);
  }

  gap(id: number, direction: Direction, bytes: number, lost: boolean, micros: number): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) {
      connection.stream.gap(direction, bytes, micros);
      this.#settle(connection, micros);
      return;
    }
    const undecided = this.#undecided.get(id);
    if (undecided !== undefined) {
      if (undecided.gaps.length >= GAPS_MAX) this.#passOn(undecided);
      else {
        undecided.gaps.push([direction, bytes, micros]);
        return;
      }
    }
    if (!this.#ignored.has(id)) this.#plain.gap(id, direction, bytes, lost, micros);
  }

  end(id: number, direction: Direction, micros: number): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) {
      connection.stream.end(direction, micros);
      this.#settle(connection, micros);
      return;
    }
    const undecided = this.#undecided.get(id);
    if (undecided !== undefined) this.#passOn(undecided);
    if (!this.#ignored.has(id)) this.#plain.end(id, direction, micros);
  }

  close(id: number, failed: Direction | undefined, micros = this.#now): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) {
      connection.stream.close(failed, micros);
      this.#settle(connection, micros);
    } else if (!this.#forget(id)) this.#plain.close(id, failed);
  }

  leave(id: number, micros = this.#now): void {
    const connection = this.#connections.get(id);
    if (connection !== undefined) {
      connection.stream.leave(micros);
      this.#settle(connection, micros);
    } else if (!this.#forget(id)) this.#plain.leave(id);
  }

  /** So late is it: whoever has waited for too long does not any more. */
  advance(micros: number): void {
    if (isEarlier(micros, this.#now)) return;
    this.#now = micros;
    for (const connection of this.#waiting) {
      const waited = micros - connection.waitsSince;
      if (waited < this.#limits.waitMicros && waited > -CLOCK_BACK_MICROS) return;
      this.#expire(connection);
    }
  }

  /** The input is over: nothing is waited for any more, and the key log is let go. */
  finish(): void {
    this.#unlisten();
    for (const connection of this.#waiting) this.#expire(connection);
  }

  onDecrypted({ info }: DecryptedConnection): void {
    this.counts.decrypted[info.version === 0x0304 ? 'tls13' : 'tls12']++;
  }

  onLost(): void {
    this.counts.lost++;
  }

  onOpaque({ id, info }: DecryptedConnection, reason: TlsOpaqueReason): void {
    this.#countOpaque(info.serverName, reason);
    this.#giveUp(id);
  }

  onOver(connection: DecryptedConnection): void {
    this.#connections.delete(connection.id);
  }

  #decide(undecided: Undecided, direction: Direction, chunk: Uint8Array, micros: number): void {
    const { connection, first, gaps } = undecided;
    const bytes = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
    const whole = !connection.midstream && gaps.length === 0;
    if (direction === 0 && bytes[0] === RECORD.handshake) {
      const protocol = sniffClient(bytes);
      if (protocol === 'more') {
        if (first.length === 0) undecided.firstMicros = micros;
        undecided.first = Buffer.from(bytes);
        return;
      }
      if (protocol === 'tls') {
        this.#begin(connection, bytes, micros);
        return;
      }
    }
    if (isRecordHead(bytes)) {
      // TLS, and its hello was not captured.
      this.#undecided.delete(connection.id);
      this.counts.connections++;
      this.#ignore(connection.id, undefined, whole ? 'handshake_lost' : 'midstream');
      return;
    }
    this.#passOn(undecided);
    this.#plain.data(connection.id, direction, chunk, micros);
  }

  #begin(connection: TcpConnection, bytes: Uint8Array, micros: number): void {
    this.#undecided.delete(connection.id);
    this.counts.connections++;
    if (this.#connections.size >= this.#limits.connections) {
      this.#ignore(connection.id, serverNameOf(bytes), 'limit');
      return;
    }
    const decrypted = new DecryptedConnection(this, connection, this.#keyLog);
    this.#connections.set(connection.id, decrypted);
    decrypted.stream.data(0, bytes, micros);
    this.#settle(decrypted, micros);
  }

  /** It is no TLS: what was held back goes on. */
  #passOn({ connection, first, firstMicros, gaps }: Undecided): void {
    this.#undecided.delete(connection.id);
    this.#plain.open(connection);
    for (const [direction, bytes, micros] of gaps)
      this.#plain.gap(connection.id, direction, bytes, true, micros);
    if (first.length > 0) this.#plain.data(connection.id, 0, first, firstMicros);
  }

  #ignore(id: number, name: string | undefined, reason: TlsOpaqueReason): void {
    this.#ignored.add(id);
    this.#countOpaque(name, reason);
    this.#giveUp(id);
  }

  /** @returns whether the observer has never heard of it */
  #forget(id: number): boolean {
    const undecided = this.#undecided.get(id);
    if (undecided !== undefined) this.#passOn(undecided);
    return this.#ignored.delete(id);
  }

  #countOpaque(name: string | undefined, reason: TlsOpaqueReason): void {
    this.counts.opaque[reason]++;
    const known =
      name !== undefined && (this.opaqueNames.has(name) || this.opaqueNames.size < this.#limits.names);
    const key = known ? name : '';
    this.opaqueNames.set(key, (this.opaqueNames.get(key) ?? 0) + 1);
  }

  /** Accounts for what a connection holds now, and ends waits that are too long or hold too much. */
  #settle(connection: DecryptedConnection, micros: number): void {
    const { stream } = connection;
    const { waits } = stream;
    if (waits || connection.waitsSince !== 0) {
      this.#heldBytes -= connection.heldBytes;
      connection.heldBytes = waits ? stream.heldBytes : 0;
      this.#heldBytes += connection.heldBytes;
      if (waits !== (connection.waitsSince !== 0)) this.#wait(connection, waits, micros);
      if (waits && (connection.heldBytes > this.#limits.waitBytes || this.#limits.waitMicros === 0))
        this.#expire(connection);
      while (this.#heldBytes > this.#limits.heldBytes) {
        const [longest] = this.#waiting;
        if (longest === undefined) break;
        this.#expire(longest);
      }
    }
    if (this.#waiting.size > 0) this.advance(micros);
  }

  #wait(connection: DecryptedConnection, waits: boolean, micros: number): void {
    if (waits) connection.waitsFor = connection.stream.random;
    const random = connection.waitsFor;
    const same = this.#byRandom.get(random) ?? new Set();
    if (waits) {
      this.counts.waited++;
      connection.waitsSince = micros;
      this.#waiting.add(connection);
      this.#byRandom.set(random, same.add(connection));
      return;
    }
    connection.waitsSince = 0;
    this.#waiting.delete(connection);
    same.delete(connection);
    if (same.size === 0) this.#byRandom.delete(random);
  }

  #wake(random: string): void {
    for (const connection of this.#byRandom.get(random) ?? []) {
      connection.stream.wake();
      this.#settle(connection, connection.waitsSince);
    }
  }

  #expire(connection: DecryptedConnection): void {
    this.counts.expired++;
    connection.stream.expire();
    this.#heldBytes -= connection.heldBytes;
    connection.heldBytes = 0;
    if (connection.waitsSince !== 0) this.#wait(connection, false, 0);
  }
}

/** Packets of several queues may be a little out of order. */
function isEarlier(micros: number, now: number): boolean {
  return micros < now && micros > now - CLOCK_BACK_MICROS;
}
