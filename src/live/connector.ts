import net from 'node:net';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import { RawSocket, rawTcp } from '../kit/raw-tcp.ts';
import type { RawHandler } from '../kit/raw-tcp.ts';
import type { Endpoint, PrimarySettings } from '../model/settings.ts';
import { EndpointSet } from './balance.ts';
import type { EndpointState } from './balance.ts';
import type { RelayStream } from './relay.ts';
import { agreesOn, PrimaryTls } from './tls-client.ts';
import type { ClientPem } from './tls-client.ts';

/** A client that waits for its connection to the primary. */
export interface Waiting {
  /** ALPN protocol that the client agreed on, offered to the primary when that is reached over TLS. */
  readonly alpn: string | undefined;
}

export interface ConnectorEvents<Client extends Waiting> {
  /** What goes to the primary ahead of everything else, also of a TLS handshake; undefined for nothing. */
  preamble(client: Client): Uint8Array | undefined;
  connected(client: Client, upstream: RelayStream, endpoint: EndpointState): void;
  /** No endpoint could be reached; `refused`: the last one that was does not speak what the client speaks (ALPN). */
  unreachable(client: Client, refused: boolean): void;
}

interface Attempt<Client> {
  readonly client: Client;
  tried: EndpointState[] | undefined;
  state: EndpointState;
  socket: AttemptSocket<Client>;
  deadline: number;
}

type AttemptSocket<Client> = NodeAttempt<Client> | RawSocket;

interface NodeAttempt<Client> extends Socket {
  attempt?: Attempt<Client> | undefined;
}

/** Endpoints tried for one client at most; past it the client is reset. */
const TRIES_MAX = 8;
const NO_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

/** Connects to one of the primary's endpoints, going on to the next when one refuses or does not answer in time. */
export class Connector<Client extends Waiting> {
  readonly endpoints: EndpointSet;
  readonly #events: ConnectorEvents<Client>;
  readonly #clock: Clock;
  #settings: PrimarySettings;
  #pem: ClientPem | undefined;
  #tls: PrimaryTls | undefined;
  readonly #attempts = new Set<Attempt<Client>>();
  // Made once for all sockets. They speak only while an attempt is under way; afterwards the relay's own handlers do.
  readonly #onConnect: (this: NodeAttempt<Client>) => void;
  readonly #rawHandler: RawHandler;
  readonly #onError: (this: NodeAttempt<Client>, error: NodeJS.ErrnoException) => void;

  /** @param pem what TLS to the primary needs; undefined where the endpoints are reached without */
  constructor(
    settings: PrimarySettings,
    pem: ClientPem | undefined,
    events: ConnectorEvents<Client>,
    clock: Clock = systemClock,
  ) {
    this.#clock = clock;
    this.#events = events;
    this.#settings = settings;
    this.#pem = pem;
    this.#tls = createTls(settings, pem);
    this.endpoints = new EndpointSet(settings, { clock });
    const connected = (attempt: Attempt<Client>): void => this.#connected(attempt);
    const failed = (attempt: Attempt<Client>, code: string | undefined): void => this.#errored(attempt, code);
    // While an attempt is under way its socket is in no other hands, so its context is the attempt.
    const attemptOf = (socket: RawSocket): Attempt<Client> => socket.context as Attempt<Client>;
    this.#rawHandler = {
      connected: (socket) => connected(attemptOf(socket)),
      failed: (socket) => failed(attemptOf(socket), undefined),
      data: ignore,
      ended: ignore,
      drained: ignore,
      closed: ignore,
    };
    this.#onConnect = function onConnect(): void {
      if (this.attempt !== undefined) connected(this.attempt);
    };
    this.#onError = function onError(error): void {
      if (this.attempt !== undefined) failed(this.attempt, error.code);
    };
  }

  /** Attempts under way. */
  get connecting(): number {
    return this.#attempts.size;
  }

  update(settings: PrimarySettings, pem: ClientPem | undefined): void {
    // Sessions that could be resumed go with the old one, so it stays where nothing changed.
    const same = JSON.stringify([this.#settings.tls, this.#pem]) === JSON.stringify([settings.tls, pem]);
    if (!same) this.#tls = createTls(settings, pem);
    this.#settings = settings;
    this.#pem = pem;
    this.endpoints.update(settings);
  }

  connect(client: Client): void {
    const state = this.endpoints.pick();
    if (state === undefined) {
      this.#events.unreachable(client, false);
      return;
    }
    const socket = this.#dial(state, client);
    const attempt: Attempt<Client> = { client, tried: undefined, state, socket, deadline: this.#deadline() };
    this.#attempts.add(attempt);
    this.#watch(attempt);
  }

  /** Gives up attempts that have had their time. To be called some ten times a second. */
  sweep(now: number): void {
    for (const attempt of this.#attempts) {
      if (attempt.deadline > now) continue;
      attempt.socket.destroy();
      this.#failed(attempt);
    }
  }

  /** Gives up all attempts. */
  close(): void {
    const attempts = [...this.#attempts];
    this.#attempts.clear();
    for (const { socket, state, client } of attempts) {
      forget(socket);
      socket.destroy();
      this.endpoints.released(state);
      this.#events.unreachable(client, false);
    }
  }

  #deadline(): number {
    return this.#clock.monotonic() + this.#settings.connectTimeoutMs;
  }

  #watch(attempt: Attempt<Client>): void {
    const { socket } = attempt;
    if (socket instanceof RawSocket) {
      socket.context = attempt;
      socket.handler = this.#rawHandler;
      return;
    }
    socket.attempt = attempt;
    socket.on('encrypted' in socket ? 'secureConnect' : 'connect', this.#onConnect);
    socket.on('error', this.#onError);
  }

  #connected(attempt: Attempt<Client>): void {
    const { socket, state, client } = attempt;
    this.endpoints.succeeded(state);
    if (
      !(socket instanceof RawSocket) &&
      'encrypted' in socket &&
      !agreesOn(socket as TLSSocket, client.alpn)
    ) {
      socket.destroy();
      this.#next(attempt, true);
      return;
    }
    forget(socket);
    this.#attempts.delete(attempt);
    this.#events.connected(client, socket, state);
  }

  #errored(attempt: Attempt<Client>, code: string | undefined): void {
    // The endpoint is well: it only does not speak what this client speaks.
    if (code === NO_PROTOCOL) this.#next(attempt, true);
    else this.#failed(attempt);
  }

  #failed(attempt: Attempt<Client>): void {
    this.endpoints.failed(attempt.state);
    this.#next(attempt, false);
  }

  #next(attempt: Attempt<Client>, refused: boolean): void {
    forget(attempt.socket);
    this.endpoints.released(attempt.state);
    const tried = (attempt.tried ??= []);
    tried.push(attempt.state);
    const next = tried.length >= TRIES_MAX ? undefined : this.endpoints.pick(tried);
    if (next === undefined) {
      this.#attempts.delete(attempt);
      this.#events.unreachable(attempt.client, refused);
      return;
    }
    attempt.state = next;
    attempt.socket = this.#dial(next, attempt.client);
    attempt.deadline = this.#deadline();
    this.#watch(attempt);
  }

  #dial(state: EndpointState, client: Client): AttemptSocket<Client> {
    const { endpoint } = state;
    const preamble = this.#events.preamble(client);
    if (this.#tls === undefined)
      return (preamble === undefined ? dialRaw(state) : undefined) ?? dialPlain(endpoint, preamble);
    const options = { allowHalfOpen: true, noDelay: true };
    if (preamble === undefined) return this.#tls.connect(endpoint, client.alpn, options);
    return this.#tls.connect(endpoint, client.alpn, { ...options, socket: dialPlain(endpoint, preamble) });
  }
}

/** The attempt is over, and what happens on the socket is somebody else's. */
function forget<Client>(socket: AttemptSocket<Client>): void {
  if (!(socket instanceof RawSocket)) {
    socket.attempt = undefined;
    return;
  }
  socket.context = undefined;
  socket.handler = undefined;
}

/** The cheap way, for the plain case. */
function dialRaw({ endpoint: { address }, numeric }: EndpointState): RawSocket | undefined {
  return address.kind === 'tcp' && numeric ? rawTcp?.connect(address.host, address.port) : undefined;
}

function ignore(): void {}

function dialPlain({ address }: Endpoint, preamble: Uint8Array | undefined): Socket {
  const socket =
    address.kind === 'unix'
      ? net.connect({ path: address.path, allowHalfOpen: true })
      : net.connect({
          host: address.host,
          port: address.port,
          allowHalfOpen: true,
          noDelay: true,
          // Racing address families is for names; for an address it would only cost.
          autoSelectFamily: net.isIP(address.host) === 0,
        });
  // Kept by the socket until it is connected.
  if (preamble !== undefined) socket.write(preamble);
  return socket;
}

function createTls(settings: PrimarySettings, pem: ClientPem | undefined): PrimaryTls | undefined {
  return settings.tls === undefined || pem === undefined ? undefined : new PrimaryTls(settings.tls, pem);
}
