import type { Socket } from 'node:net';
import { epochMicros } from '../kit/clock.ts';
import { RawSocket } from '../kit/raw-tcp.ts';
import type { RawHandler } from '../kit/raw-tcp.ts';
import type { Slab } from '../kit/slab.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import type { EndpointState } from './balance.ts';
import type { TapeTrack, TapeWriter } from './tape-writer.ts';

/** Where a relay's bytes are shown to an observer, and counted. One per live worker; may change while relays live. */
export interface RelayHost {
  /** Counts up once a sweep; a relay notes the value at its last byte. */
  readonly tick: number;
  /** Where bytes are kept that may have to wait for the other side. */
  readonly slab: Slab;
  /** The tape that a connection's bytes go to; undefined while nobody observes. */
  tapeOf(relay: Relay): TapeWriter | undefined;
  relayed(direction: Direction, bytes: number): void;
  /** Both sockets are closed. */
  ended(relay: Relay): void;
}

/** Either side of a relay. */
export type RelayStream = Socket | RawSocket;

interface NodeSocket extends Socket {
  relay?: Relay;
}

/**
 * One client connection and its connection to the primary: bytes go over as they come, with the backpressure, half-close
 * and resets of either side passed on to the other. The write to the other side comes first, the tape second; nothing
 * here waits for anything else.
 */
export class Relay {
  readonly host: RelayHost;
  readonly client: RelayStream;
  readonly upstream: RelayStream;
  readonly endpoint: EndpointState;
  readonly track: TapeTrack;
  lastTick: number;
  #open = 2;
  #failed: Direction | undefined;
  #primaryEnded = false;
  /** Which way the last bytes went; a client that has said nothing yet is owed nothing, either. */
  #lastDirection: Direction = FROM_PRIMARY;

  /** Both sockets are connected, nothing has been read from either, and neither has handlers. */
  constructor(
    host: RelayHost,
    client: RelayStream,
    upstream: RelayStream,
    endpoint: EndpointState,
    track: TapeTrack,
  ) {
    this.host = host;
    this.client = client;
    this.upstream = upstream;
    this.endpoint = endpoint;
    this.track = track;
    this.lastTick = host.tick;
    host.tapeOf(this)?.open(track, epochMicros());
    attach(client, this, onClientData, RAW_CLIENT);
    attach(upstream, this, onPrimaryData, RAW_PRIMARY);
    client.resume();
    upstream.resume();
    // It may have ended its side while the primary was being connected to; then nobody tells again.
    if (!(client instanceof RawSocket) && client.readableEnded) this.ended(client);
  }

  /** Whether the last byte came from the primary: most likely no answer is under way. */
  get answered(): boolean {
    return this.#lastDirection === FROM_PRIMARY;
  }

  /** Closes both sides at once. */
  destroy(): void {
    this.client.destroy();
    this.upstream.destroy();
  }

  /** Lets what is written go out, then closes both sides. */
  finish(): void {
    this.client.end();
    this.upstream.end();
    this.client.destroySoon();
    this.upstream.destroySoon();
  }

  transfer(from: RelayStream, to: RelayStream, direction: Direction, chunk: Uint8Array): void {
    const { host } = this;
    if (!to.write(chunk)) from.pause();
    this.lastTick = host.tick;
    this.#lastDirection = direction;
    host.relayed(direction, chunk.length);
    const tape = host.tapeOf(this);
    if (tape !== undefined) tape.data(this.track, direction, chunk, epochMicros());
  }

  ended(socket: RelayStream): void {
    this.#other(socket).end();
    if (socket === this.client) {
      // After the primary it says nothing that the close does not say.
      if (!this.#primaryEnded) this.host.tapeOf(this)?.end(this.track, FROM_CLIENT, epochMicros());
    } else {
      this.#primaryEnded = true;
      this.host.tapeOf(this)?.end(this.track, FROM_PRIMARY, epochMicros());
    }
  }

  drained(socket: RelayStream): void {
    this.#other(socket).resume();
  }

  failed(socket: RelayStream): void {
    this.#failed ??= socket === this.client ? FROM_CLIENT : FROM_PRIMARY;
    resetAfterFlush(this.#other(socket));
  }

  closed(socket: RelayStream): void {
    this.#open--;
    if (this.#open > 0) {
      // A side that ended properly has ended the other one already; one that was destroyed has not.
      const other = this.#other(socket);
      if (!other.writableEnded) resetAfterFlush(other);
      return;
    }
    this.host.tapeOf(this)?.close(this.track, this.#failed, epochMicros());
    this.host.ended(this);
  }

  #other(socket: RelayStream): RelayStream {
    return socket === this.client ? this.upstream : this.client;
  }
}

/**
 * Passes an abort on: what has been written still goes out, then the connection is reset, so that the peer cannot take
 * a cut answer for a whole one.
 */
export function resetAfterFlush(socket: RelayStream): void {
  if (socket.destroyed) return;
  if (socket.writableLength === 0) reset(socket);
  else if (socket instanceof RawSocket) socket.whenFlushed(() => reset(socket));
  else if (socket.writableEnded) socket.once('finish', () => reset(socket));
  else socket.write(NOTHING, () => reset(socket));
}

const NOTHING = new Uint8Array(0);

/** Closes a connection at once, with a reset where there is such a thing. */
export function reset(socket: RelayStream): void {
  if (socket.destroyed) return;
  // TLS has no reset of its own; without a close_notify its peer knows that the end was not a proper one.
  if ('encrypted' in socket) {
    socket.destroy();
    return;
  }
  try {
    socket.resetAndDestroy();
  } catch {
    // Nor has a Unix socket.
    socket.destroy();
  }
}

function attach(
  stream: RelayStream,
  relay: Relay,
  onData: (this: NodeSocket, chunk: Uint8Array) => void,
  handler: RawHandler,
): void {
  if (stream instanceof RawSocket) {
    stream.context = relay;
    stream.handler = handler;
    return;
  }
  const socket: NodeSocket = stream;
  socket.relay = relay;
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('drain', onDrain);
  socket.on('error', onError);
  socket.on('close', onClose);
}

// One function each for all sockets: closures for every connection would cost an allocation a piece.
function onClientData(this: NodeSocket, chunk: Uint8Array): void {
  const { relay } = this;
  if (relay !== undefined) relay.transfer(this, relay.upstream, FROM_CLIENT, chunk);
}

function onPrimaryData(this: NodeSocket, chunk: Uint8Array): void {
  const { relay } = this;
  if (relay !== undefined) relay.transfer(this, relay.client, FROM_PRIMARY, chunk);
}

function onEnd(this: NodeSocket): void {
  this.relay?.ended(this);
}

function onDrain(this: NodeSocket): void {
  this.relay?.drained(this);
}

function onError(this: NodeSocket): void {
  this.relay?.failed(this);
}

function onClose(this: NodeSocket): void {
  this.relay?.closed(this);
}

function relayOf(socket: RawSocket): Relay | undefined {
  return socket.context instanceof Relay ? socket.context : undefined;
}

const RAW_LIFE = {
  ended: (socket: RawSocket): void => relayOf(socket)?.ended(socket),
  drained: (socket: RawSocket): void => relayOf(socket)?.drained(socket),
  failed: (socket: RawSocket): void => relayOf(socket)?.failed(socket),
  closed: (socket: RawSocket): void => relayOf(socket)?.closed(socket),
};
const RAW_CLIENT: RawHandler = {
  ...RAW_LIFE,
  data(socket, chunk) {
    const relay = relayOf(socket);
    if (relay !== undefined) relay.transfer(socket, relay.upstream, FROM_CLIENT, relay.host.slab.copy(chunk));
  },
};
const RAW_PRIMARY: RawHandler = {
  ...RAW_LIFE,
  data(socket, chunk) {
    const relay = relayOf(socket);
    if (relay !== undefined) relay.transfer(socket, relay.client, FROM_PRIMARY, relay.host.slab.copy(chunk));
  },
};
