import type { Counts } from '../kit/counts.ts';
import type { GrpcStatus } from './rpc-status.ts';
import type { Histogram } from '../kit/histogram.ts';
import type { CaptureStatus, PacketTotals } from './capture-status.ts';
import type { Completeness, IncompleteReason, MirrorFailure, NotMirroredReason } from './exchange.ts';

/**
 * What a running instance says of itself: plain data that the admin API sends as JSON, the command line prints and the
 * dashboard draws. Counts run from the start of the program. Points in time are milliseconds since the Unix epoch.
 */
export interface Summary {
  readonly version: string;
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly listeners: number;
  readonly captures: number;
  readonly connections: ConnectionCounts;
  /** Live requests that were seen, by the protocol they came in. */
  readonly requests: { readonly http1: number; readonly http2: number };
  /** Exchanges that came to an end, whole or not. */
  readonly exchanges: number;
  readonly incomplete: Counts<IncompleteReason>;
  readonly completeness: Counts<Completeness>;
  /** What captures have seen and missed. */
  readonly packets: PacketTotals;
  /** Copies sent, over all policies and mirrors: a request that goes to two mirrors counts twice. Controls are not in it. */
  readonly mirrored: number;
  /** Copies not sent, counted like `mirrored`. */
  readonly notMirrored: Counts<NotMirroredReason>;
  /** `notMirrored.unsafe_method`: writes held back by `writes: hold`. Shown wherever `mirrored` is. */
  readonly heldWrites: number;
  /** Copies that were sent and have no whole answer. */
  readonly failures: Counts<MirrorFailure>;
  readonly pairs: PairCounts;
  readonly observerRestarts: number;
  readonly tapeDroppedBytes: number;
  /** Changed configurations that were put in force or refused. */
  readonly configReloads: Counts<'reloaded' | 'refused'>;
}

export interface ConnectionCounts {
  readonly open: number;
  readonly accepted: number;
  /** Closed at accept because the listener was at its limit. */
  readonly refused: number;
}

/** `incomplete`: one of the two exchanges is not whole, so nothing can be said. */
export type PairCounts = Counts<'same' | 'different' | 'incomplete'>;

/** What every tap says: how its connections and exchanges fare. */
export interface ObservedStatus {
  readonly name: string;
  readonly connections: ConnectionCounts;
  readonly unfollowed: Counts<UnfollowedReason>;
  readonly observers: readonly ObserverStatus[];
  readonly requests: { readonly http1: number; readonly http2: number };
  readonly exchanges: number;
  readonly incomplete: Counts<IncompleteReason>;
  /** HTTP/2 connections that were given up, each in `unfollowed.given_up` too; those of `gap` are taken up again instead. */
  readonly http2Faults: Counts<Http2FaultReason>;
  /** Times a connection was taken up again after a loss on the tape. */
  readonly resynchronised: number;
  /** HTTP/2 header blocks with fields that were lost before their connection was taken up again. */
  readonly unreadableHeads: number;
  /** Of `exchanges`: those that are whole, those that are not, and those whose bytes had to be made out. */
  readonly completeness: Counts<Completeness>;
}

/** An inline relay. */
export interface ListenerStatus extends ObservedStatus {
  readonly kind: 'listener';
  /** Where it really listens, `host:port` or `unix:/path`. */
  readonly address: string;
  readonly tls: 'off' | 'passthrough' | 'terminate';
  readonly workers: number;
  /** Connections that the live path itself ended. */
  readonly closed: Counts<CloseReason>;
  /** `in`: from clients; `out`: to clients. */
  readonly bytes: Counts<'in' | 'out'>;
  readonly endpoints: readonly EndpointStatus[];
  readonly tape: TapeStatus;
}

export type TapStatus = ListenerStatus | CaptureStatus;

/**
 * `unreachable`: no endpoint took it; `protocol`: the primary does not speak what the client agreed on (ALPN); `idle`: nothing
 * passed for too long; `handshake`: TLS or PROXY header failed.
 */
export const CLOSE_REASONS = ['unreachable', 'protocol', 'idle', 'handshake'] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** Why a connection is relayed and its requests are not seen. */
export const UNFOLLOWED_REASONS = [
  /** Left out by the live worker, so that the observer keeps up. */
  'left_out',
  /** The observer follows as many as it may. */
  'too_many',
  /** Given up after a loss on the tape. */
  'given_up',
  'opaque_tls',
  'opaque_other',
] as const;
export type UnfollowedReason = (typeof UNFOLLOWED_REASONS)[number];

/** Why an HTTP/2 connection cannot be followed any more; label of `understudy_http2_faults_total`. */
export const HTTP2_FAULT_REASONS = [
  /** Not HTTP/2, or frames where they may not be. */
  'malformed_frame',
  /** A frame longer than its reader has allowed. */
  'oversized_frame',
  /** Header compression that cannot be read. */
  'malformed_headers',
  /** The sides have agreed on a larger table for header compression than is followed. */
  'table_too_large',
  /** A header block of too many bytes or frames. */
  'header_flood',
  /** Settings, pings or empty frames without end. */
  'control_flood',
  /** Requests that are taken back as fast as they are sent. */
  'rapid_reset',
  /** Bytes were lost outside of content. */
  'gap',
] as const;
export type Http2FaultReason = (typeof HTTP2_FAULT_REASONS)[number];

export interface EndpointStatus {
  readonly url: string;
  readonly state: 'up' | 'resting';
  /** When a resting endpoint is tried again. */
  readonly restingUntil: number | undefined;
  readonly connections: number;
  /** Connects that failed or timed out. */
  readonly failures: number;
}

/** All tapes of a tap together. */
export interface TapeStatus {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  readonly droppedBytes: number;
}

export interface ObserverStatus {
  readonly id: number;
  readonly state: 'starting' | 'running' | 'stalled';
  readonly restarts: number;
  readonly connections: number;
  readonly heapBytes: number;
}

export interface PolicyStatus {
  readonly name: string;
  /** Taps it copies from; empty means all. */
  readonly taps: readonly string[];
  readonly state: PolicyState;
  /** Share of matched requests that is copied, 0…100. */
  readonly percent: number;
  readonly writes: 'hold' | 'mirror';
  readonly order: 'none' | 'connection';
  /** Requests that matched. */
  readonly matched: number;
  /** Matched requests that were in the sample. */
  readonly sampled: number;
  readonly mirrors: readonly MirrorStatus[];
  readonly control: MirrorStatus | undefined;
  /** Of policies that ask a server for descriptors. */
  readonly reflection?: ReflectionStatus | undefined;
}

/** What has become of asking a server for its descriptors. */
export interface ReflectionStatus {
  readonly state: 'waiting' | 'answered';
  /** Descriptor files that are used. */
  readonly files: number;
  /** Times that it gave none, or none that can be used. */
  readonly failures: number;
  /** What was wrong the last time; undefined when nothing was. */
  readonly error: string | undefined;
}

export type PolicyState =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'paused';
      readonly by: 'operator' | 'stopWhen';
      readonly reason: string;
      readonly since: number;
    };

export const RESPONSE_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
export type ResponseClass = (typeof RESPONSE_CLASSES)[number];

/** One mirror, or the control, of one policy, over all observers. */
export interface MirrorStatus {
  readonly name: string;
  readonly url: string;
  /** Copies sent. */
  readonly mirrored: number;
  /** Every live request that was not copied here has one reason, also when the policy decided it (`not_matched`, `paused`). */
  readonly notMirrored: Counts<NotMirroredReason>;
  /** By class of status; calls of gRPC and its kin count as what they would be in HTTP: INTERNAL as 5xx. */
  readonly responses: Counts<ResponseClass>;
  /** How calls of gRPC, gRPC-Web and Connect streams ended; undefined where there was none. */
  readonly calls?: Counts<GrpcStatus> | undefined;
  readonly failures: Counts<MirrorFailure>;
  readonly pairs: PairCounts;
  /** Those of `pairs` whose answers may have no end, and were compared as far as both sides had come. */
  readonly truncated: number;
  /** The worst of all observers: one open breaker shows as `open`. */
  readonly breaker: 'closed' | 'half-open' | 'open';
  readonly inFlight: number;
  readonly queued: number;
  readonly bufferedBytes: number;
}

/** How long requests took, from the first byte of the request to the last one of the answer. */
export interface DurationStatus {
  readonly role: 'primary' | 'mirror' | 'control';
  /** Empty for a primary's requests that no policy copies. */
  readonly policy: string;
  readonly histogram: Histogram;
}

/** Something that happened; sent as server-sent events, `type` as the event's name. */
export type AdminEvent =
  /** Once a second. */
  | { readonly type: 'summary'; readonly at: number; readonly summary: Summary }
  | {
      readonly type: 'policy-paused';
      readonly at: number;
      readonly policy: string;
      readonly by: 'operator' | 'stopWhen';
      readonly reason: string;
    }
  | { readonly type: 'policy-resumed'; readonly at: number; readonly policy: string }
  | {
      readonly type: 'observer-restarted';
      readonly at: number;
      readonly tap: string;
      readonly observer: number;
      readonly reason: string;
    }
  | {
      readonly type: 'capture-over';
      readonly at: number;
      readonly tap: string;
      /** What has gone wrong for good; empty when it has just come to its end. */
      readonly problem: string;
    }
  | { readonly type: 'config-reloaded'; readonly at: number }
  | { readonly type: 'config-refused'; readonly at: number; readonly problems: readonly string[] }
  | {
      readonly type: 'endpoint-resting';
      readonly at: number;
      readonly tap: string;
      readonly endpoint: string;
      readonly restingUntil: number;
      readonly reason: string;
    }
  | { readonly type: 'endpoint-up'; readonly at: number; readonly tap: string; readonly endpoint: string }
  | {
      readonly type: 'breaker-opened';
      readonly at: number;
      readonly policy: string;
      readonly mirror: string;
      readonly reason: string;
    }
  | {
      readonly type: 'breaker-closed';
      readonly at: number;
      readonly policy: string;
      readonly mirror: string;
    }
  | { readonly type: 'draining'; readonly at: number };
