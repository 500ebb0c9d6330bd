import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TlsOptions, TLSSocket } from 'node:tls';
import { principalOf, SniContexts, tlsServerOptions } from './tls-server.ts';
import type { TerminatingTls, TlsBundle } from './tls-server.ts';

/** A client whose TLS handshake is done. */
export interface Accepted {
  /** Gives and takes plain bytes; paused, nothing read. */
  readonly socket: Socket;
  /** Protocol agreed on, undefined when the client offered none. */
  readonly alpn: string | undefined;
  /** SPIFFE id or DNS name of the client's verified certificate. */
  readonly principal: string | undefined;
}

type Done = (accepted: Accepted | undefined) => void;

/** Whoever accepts the connections keeps their deadlines; Node would put one of its own (120 s) in the place of none. */
const NO_HANDSHAKE_TIMEOUT_MS = 2 ** 31 - 1;

/** The server's side of TLS handshakes on connections that somebody else has accepted. */
export class TlsAcceptor {
  readonly #settings: TerminatingTls;
  /** Never listens: it is handed its connections. */
  readonly #server: Server;
  readonly #waiting = new Map<Socket, Done>();
  #contexts: SniContexts;

  /** @throws Error when OpenSSL does not take a certificate or key */
  constructor(settings: TerminatingTls, bundle: TlsBundle) {
    this.#settings = settings;
    this.#contexts = new SniContexts(settings, bundle);
    // Asking for the context costs a call into JavaScript in the midst of the handshake: not where there is no choice.
    const choice: TlsOptions = { SNICallback: (name, done) => done(null, this.#contexts.choose(name)) };
    this.#server = createServer({
      ...tlsServerOptions(settings, bundle),
      ...(settings.certificates.length > 1 ? choice : {}),
      handshakeTimeout: NO_HANDSHAKE_TIMEOUT_MS,
    });
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (_error, socket) => this.#settle(socket, undefined));
  }

  /**
   * New handshakes use these; connections that are open keep what they have.
   *
   * @throws Error when OpenSSL does not take them; then those before stay
   */
  setCertificates(bundle: TlsBundle): void {
    const contexts = new SniContexts(this.#settings, bundle);
    this.#server.setSecureContext(tlsServerOptions(this.#settings, bundle));
    this.#contexts = contexts;
  }

  /**
   * Begins the handshake on a connection; `raw` may have bytes that were read and put back.
   *
   * @param done called once, with undefined when the handshake has failed; then the connection is closed
   */
  accept(raw: Socket, done: Done): void {
    this.#waiting.set(raw, done);
    // A client that ends its side within the handshake (as port checks do) wants nothing more; afterwards it may.
    raw.allowHalfOpen = false;
    this.#server.emit('connection', raw);
  }

  #secured(socket: TLSSocket): void {
    socket.allowHalfOpen = true;
    socket.pause();
    this.#settle(socket, { socket, alpn: socket.alpnProtocol || undefined, principal: principalOf(socket) });
  }

  #settle(socket: TLSSocket, accepted: Accepted | undefined): void {
    const raw = rawOf(socket);
    const done = raw && this.#waiting.get(raw);
    if (raw === undefined || done === undefined) return;
    this.#waiting.delete(raw);
    if (accepted === undefined) raw.destroy();
    done(accepted);
  }
}

/**
 * The connection under a TLS socket. Node keeps it in a property without documentation, since its first versions; the
 * events of `tls.Server` give no other way to tell which of the connections that it was handed is meant.
 */
function rawOf(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent;
}
