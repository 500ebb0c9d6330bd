import type { Command } from '../processes.ts';
import type { Mode } from '../scenarios.ts';

/** Where a contender stands: what it listens on, what it relays to and copies to. */
export interface Site {
  /** A folder of its own for its configuration. */
  readonly folder: string;
  readonly port: number;
  /** A free port for what else it wants to listen on. */
  readonly adminPort: number;
  readonly primaryPort: number;
  /** Set when it is to mirror. */
  readonly mirrorPort: number | undefined;
  /** Set when it is to terminate TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Clients, primary and mirror speak HTTP/2 by prior knowledge. */
  readonly http2: boolean;
}

/** A program that relays and perhaps mirrors. */
export interface Contender {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly tls: boolean;
  /** Whether it can do all of that over HTTP/2 by prior knowledge. */
  readonly http2: boolean;
  readonly version: string;
  /** Writes the configuration for a site and says how to start; undefined when the load goes straight to the primary. */
  prepare(site: Site): Command | undefined;
}

/** A contender that cannot take part, and why. */
export interface Absent {
  readonly name: string;
  readonly absent: string;
}
