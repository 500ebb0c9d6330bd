import type { CaptureSettings } from './capture.ts';
import type { Policy } from './policy.ts';

/**
 * Everything that can be set, after validation: defaults filled in, durations in milliseconds, sizes in bytes, paths
 * absolute. `config` makes it from YAML, flags and environment; nothing else reads those.
 */
export interface Settings {
  readonly admin: AdminSettings;
  readonly log: LogSettings;
  readonly listeners: readonly ListenerSettings[];
  readonly captures: readonly CaptureSettings[];
  readonly policies: readonly Policy[];
  readonly observer: ObserverSettings;
  readonly store: StoreSettings;
  /** How long open connections may finish after SIGTERM, ms. */
  readonly drainMs: number;
}

export interface AdminSettings {
  /** Where the admin API listens; undefined turns it off. */
  readonly listen: Address | undefined;
  /** Bearer token; needed for every address that is not loopback. */
  readonly token: string | undefined;
}

export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'auto' | 'json' | 'text';
}

export interface ObserverSettings {
  /** Observer threads per live worker. */
  readonly perWorker: number;
  /** Tape between a live worker and one observer, bytes (a power of two). */
  readonly tapeBytes: number;
  /** JavaScript heap limit of one observer, bytes. */
  readonly heapBytes: number;
  /** An observer that leaves data on its tape unread for this long is replaced, ms. */
  readonly stallMs: number;
  /** Niceness of observer threads, 0…19: how far they stand back when the CPU is used up. */
  readonly nice: number;
  /** Largest request or response head that is decoded, bytes; a larger one makes the exchange ambiguous. */
  readonly headBytes: number;
  /** Connections one observer keeps state for; more are not observed, and counted. */
  readonly connections: number;
}

/** Where verdicts and examples are kept. */
export interface StoreSettings {
  /** SQLite file; undefined keeps them in memory, to the end of the run. */
  readonly file: string | undefined;
  /** Size of the file; past it the oldest examples go, bytes. */
  readonly maxBytes: number;
  /** Examples kept of each finding: the first ones and the freshest. */
  readonly examplesPerFinding: number;
  /** Pairs without a difference that are kept, chosen at random over the whole run. */
  readonly randomExchanges: number;
  /** Longest body kept of one answer, bytes; the rest is cut. */
  readonly bodyBytes: number;
}

/** What is kept where nothing is said. */
export const DEFAULT_STORE: StoreSettings = {
  file: undefined,
  maxBytes: 256 * 1024 * 1024,
  examplesPerFinding: 6,
  randomExchanges: 1000,
  bodyBytes: 64 * 1024,
};

/** A TCP address or a Unix socket. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface ListenerSettings {
  readonly name: string;
  readonly listen: Address;
  /** Live worker threads that share the address with SO_REUSEPORT. */
  readonly workers: number;
  readonly primary: PrimarySettings;
  readonly tls: ListenerTls;
  /** Whether clients send a PROXY protocol header (v1 or v2) first. */
  readonly proxyProtocol: boolean;
  /** Open client connections over all workers; past it a connection is closed at accept, and counted. */
  readonly connections: number;
  readonly idleTimeoutMs: number;
  /** TLS handshake and PROXY header have to be complete within this time, ms. */
  readonly handshakeTimeoutMs: number;
}

export type ListenerTls =
  /** Plain TCP, relayed as it is. */
  | { readonly mode: 'off' }
  /** TLS that ends at the primary: relayed untouched, opaque to the observer. */
  | { readonly mode: 'passthrough' }
  | {
      readonly mode: 'terminate';
      readonly certificates: readonly CertificateFiles[];
      /** PEM file with the authorities that client certificates must come from; undefined asks for none. */
      readonly clientCa: string | undefined;
      /** Whether a client without a certificate is refused. */
      readonly clientCertificate: 'require' | 'request';
      readonly alpn: readonly string[];
      readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
    };

/** PEM files; chosen by SNI from the names in the certificate, the first one where none fits. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface PrimarySettings {
  readonly endpoints: readonly Endpoint[];
  readonly connectTimeoutMs: number;
  /** PROXY protocol header sent to the primary ahead of the client's bytes. */
  readonly sendProxyProtocol: 'v1' | 'v2' | 'off';
  /** A failed endpoint rests at first this long, ms, doubling up to `restMaxMs`. */
  readonly restMs: number;
  readonly restMaxMs: number;
  /** Set when the endpoints are reached over TLS. */
  readonly tls: ClientTls | undefined;
}

/** Where bytes go: from a URL `http://h:p`, `https://h:p`, `h2c://h:p` or `unix:/path`. */
export interface Endpoint {
  /** As written in the config, for messages and metrics. */
  readonly url: string;
  readonly address: Address;
  readonly protocol: 'http1' | 'h2c';
  readonly tls: boolean;
}

export interface ClientTls {
  /** PEM file of authorities instead of the system's. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Name sent as SNI and verified; undefined takes the endpoint's host. */
  readonly serverName: string | undefined;
  /** False turns verification off; the config must say so. */
  readonly verify: boolean;
}
