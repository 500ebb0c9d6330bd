import type { Completeness, MirrorFailure } from './exchange.ts';
import type { Difference } from './difference.ts';
import type { Verdict } from './verdict.ts';

/** An example of what was compared, kept for people. It is redacted before it leaves the observer. */
export interface RecordedExchange {
  /** The exchange's id, as in `x-understudy-id`. */
  readonly id: string;
  readonly tap: string;
  readonly policy: string;
  readonly route: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly source: string;
  /** How much of it was seen; undefined in files of before. */
  readonly completeness?: Completeness;
  readonly request: RecordedRequest;
  readonly primary: RecordedAnswer;
  readonly others: readonly RecordedOther[];
}

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bodyBytes: number;
}

export interface RecordedAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The start of the body, in its content coding. */
  readonly body: Uint8Array;
  /** Length of the whole body; more than `body` holds when it was cut. */
  readonly bodyBytes: number;
  readonly firstByteMicros: number;
  readonly totalMicros: number;
}

/** What a mirror, the control or a repeat answered. */
export interface RecordedOther {
  readonly name: string;
  readonly role: 'mirror' | 'control' | 'repeat';
  readonly answer: RecordedAnswer | undefined;
  readonly failure: MirrorFailure | undefined;
  /** Against the primary's answer. */
  readonly differences: readonly Difference[];
}

/** What a minute has brought, per policy and mirror. */
export interface MinuteCounts {
  /** Start of the minute, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly policy: string;
  readonly mirror: string;
  readonly pairs: number;
  readonly same: number;
  readonly different: number;
  readonly failures: number;
}

export interface ExchangeFilter {
  readonly policy?: string;
  readonly mirror?: string;
  readonly route?: string;
  readonly method?: string;
  /** Status of the primary's answer. */
  readonly status?: number;
  /** Id of a finding: only its examples. */
  readonly finding?: string;
  /** Only those with (without) a difference. */
  readonly different?: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly after?: number;
  readonly before?: number;
  /** At most this many, newest first. */
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Asks for the next page; undefined at the end. */
  readonly next: string | undefined;
}

/** Without bodies, for lists. */
export interface ExchangeSummary {
  readonly id: string;
  readonly at: number;
  readonly policy: string;
  readonly route: string;
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly others: readonly {
    readonly name: string;
    readonly role: RecordedOther['role'];
    readonly status: number | undefined;
    readonly differences: number;
  }[];
}

/** The sum of all tallies so far, for one policy and mirror: what a verdict is made from, and what a restart takes up. */
export interface SavedVerdict {
  readonly policy: string;
  readonly mirror: string;
  /** JSON of the verdict's state; only the room that wrote it reads it. */
  readonly state: string;
  /** What was shown last, for those who only read the file. */
  readonly verdict: Verdict;
}

export interface StoreStatus {
  /** `memory` when there is no file. */
  readonly file: string;
  /** `failing`: nothing is stored for now; what is wrong stands in `error`. It is tried again. */
  readonly state: 'open' | 'failing';
  readonly error: string | undefined;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly exchanges: number;
  /** Turned away since the start: while failing, or because too many came at once. */
  readonly dropped: number;
}

/** What is written at once. */
export interface StoreBatch {
  readonly exchanges: readonly RecordedExchange[];
  readonly minutes: readonly MinuteCounts[];
  readonly verdicts: readonly SavedVerdict[];
}
