/** What policies, rewriting and comparison see of a request, whatever protocol it came in. */
export interface RequestHead {
  readonly method: string;
  /** The request target as sent: `/path?query`, an absolute URI, `host:port` (CONNECT) or `*`. */
  readonly target: string;
  /** Path without query, as sent (not decoded). */
  readonly path: string;
  /** Query without `?`; empty when there is none. */
  readonly query: string;
  /** Host as sent by the client (Host header or authority), empty when there is none. */
  readonly authority: string;
  /** First value of a header. `name` is lower-case. */
  header(name: string): string | undefined;
  /** All headers in order of arrival, names as sent. */
  headers(): Iterable<readonly [name: string, value: string]>;
}

export interface ResponseHead {
  readonly status: number;
  header(name: string): string | undefined;
  headers(): Iterable<readonly [name: string, value: string]>;
  /** See `Answer.differingFields`; undefined also for a head of another kind. */
  differingFields?(other: ResponseHead): readonly string[] | undefined;
}

/** One client connection as the live path saw it. */
export interface Connection {
  readonly tap: string;
  readonly id: number;
  readonly source: SocketEnd;
  readonly destination: SocketEnd;
  /** Identity from the client's certificate: SPIFFE id or DNS name. */
  readonly principal: string | undefined;
  readonly tls: boolean;
  /** Captured, and its begin, its server or some of its bytes had to be made out. */
  readonly guessed?: boolean;
}

/** An IP address and port; a Unix socket has an empty address and port 0. */
export interface SocketEnd {
  readonly ip: string;
  readonly port: number;
}

/** Why an exchange is not whole; label of `understudy_incomplete_total`. */
export const INCOMPLETE_REASONS = [
  'tape_gap',
  'ambiguous',
  'client_closed',
  'primary_closed',
  'too_large',
] as const;
export type IncompleteReason = (typeof INCOMPLETE_REASONS)[number];

/**
 * How much of an exchange was seen. `cut`: not whole, and `incomplete` says why; `guessed`: whole by all that is known, but the
 * capture began within its connection, only the ports told who the server is, or captured bytes contradict each other.
 */
export const COMPLETENESS = ['whole', 'cut', 'guessed'] as const;
export type Completeness = (typeof COMPLETENESS)[number];

export function completenessOf({ incomplete, connection }: Exchange): Completeness {
  if (incomplete !== undefined) return 'cut';
  return connection.guessed === true ? 'guessed' : 'whole';
}

/** Times in microseconds since the Unix epoch, taken on the live worker; 0 while not seen. */
export interface ExchangeTimes {
  requestStart: number;
  requestEnd: number;
  responseStart: number;
  responseEnd: number;
}

/** One request and its response. Filled in while the bytes pass. */
export interface Exchange {
  readonly id: string;
  readonly connection: Connection;
  readonly request: RequestHead;
  response: ResponseHead | undefined;
  /** Fields after the answer's content. */
  responseTrailers: readonly (readonly [name: string, value: string])[] | undefined;
  readonly times: ExchangeTimes;
  requestBodyBytes: number;
  responseBodyBytes: number;
  incomplete: IncompleteReason | undefined;
}

/** Why a request was not copied to a mirror; label of `understudy_not_mirrored_total`. */
export const NOT_MIRRORED_REASONS = [
  'not_matched',
  'not_sampled',
  'unsafe_method',
  'queue_full',
  'rate_limited',
  'breaker_open',
  'body_too_large',
  'ambiguous',
  'tape_gap',
  /** The observer did not have the time. */
  'overload',
  'paused',
  'loop',
  'upgrade',
  'client_closed',
  /** The live request took longer than a copy may; also what holds a place without end on purpose. */
  'client_slow',
  /** JSON that has to be redacted could not be read. */
  'redaction_failed',
] as const;
export type NotMirroredReason = (typeof NOT_MIRRORED_REASONS)[number];

/** Why a copy that was sent has no whole answer; label of `understudy_mirror_failures_total`. */
export const MIRROR_FAILURES = [
  'connect',
  'connect_timeout',
  'tls',
  'reset',
  'closed',
  'timeout',
  'malformed',
  'answer_too_large',
  'shutdown',
] as const;
export type MirrorFailure = (typeof MIRROR_FAILURES)[number];
