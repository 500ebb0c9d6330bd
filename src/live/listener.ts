import net from 'node:net';
import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import { messageOf, UserError } from '../kit/errors.ts';
import { rawTcp } from '../kit/raw-tcp.ts';
import type { RawSocket } from '../kit/raw-tcp.ts';
import { Slab } from '../kit/slab.ts';
import { removeStaleSocket } from '../kit/unix-socket.ts';
import { LIVE_STAT } from '../model/live-stats.ts';
import type { LiveStatName } from '../model/live-stats.ts';
import type { Address, ListenerSettings } from '../model/settings.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction, Tape } from '../model/tape.ts';
import type { EndpointState } from './balance.ts';
import { Arrivals } from './arrival.ts';
import type { ArrivalEvents, Arrived } from './arrival.ts';
import { Connector } from './connector.ts';
import type { ConnectorEvents } from './connector.ts';
import { encodeProxyHeader } from './proxy-protocol.ts';
import { Relay, reset, resetAfterFlush } from './relay.ts';
import type { RelayHost, RelayStream } from './relay.ts';
import { SlotPool } from './slots.ts';
import { createTapeTrack, forgetTape, TapeWriter } from './tape-writer.ts';
import type { ConnectionNote } from './tape-writer.ts';
import type { ClientPem } from './tls-client.ts';
import type { TlsBundle } from './tls-server.ts';

export interface LiveListenerOptions {
  readonly settings: ListenerSettings;
  /** Where to listen; the port of `settings` unless that was 0 and another worker has been given one. */
  readonly listen: Address;
  /** Whether other workers listen on the same address. */
  readonly shared: boolean;
  /** Counts of this worker, and the number of open connections over all workers of the listener. */
  readonly stats: Float64Array;
  readonly openOverAll: Int32Array;
  readonly certificates: TlsBundle | undefined;
  /** What TLS to the primary needs. */
  readonly primaryPem: ClientPem | undefined;
  /** First connection number, and the distance to the next: workers of a listener share no number. */
  readonly firstId: number;
  readonly idStep: number;
}

/**
 * Sockets that accept, in each worker. Node takes one connection from each of them in a turn of its loop; with several a
 * turn their peers are woken for all of them at once. A connection per request costs 3 to 8 % less where those have a
 * core to sleep on, and as much as before where that core is always busy. They share the address, which only Linux
 * spreads connections over.
 */
const ACCEPTORS = process.platform === 'linux' ? 4 : 1;
const BACKLOG = 4096;
const SWEEP_MS = 100;
/** Sweeps from one look for idle connections to the next; while draining each one looks. */
const SWEEPS_PER_LOOK = 10;
/**
 * While draining, a connection that was last answered is closed when it has been quiet for a share of the whole drain: a
 * long one at first, because an answer may pause, and shorter ones near the end, because a busy connection is better
 * closed between two requests than in the middle of an answer when the time is up. In steps: a limit that sank all the
 * time would meet each client just when it is about to ask again.
 */
const QUIET_STEPS: readonly (readonly [left: number, quiet: number])[] = [
  [1 / 2, 1 / 4],
  [1 / 4, 1 / 16],
];
const QUIET_MIN_TICKS = 2;

/** One live worker's share of a listener: accepts, connects to the primary, relays. */
export class LiveListener implements RelayHost, AsyncDisposable {
  tick = 0;
  readonly slab = new Slab();
  readonly connector: Connector<Arrived>;
  readonly #options: LiveListenerOptions;
  readonly #servers: readonly Server[];
  readonly #arrivals: Arrivals;
  readonly #relays = new Set<Relay>();
  readonly #slots: SlotPool;
  readonly #destination: { readonly ip: string; readonly port: number } | undefined;
  #settings: ListenerSettings;
  #tapes: readonly TapeWriter[] = [];
  #nextId: number;
  /** `until` on the monotonic clock, ms; undefined while not draining. */
  #drain: { readonly until: number; readonly ms: number } | undefined;
  #drained: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #stopSweeping: () => void;

  constructor(options: LiveListenerOptions, clock: Clock = systemClock) {
    const { settings } = options;
    this.#clock = clock;
    this.#options = options;
    this.#settings = settings;
    this.#nextId = options.firstId;
    this.#slots = new SlotPool(settings.connections);
    const connectorEvents: ConnectorEvents<Arrived> = {
      preamble: (arrived) => this.#preamble(arrived),
      connected: (arrived, upstream, endpoint) => this.#relay(arrived, upstream, endpoint),
      unreachable: (arrived, refused) => this.#unreachable(arrived, refused),
    };
    this.connector = new Connector(settings.primary, options.primaryPem, connectorEvents, clock);
    const arrivalEvents: ArrivalEvents = {
      // Nothing has been read of what the client sent: it waits in the socket until the primary is there.
      arrived: (arrived) => this.connector.connect(arrived),
      failed: () => {
        this.#count('handshakeFailed', 1);
        this.#release();
      },
    };
    this.#arrivals = new Arrivals(settings, options.certificates, arrivalEvents, clock);
    const serverOptions = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#servers = Array.from({ length: this.#options.listen.kind === 'unix' ? 1 : ACCEPTORS }, () =>
      net.createServer(serverOptions, (socket) => this.#accept(socket)),
    );
    this.#destination = fixedDestination(options.listen);
    this.#stopSweeping = clock.every(SWEEP_MS, () => this.#sweep());
  }

  /**
   * Begins to accept.
   *
   * @returns the port, 0 for a Unix socket
   * @throws UserError when the address cannot be had
   */
  async listen(): Promise<number> {
    const { listen, shared } = this.#options;
    let port = 0;
    try {
      if (listen.kind === 'unix') await removeStaleSocket(listen.path);
      else if (!shared && listen.port !== 0) await findFree(listen.host, listen.port);
      for (const server of this.#servers) port = await this.#open(server, port);
    } catch (error) {
      for (const server of this.#servers) server.close();
      const where = listen.kind === 'unix' ? listen.path : `${listen.host}:${listen.port}`;
      throw new UserError(`cannot listen on ${where}: ${messageOf(error)}`, {
        code: 'unavailable',
        where: `listeners.${this.#settings.name}.listen`,
        hint: 'choose another address, or end the process that has it',
        cause: error,
      });
    }
    return port;
  }

  /** @returns the port, 0 for a Unix socket */
  async #open(server: Server, port: number): Promise<number> {
    const { listen, shared } = this.#options;
    await listening(
      server,
      listen.kind === 'unix'
        ? { path: listen.path }
        : {
            host: listen.host,
            port: port === 0 ? listen.port : port,
            reusePort: shared || this.#servers.length > 1,
            backlog: BACKLOG,
          },
    );
    // A failed accept (no more file descriptors) is this connection's loss, never the listener's end.
    server.on('error', () => this.#count('refused', 1));
    if (listen.kind === 'unix') return 0;
    rawTcp?.accept(server, {
      wanted: () => this.#arrivals.plain,
      accepted: (socket) => this.#acceptRaw(socket),
    });
    return (server.address() as AddressInfo).port;
  }

  /** Shows connections to these tapes from now on, spread by their number; none stops taping. */
  observe(tapes: readonly Tape[]): void {
    const before = this.#tapes;
    this.#tapes = tapes.map((tape) => before.find(({ id }) => id === tape.id) ?? new TapeWriter(tape));
    for (const relay of this.#relays) {
      // A new tape knows nothing of the connections that are open; they are taken in where they turn to a new request.
      if (this.#chosen(before, relay) !== this.tapeOf(relay))
        forgetTape(relay.track, relay.answered ? FROM_PRIMARY : FROM_CLIENT);
    }
  }

  /** Everything but where it listens. The tapes have to have a slot for each connection by now. */
  reload(
    settings: ListenerSettings,
    primaryPem: ClientPem | undefined,
    certificates?: TlsBundle | undefined,
  ): void {
    this.#settings = settings;
    this.#slots.grow(settings.connections);
    this.connector.update(settings.primary, primaryPem);
    this.#arrivals.update(settings, certificates);
  }

  setCertificates(certificates: TlsBundle): void {
    this.#arrivals.setCertificates(certificates);
  }

  /** Stops accepting; resolves when all connections are over. What lasts longer than `drainMs` is for others to end. */
  drain(drainMs: number): Promise<void> {
    this.#drain = { until: this.#clock.monotonic() + drainMs, ms: drainMs };
    for (const server of this.#servers) server.close();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopSweeping();
    for (const server of this.#servers) server.close();
    this.#arrivals.close();
    this.connector.close();
    for (const relay of this.#relays) relay.destroy();
  }

  tapeOf(relay: Relay): TapeWriter | undefined {
    const tapes = this.#tapes;
    return tapes.length < 2 ? tapes[0] : this.#chosen(tapes, relay);
  }

  /** This worker's connections in turn: their numbers alone would leave tapes out where workers and tapes are even. */
  #chosen(tapes: readonly TapeWriter[], { track }: Relay): TapeWriter | undefined {
    return tapes[Math.floor(track.id / this.#options.idStep) % tapes.length];
  }

  relayed(direction: Direction, bytes: number): void {
    const { stats } = this.#options;
    const index = direction === FROM_CLIENT ? LIVE_STAT.bytesFromClients : LIVE_STAT.bytesFromPrimary;
    stats[index] = (stats[index] ?? 0) + bytes;
  }

  ended(relay: Relay): void {
    this.#relays.delete(relay);
    this.#slots.give(relay.track.slot);
    this.connector.endpoints.released(relay.endpoint);
    this.#release();
  }

  #accept(socket: Socket): void {
    if (this.#admits()) this.#arrivals.accept(socket);
    else {
      socket.on('error', ignore);
      reset(socket);
    }
  }

  #acceptRaw(socket: RawSocket): void {
    if (this.#admits()) this.#arrivals.acceptPlain(socket);
    else reset(socket);
  }

  /** Counts a new connection, and says whether there is a place for it. */
  #admits(): boolean {
    this.#count('accepted', 1);
    const { openOverAll } = this.#options;
    if (Atomics.add(openOverAll, 0, 1) >= this.#settings.connections) {
      Atomics.sub(openOverAll, 0, 1);
      this.#count('refused', 1);
      return false;
    }
    this.#count('open', 1);
    return true;
  }

  #preamble(arrived: Arrived): Uint8Array | undefined {
    const { sendProxyProtocol } = this.#settings.primary;
    if (sendProxyProtocol === 'off') return undefined;
    return encodeProxyHeader(sendProxyProtocol, {
      source: arrived.source(),
      destination: arrived.destination(),
    });
  }

  #unreachable({ socket }: Arrived, refused: boolean): void {
    this.#count(refused ? 'protocolRefused' : 'unreachable', 1);
    resetAfterFlush(socket);
    this.#release();
  }

  #relay(arrived: Arrived, upstream: RelayStream, endpoint: EndpointState): void {
    if (arrived.socket.destroyed) {
      // A TLS client that went away meanwhile: nobody would tell the relay any more.
      upstream.destroy();
      this.connector.endpoints.released(endpoint);
      this.#release();
      return;
    }
    const id = this.#nextId;
    this.#nextId = (id + this.#options.idStep) >>> 0;
    const track = createTapeTrack(id, this.#slots.take(), () => this.#describe(arrived));
    this.#relays.add(new Relay(this, arrived.socket, upstream, endpoint, track));
  }

  #describe(arrived: Arrived): ConnectionNote {
    const source = arrived.source();
    const destination = arrived.proxied
      ? arrived.destination()
      : (this.#destination ?? arrived.destination());
    return {
      sourceIp: source.ip,
      sourcePort: source.port,
      destinationIp: destination.ip,
      destinationPort: destination.port,
      tls: arrived.tls,
      principal: arrived.principal ?? '',
    };
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    this.connector.sweep(now);
    this.#arrivals.sweep(now);
    this.tick++;
    const drain = this.#drain;
    if (drain === undefined && this.tick % SWEEPS_PER_LOOK !== 0) return;
    const idleSince = this.tick - Math.ceil(this.#settings.idleTimeoutMs / SWEEP_MS);
    const quietSince = drain === undefined ? -1 : this.tick - quietTicks(drain.until - now, drain.ms);
    for (const relay of this.#relays) {
      if (relay.lastTick < idleSince) {
        this.#count('idleClosed', 1);
        relay.destroy();
      } else if (relay.lastTick <= quietSince && relay.answered) relay.finish();
    }
  }

  #release(): void {
    Atomics.sub(this.#options.openOverAll, 0, 1);
    this.#count('open', -1);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#drain !== undefined && (this.#options.stats[LIVE_STAT.open] ?? 0) <= 0) this.#drained?.();
  }

  #count(name: LiveStatName, by: number): void {
    const { stats } = this.#options;
    const index = LIVE_STAT[name];
    stats[index] = (stats[index] ?? 0) + by;
  }
}

function ignore(): void {}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Sockets that share an address would share it with somebody else's, too, unnoticed. Rejects when it is not free. */
async function findFree(host: string, port: number): Promise<void> {
  const server = net.createServer();
  await listening(server, { host, port });
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

function quietTicks(leftMs: number, drainMs: number): number {
  const step = QUIET_STEPS.find(([left]) => leftMs > drainMs * left);
  return Math.max(QUIET_MIN_TICKS, Math.ceil((drainMs * (step?.[1] ?? 0)) / SWEEP_MS));
}

/** The address that every client has connected to, unless the listener has several. */
function fixedDestination(listen: Address): { ip: string; port: number } | undefined {
  if (listen.kind === 'unix') return { ip: '', port: 0 };
  const wildcard =
    listen.host === '0.0.0.0' || listen.host === '::' || net.isIP(listen.host) === 0 || listen.port === 0;
  return wildcard ? undefined : { ip: listen.host, port: listen.port };
}
