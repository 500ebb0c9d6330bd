import type { ObserverCounts } from '../observe/counts.ts';
import type { LiveListenerOptions } from '../live/listener.ts';
import type { DurationStatus, EndpointStatus, PolicyStatus } from '../model/status.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { Policy } from '../model/policy.ts';
import type { ListenerSettings, ObserverSettings, PrimarySettings } from '../model/settings.ts';
import type { Tape } from '../model/tape.ts';
import type { ClientPem } from '../live/tls-client.ts';
import type { TlsBundle } from '../live/tls-server.ts';
import type { LogFields } from '../kit/log-line.ts';
import type { Judged } from './answer-judge.ts';
import type { CaptureCounts } from './capture-counts.ts';

/** What a live worker is started with, told, and tells. */
export interface LiveWorkerData {
  readonly listener: LiveListenerOptions;
  readonly tapes: readonly Tape[];
}
export type ToLive =
  | { readonly kind: 'observe'; readonly tapes: readonly Tape[] }
  | {
      readonly kind: 'reload';
      readonly settings: ListenerSettings;
      readonly certificates: TlsBundle | undefined;
      readonly primaryPem: ClientPem | undefined;
    }
  | { readonly kind: 'certificates'; readonly certificates: TlsBundle }
  | { readonly kind: 'drain'; readonly drainMs: number }
  | { readonly kind: 'close' };
export type FromLive =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly message: string; readonly where: string; readonly hint: string }
  | { readonly kind: 'endpoints'; readonly endpoints: readonly EndpointStatus[] }
  | { readonly kind: 'drained' };

/** What all observers of an instance have in common. */
export interface InstanceData {
  /** Secret by which copies are known again. */
  readonly markerKey: Uint8Array;
  /** Which resources had writes that were held back. */
  readonly heldWrites: SharedArrayBuffer;
  /** Longest body kept of one answer in an example, bytes. */
  readonly recordedBytes: number;
}

/** What an observer is started with, told, and tells. */
export interface ObserverWorkerData {
  readonly tap: string;
  readonly tape: Tape;
  readonly settings: ObserverSettings;
  readonly policies: readonly Policy[];
  /** Names of policies that are paused. */
  readonly paused: readonly string[];
  /** Connections that the live worker may have open. */
  readonly connections: number;
  readonly idPrefix: string;
  readonly instance: InstanceData;
  /** Where the tap's connections go; repeats are sent there. */
  readonly primary: PrimarySettings;
}
export type ToObserver =
  | { readonly kind: 'policies'; readonly policies: readonly Policy[]; readonly paused: readonly string[] }
  | { readonly kind: 'paused'; readonly paused: readonly string[] }
  /** Ends when the tape is empty and no copy is under way. */
  | { readonly kind: 'drain' };
export type FromObserver =
  | BreakerChange
  | { readonly kind: 'report'; readonly report: ObserverReport }
  /** What was compared since the last one. */
  | { readonly kind: 'judged'; readonly judged: Judged }
  | { readonly kind: 'drained' };

/** What a capture's thread is started with, and tells; it is told what observers are. */
export interface CaptureWorkerData extends Omit<ObserverWorkerData, 'tape' | 'primary'> {
  readonly capture: CaptureSettings;
  /** A number that the thread counts up while it is alive. */
  readonly beat: SharedArrayBuffer;
}
export type FromCapture =
  | BreakerChange
  /** `source`: what it reads, in words. */
  | { readonly kind: 'started'; readonly source: string }
  | { readonly kind: 'refused'; readonly message: string; readonly where: string; readonly hint: string }
  | { readonly kind: 'report'; readonly report: CaptureReport }
  | { readonly kind: 'judged'; readonly judged: Judged }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn';
      readonly text: string;
      readonly fields: LogFields;
    }
  /** Nothing more comes: it has come to its end, or `problem` has gone wrong for good. The thread ends. */
  | { readonly kind: 'over'; readonly problem: string | undefined }
  | { readonly kind: 'drained' };

/** The breaker of one observer towards one mirror has opened, or has closed again. */
export interface BreakerChange {
  readonly kind: 'breaker';
  readonly policy: string;
  readonly mirror: string;
  readonly open: boolean;
  readonly reason: string;
}

/** Everything one observer has counted since it began, in the form in which the status shows it. */
export interface ObserverReport {
  readonly counts: ObserverCounts;
  readonly connections: number;
  readonly heapBytes: number;
  readonly policies: readonly PolicyReport[];
  readonly durations: readonly DurationStatus[];
}

/** What a capture's thread has counted besides. */
export interface CaptureReport extends ObserverReport {
  /** Whole exchanges of connections that had to be made out. */
  readonly guessed: number;
  readonly capture: CaptureCounts;
}

export type PolicyReport = Pick<PolicyStatus, 'name' | 'matched' | 'sampled' | 'mirrors' | 'control'>;
