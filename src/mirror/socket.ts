import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { rawTcp } from '../kit/raw-tcp.ts';
import type { RawHandler, RawSocket } from '../kit/raw-tcp.ts';
import type { Origin } from './origin.ts';

/** What a connection writes to. Every write says whether the next one has to wait for `drained`. */
export interface MirrorSocket {
  readonly destroyed: boolean;
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  write(bytes: Uint8Array): boolean;
  writeAll(parts: readonly Uint8Array[]): boolean;
  /** An octet for each character. */
  writeLatin1(text: string): boolean;
  destroy(): void;
}

export interface SocketEvents {
  connected(): void;
  /** Bytes can be sent: with TLS that is after the handshake, which may have chosen a protocol (RFC 7301). */
  ready(alpn?: string): void;
  /** A TLS session that the next connection can resume. */
  session(session: Buffer): void;
  /** The chunk is valid during the call only. */
  data(chunk: Uint8Array): void;
  drained(): void;
  ended(): void;
  /** `tls`: TLS itself has failed. `closed` follows. */
  failed(tls: boolean): void;
  closed(): void;
}

/** Begins to connect. Events come later, never from within this call. */
export type SocketOpener = (
  origin: Origin,
  session: Buffer | undefined,
  events: SocketEvents,
) => MirrorSocket;

/** Opens a connection of its own. */
export function openSocket(origin: Origin, session: Buffer | undefined, events: SocketEvents): MirrorSocket {
  const { target, tls } = origin;
  if (tls === undefined && 'port' in target && isIP(target.host ?? '') !== 0) {
    const raw = rawTcp?.connect(target.host ?? '', target.port);
    if (raw !== undefined) return new PlainSocket(raw, events);
  }
  const socket =
    tls === undefined ? connect(target) : connectTls({ ...target, ...tls, ...(session && { session }) });
  return new NodeSocket(socket, tls !== undefined, events);
}

/** The usual one: a third of the cost of a `net.Socket`. */
class PlainSocket implements MirrorSocket, RawHandler {
  readonly #raw: RawSocket;
  readonly #events: SocketEvents;

  constructor(raw: RawSocket, events: SocketEvents) {
    this.#raw = raw;
    this.#events = events;
    raw.handler = this;
  }

  get destroyed(): boolean {
    return this.#raw.destroyed;
  }

  get writableLength(): number {
    return this.#raw.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    return this.#raw.write(bytes);
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let taken = true;
    for (const part of parts) taken = this.#raw.write(part);
    return taken;
  }

  writeLatin1(text: string): boolean {
    return this.#raw.writeLatin1(text);
  }

  destroy(): void {
    this.#raw.destroy();
  }

  connected(): void {
    this.#events.connected();
    this.#raw.resume();
    this.#events.ready();
  }

  data(_socket: RawSocket, chunk: Uint8Array): void {
    this.#events.data(chunk);
  }

  ended(): void {
    this.#events.ended();
  }

  drained(): void {
    this.#events.drained();
  }

  failed(): void {
    this.#events.failed(false);
  }

  closed(): void {
    this.#events.closed();
  }
}

/** For TLS, host names and Unix sockets, and where Node's handles are not to be had. */
class NodeSocket implements MirrorSocket {
  readonly #socket: Socket;

  constructor(socket: Socket, secure: boolean, events: SocketEvents) {
    this.#socket = socket;
    socket.on('connect', () => {
      events.connected();
      if (!secure) events.ready();
    });
    if (secure) {
      socket.on('secureConnect', () => events.ready(alpnOf(socket)));
      socket.on('session', (session: Buffer) => events.session(session));
    }
    socket.on('data', (chunk: Buffer) => events.data(chunk));
    socket.on('drain', () => events.drained());
    socket.on('end', () => events.ended());
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      events.failed(code?.startsWith('ERR_SSL') === true),
    );
    socket.on('close', () => events.closed());
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  writeLatin1(text: string): boolean {
    return this.#socket.write(text, 'latin1');
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function alpnOf(socket: Socket): string | undefined {
  return socket instanceof TLSSocket && typeof socket.alpnProtocol === 'string'
    ? socket.alpnProtocol
    : undefined;
}
