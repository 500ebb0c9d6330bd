import net from 'node:net';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Endpoint, PrimarySettings } from '../model/settings.ts';
import { EndpointSet } from './balance.ts';
import type { EndpointState } from './balance.ts';
import { agreesOn, PrimaryTls } from './tls-client.ts';
import type { ClientPem } from './tls-client.ts';

/** One client's wish for a connection to the primary. */
export interface Wanted {
  /** ALPN protocol that the client agreed on, offered to the primary when that is reached over TLS. */
  readonly alpn: string | undefined;
  connected(upstream: Socket, endpoint: EndpointState): void;
  /** No endpoint could be reached. */
  unreachable(): void;
}

interface Attempt {
  readonly wanted: Wanted;
  readonly tried: EndpointState[];
  state: EndpointState;
  socket: AttemptSocket;
  deadline: number;
}

interface AttemptSocket extends Socket {
  attempt?: Attempt | undefined;
}

/** Endpoints tried for one client at most; past it the client is reset. */
const TRIES_MAX = 8;

/** Connects to one of the primary's endpoints, going on to the next when one refuses or does not answer in time. */
export class Connector {
  readonly endpoints: EndpointSet;
  #settings: PrimarySettings;
  #tls: PrimaryTls | undefined;
  readonly #attempts = new Set<Attempt>();
  // Made once for all sockets. They speak only while an attempt is under way; afterwards the relay's own handlers do.
  readonly #onConnect: (this: AttemptSocket) => void;
  readonly #onError: (this: AttemptSocket) => void;

  /** @param pem what TLS to the primary needs; undefined where the endpoints are reached without */
  constructor(settings: PrimarySettings, pem: ClientPem | undefined) {
    this.#settings = settings;
    this.#tls = createTls(settings, pem);
    this.endpoints = new EndpointSet(settings);
    const connected = (attempt: Attempt): void => this.#connected(attempt);
    const failed = (attempt: Attempt): void => this.#failed(attempt);
    this.#onConnect = function onConnect(): void {
      if (this.attempt !== undefined) connected(this.attempt);
    };
    this.#onError = function onError(): void {
      if (this.attempt !== undefined) failed(this.attempt);
    };
  }

  /** Endpoints under way. */
  get connecting(): number {
    return this.#attempts.size;
  }

  update(settings: PrimarySettings, pem: ClientPem | undefined): void {
    this.#settings = settings;
    this.#tls = createTls(settings, pem);
    this.endpoints.update(settings);
  }

  connect(wanted: Wanted): void {
    const state = this.endpoints.pick();
    if (state === undefined) {
      wanted.unreachable();
      return;
    }
    const socket = this.#dial(state.endpoint, wanted);
    const attempt: Attempt = { wanted, tried: [], state, socket, deadline: this.#deadline() };
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
    for (const { socket } of this.#attempts) {
      socket.attempt = undefined;
      socket.destroy();
    }
    this.#attempts.clear();
  }

  #deadline(): number {
    return performance.now() + this.#settings.connectTimeoutMs;
  }

  #watch(attempt: Attempt): void {
    const { socket } = attempt;
    socket.attempt = attempt;
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', this.#onConnect);
    socket.on('error', this.#onError);
  }

  #connected(attempt: Attempt): void {
    const { socket, state, wanted } = attempt;
    if ('encrypted' in socket && !agreesOn(socket as TLSSocket, wanted.alpn)) {
      socket.destroy();
      this.#failed(attempt);
      return;
    }
    socket.attempt = undefined;
    this.#attempts.delete(attempt);
    this.endpoints.succeeded(state);
    wanted.connected(socket, state);
  }

  #failed(attempt: Attempt): void {
    attempt.socket.attempt = undefined;
    this.endpoints.failed(attempt.state);
    this.endpoints.released(attempt.state);
    attempt.tried.push(attempt.state);
    const next = attempt.tried.length >= TRIES_MAX ? undefined : this.endpoints.pick(attempt.tried);
    if (next === undefined) {
      this.#attempts.delete(attempt);
      attempt.wanted.unreachable();
      return;
    }
    attempt.state = next;
    attempt.socket = this.#dial(next.endpoint, attempt.wanted);
    attempt.deadline = this.#deadline();
    this.#watch(attempt);
  }

  #dial(endpoint: Endpoint, wanted: Wanted): AttemptSocket {
    if (this.#tls !== undefined)
      return this.#tls.connect(endpoint, wanted.alpn, { allowHalfOpen: true, noDelay: true });
    const { address } = endpoint;
    if (address.kind === 'unix') return net.connect({ path: address.path, allowHalfOpen: true });
    const { host, port } = address;
    // Racing address families is for names; for an address it would only cost.
    return net.connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      autoSelectFamily: net.isIP(host) === 0,
    });
  }
}

function createTls(settings: PrimarySettings, pem: ClientPem | undefined): PrimaryTls | undefined {
  return settings.tls === undefined || pem === undefined ? undefined : new PrimaryTls(settings.tls, pem);
}
