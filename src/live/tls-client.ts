import { isIP } from 'node:net';
import type { TcpNetConnectOpts } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { checkServerIdentity, connect, createSecureContext, getCACertificates } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import type { ClientTls, Endpoint } from '../model/settings.ts';
import { loadAuthorities, loadPair } from './certificates.ts';

/** The PEM texts behind `ClientTls`: plain data, read by main, posted to each worker. */
export interface ClientPem {
  /** Authorities that the primary's certificate must come from; undefined where it is not verified. */
  readonly ca: readonly string[] | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What `tls.connect` takes for the socket under it; its types leave some of that out. */
export type SocketOptions = ConnectionOptions &
  Pick<TcpNetConnectOpts, 'allowHalfOpen' | 'noDelay' | 'keepAlive' | 'autoSelectFamily' | 'localAddress'>;

/** Endpoints whose last session is kept. */
const SESSIONS_MAX = 1024;
const DEFAULT_ALPN = 'http/1.1';

/** What is kept of one endpoint. Its functions are made once, not per connection. */
interface EndpointTls {
  session: Buffer | undefined;
  readonly onSession: (session: Buffer) => void;
  readonly onError: (this: TLSSocket) => void;
}

/**
 * Reads what a TLS connection to the primary needs. Without a `ca` file that is the authorities of the system, or, where
 * the system has none, as in small images, those that Node brings along.
 *
 * @throws UserError that names the file that cannot be used
 */
export async function loadClientPem(
  tls: ClientTls,
): Promise<{ pem: ClientPem; warnings: readonly string[] }> {
  const warnings: string[] = [];
  const now = Date.now();
  const pair =
    tls.cert === undefined
      ? undefined
      : await loadPair({ cert: tls.cert, key: tls.key ?? tls.cert }, now, warnings);
  const ca = tls.verify ? await authorities(tls.ca, now, warnings) : undefined;
  return { pem: { ca, cert: pair?.cert, key: pair?.key }, warnings };
}

/**
 * Makes TLS connections to a primary's endpoints. The last session of each endpoint is resumed, so that a connection per
 * request costs no full handshake. Other settings or files take another instance: a session is only ever resumed under
 * the authorities that it was made under.
 */
export class PrimaryTls {
  /** Endpoints that were forgotten because there were too many. */
  evicted = 0;
  readonly #settings: ClientTls;
  readonly #context: SecureContext;
  readonly #endpoints = new Map<string, EndpointTls>();

  /** @throws Error when OpenSSL does not take the certificates */
  constructor(settings: ClientTls, pem: ClientPem) {
    this.#settings = settings;
    this.#context = createSecureContext({
      ...(pem.ca === undefined ? {} : { ca: [...pem.ca] }),
      ...(pem.cert === undefined ? {} : { cert: pem.cert, key: pem.key }),
    });
  }

  /**
   * Begins a connection: `secureConnect` or `error` follows.
   *
   * @param alpn the protocol that the client agreed on and whose bytes will be relayed; undefined stands for HTTP/1.1
   * @param options for the socket: `allowHalfOpen`, `noDelay` …, or a connected `socket` to do the handshake on
   */
  connect(endpoint: Endpoint, alpn: string | undefined, options: SocketOptions = {}): TLSSocket {
    const kept = this.#endpoint(endpoint.url);
    const { address } = endpoint;
    const host = address.kind === 'tcp' ? address.host : undefined;
    const name = this.#settings.serverName ?? host ?? 'localhost';
    const socket = connect({
      ...options,
      ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
      secureContext: this.#context,
      // RFC 6066 §3: an IP address is not sent as a server name; it is verified all the same.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
        checkServerIdentity(name, certificate),
      rejectUnauthorized: this.#settings.verify,
      ALPNProtocols: [alpn ?? DEFAULT_ALPN],
      ...(kept.session === undefined ? {} : { session: kept.session }),
    });
    socket.on('session', kept.onSession);
    socket.on('error', kept.onError);
    return socket;
  }

  #endpoint(url: string): EndpointTls {
    const known = this.#endpoints.get(url);
    if (known !== undefined) return known;
    const kept: EndpointTls = {
      session: undefined,
      onSession: (session) => {
        kept.session = session;
      },
      onError() {
        // Should the session be what the other side stumbles over, the next try goes without.
        if (this.alpnProtocol === null) kept.session = undefined;
      },
    };
    this.#endpoints.set(url, kept);
    if (this.#endpoints.size > SESSIONS_MAX) {
      const [oldest] = this.#endpoints.keys();
      if (oldest !== undefined) this.#endpoints.delete(oldest);
      this.evicted++;
    }
    return kept;
  }
}

/**
 * Whether the primary speaks what the client's bytes are in. A primary that knows no ALPN is taken to speak HTTP/1.1;
 * relaying HTTP/2 to it would only make noise.
 */
export function agreesOn(socket: TLSSocket, alpn: string | undefined): boolean {
  return alpn === undefined || alpn === DEFAULT_ALPN || socket.alpnProtocol === alpn;
}

async function authorities(
  file: string | undefined,
  now: number,
  warnings: string[],
): Promise<readonly string[]> {
  if (file !== undefined) return [await loadAuthorities(file, now, warnings)];
  // The system's store lists some several times.
  const system = [...new Set(getCACertificates('system'))];
  return system.length > 0 ? system : getCACertificates('bundled');
}
