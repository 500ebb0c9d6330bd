import type { CompareSettings } from './compare-settings.ts';
import type { ClientTls, Endpoint } from './settings.ts';

/** What to copy where. All fields are filled in; see the configuration reference for defaults. */
export interface Policy {
  readonly name: string;
  /** Names of taps; empty means all. */
  readonly taps: readonly string[];
  /** Any of these; empty means everything. */
  readonly matches: readonly Match[];
  readonly exclude: readonly Match[];
  /** Share of matched requests that is copied. */
  readonly fraction: Fraction;
  readonly sampleBy: SampleBy;
  readonly mirrors: readonly MirrorSettings[];
  readonly control: MirrorSettings | undefined;
  /** `connection`: the copies of one client connection go out one after another, in live order. */
  readonly order: 'none' | 'connection';
  /** `hold`: requests whose method is not safe (RFC 9110 §9.2.1) are not copied. */
  readonly writes: 'hold' | 'mirror';
  /** `mirror`: WebSocket connections are copied, message for message. */
  readonly upgrade: 'ignore' | 'mirror';
  readonly rewrite: Rewrite;
  readonly limits: Limits;
  readonly stopWhen: StopWhen;
  readonly compare: CompareSettings;
}

/** Gateway API `HTTPRouteMatch` plus `grpc`, `source` and `destination`. All parts that are set must hold. */
export interface Match {
  readonly path: ValueMatch<'Exact' | 'PathPrefix' | 'RegularExpression'> | undefined;
  readonly method: string | undefined;
  readonly headers: readonly NamedMatch[];
  readonly queryParams: readonly NamedMatch[];
  readonly grpc: GrpcMatch | undefined;
  readonly source: SourceMatch | undefined;
  readonly destination: DestinationMatch | undefined;
}

/** Gateway API `GRPCMethodMatch`. At least one of service and method is given. */
export interface GrpcMatch {
  readonly type: 'Exact' | 'RegularExpression';
  /** With its package: `shop.v1.Orders`. */
  readonly service: string | undefined;
  readonly method: string | undefined;
}

export interface ValueMatch<Type extends string> {
  readonly type: Type;
  readonly value: string;
}

export interface NamedMatch extends ValueMatch<'Exact' | 'RegularExpression'> {
  /** Header names are lower-case here; query parameter names are kept as written. */
  readonly name: string;
}

export interface SourceMatch {
  /** Any of these IPv4 or IPv6 networks. */
  readonly cidrs: readonly string[];
  /** Any of these client certificate identities (SPIFFE id or DNS name). */
  readonly principals: readonly string[];
}

export interface DestinationMatch {
  /** Any of these hosts; `*.example.org` matches every name below example.org. */
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
  /** Any of these services; undefined is any at all. */
  readonly services?: readonly ServiceMatch[];
}

/** A service by where it is reached. */
export interface ServiceMatch {
  readonly name: string;
  readonly addresses: readonly ServiceAddress[];
}

export interface ServiceAddress {
  /** IPv4 or IPv6 network, or one address. */
  readonly cidr: string;
  /** Undefined: every port. */
  readonly port: number | undefined;
}

/** `numerator / denominator` of all requests; 0 ≤ numerator ≤ denominator. */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

/** What decides whether a request is in the sample. The same key is in or out for every mirror, worker and restart. */
export type SampleBy =
  | { readonly kind: 'random' }
  | { readonly kind: 'source-ip' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

export interface MirrorSettings {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Set when the endpoint is reached over TLS. */
  readonly tls: ClientTls | undefined;
}

export interface Rewrite {
  /** `preserve` sends the client's Host; otherwise the value to send. */
  readonly host: string;
  readonly path: PathRewrite | undefined;
  readonly headers: {
    readonly set: Readonly<Record<string, string>>;
    readonly add: Readonly<Record<string, string>>;
    readonly remove: readonly string[];
  };
  /** What is made unreadable before a copy leaves the observer. */
  readonly redact: Redaction;
}

/** Gateway API `HTTPPathModifier`. */
export type PathRewrite =
  | { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
  | { readonly type: 'ReplacePrefixMatch'; readonly prefix: string; readonly replacePrefixMatch: string };

export interface Redaction {
  /** Lower-case header names. */
  readonly headers: readonly string[];
  readonly queryParams: readonly string[];
  /** Dotted paths of fields of JSON bodies and Protobuf messages, `*` for any key or index: `user.email`, `items.*.card`. */
  readonly jsonFields: readonly string[];
  /** Whether messages that may hold such a field, and cannot be looked into, are copied; by default they are held back. */
  readonly unknownMessages?: 'hold' | 'copy';
}

export interface Limits {
  /** Copies of one mirror under way at once, per observer. */
  readonly concurrency: number;
  /** Copies waiting for a place, per observer and mirror. */
  readonly queue: number;
  /** Longest request body that is copied and longest answer that is kept, bytes. */
  readonly bodyBytes: number;
  /** Bytes of unsent bodies and kept answers in memory, per observer and mirror. */
  readonly bufferBytes: number;
  /** From the start of a copy to the end of its answer, ms. */
  readonly timeoutMs: number;
  /** From the start of a copy to where an answer without end, or a WebSocket connection, is cut, ms. */
  readonly streamTimeoutMs: number;
  /** Messages of one side of a WebSocket connection before it is cut. */
  readonly messages: number;
  /** Copies per second, per observer and mirror; undefined is without limit. */
  readonly requestsPerSecond: number | undefined;
  /** Bytes of copies per second, per observer and mirror; undefined is without limit. */
  readonly bytesPerSecond: number | undefined;
  readonly breaker: BreakerLimits;
}

export interface BreakerLimits {
  /** The breaker opens after this many failures in a row. */
  readonly failures: number;
  /** Time before the first probe, ms; doubles up to `openMaxMs` while probes fail. */
  readonly openMs: number;
  readonly openMaxMs: number;
}

/** The kill switch: pauses the policy. Shares are 0…1; undefined never stops. */
export interface StopWhen {
  /** Share of copies that failed or were answered with 5xx, over `windowMs`. */
  readonly mirrorErrors: number | undefined;
  /** Rise of the primary's median latency while copies flow, against the time before them. */
  readonly primaryLatencyRise: number | undefined;
  readonly windowMs: number;
  /** Copies that a window must hold before it may decide. */
  readonly minimum: number;
}
