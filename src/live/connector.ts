import net from 'node:net';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import tls from 'node:tls';
import type { Endpoint, PrimarySettings } from '../model/settings.ts';
import { EndpointSet } from './balance.ts';
import type { EndpointState } from './balance.ts';
import { upstreamTlsOptions } from './tls-client.ts';

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
  readonly #attempts = new Set<Attempt>();

  constructor(settings: PrimarySettings) {
    this.#settings = settings;
    this.endpoints = new EndpointSet(settings);
  }

  /** Endpoints under way. */
  get connecting(): number {
    return this.#attempts.size;
  }

  update(settings: PrimarySettings): void {
    this.#settings = settings;
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
      (socket as AttemptSocket).attempt = undefined;
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
    const connector = this;
    // Each of these speaks only while the attempt is under way; afterwards the relay's own handlers do.
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', function (this: AttemptSocket) {
      const current = this.attempt;
      if (current !== undefined) connector.#connected(current);
    });
    socket.on('error', function (this: AttemptSocket) {
      const current = this.attempt;
      if (current !== undefined) connector.#failed(current);
    });
  }

  #connected(attempt: Attempt): void {
    const { socket, state, wanted } = attempt;
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
    const { address } = endpoint;
    const where: TcpNetConnectOpts | { path: string } =
      address.kind === 'unix'
        ? { path: address.path }
        : // Racing address families is for names; for an address it would only cost.
          { host: address.host, port: address.port, noDelay: true, autoSelectFamily: net.isIP(address.host) === 0 };
    if (!endpoint.tls) return net.connect({ ...where, allowHalfOpen: true });
    return tls.connect({ ...where, allowHalfOpen: true, ...upstreamTlsOptions(endpoint, this.#settings.tls, wanted.alpn) });
  }
}
