import type { DifferenceKind, Risk } from './difference.ts';
import type { Gate } from './compare-settings.ts';
import type { PairIncompleteReason } from './tally.ts';

/** Version of the JSON that reports and the API give; a change that breaks readers raises it. */
export const VERDICT_VERSION = 1;

export const VERDICT_STATES = ['pass', 'fail', 'undecided'] as const;
export type VerdictState = (typeof VERDICT_STATES)[number];

/**
 * What the pairs of a policy prove so far. It may be looked at at any moment and as often as one likes: the error
 * probability `gate.alpha` holds over the whole run. Rates are shares, 0…1; times milliseconds since the Unix epoch unless
 * they are called micros.
 */
export interface Verdict {
  readonly version: typeof VERDICT_VERSION;
  readonly policy: string;
  /** The worst of its mirrors: `fail` before `undecided` before `pass`. */
  readonly state: VerdictState;
  readonly since: number;
  readonly at: number;
  readonly mirrors: readonly MirrorVerdict[];
}

export interface MirrorVerdict {
  readonly mirror: string;
  readonly state: VerdictState;
  /** Why, a sentence each; the first is the main one. */
  readonly reasons: readonly string[];
  readonly pairs: {
    readonly compared: number;
    readonly same: number;
    readonly referenced: number;
    readonly incomplete: Readonly<Partial<Record<PairIncompleteReason, number>>>;
  };
  readonly noise: {
    readonly source: 'control' | 'repeat' | 'assumed';
    /** What that means, in a sentence. */
    readonly text: string;
  };
  readonly gate: Gate;
  /** What a pass has to show. */
  readonly rates: readonly RateVerdict[];
  /** More pairs needed for a decision at the present rates; undefined when it cannot be told, 0 when decided. */
  readonly pairsNeeded: number | undefined;
  /** Routes that do not have enough pairs yet. */
  readonly uncovered: readonly string[];
  /** Worst first: established before not, then by risk, then by evidence. */
  readonly findings: readonly Finding[];
  readonly routes: readonly RouteVerdict[];
  readonly heldWrites: number;
  readonly turnedAway: { readonly findings: number; readonly routes: number };
}

/** A rate that the gate limits, with its confidence sequence at the gate's error probability. */
export interface RateVerdict {
  readonly name: 'differences' | 'mirrorErrors';
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly allowed: number;
  readonly ok: boolean;
}

/** `state_drift`: follows from writes that were held back, and says nothing against the mirror's code. */
export const FINDING_CAUSES = ['difference', 'state_drift'] as const;
export type FindingCause = (typeof FINDING_CAUSES)[number];

export interface Finding {
  /** Stable over restarts: a hash of mirror, route, path and kind. */
  readonly id: string;
  readonly mirror: string;
  readonly route: string;
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly risk: Risk;
  readonly cause: FindingCause;
  /** Proven beyond noise at the gate's error probability, false discoveries over all findings controlled (e-BH). */
  readonly established: boolean;
  /** Established, of a class that the gate watches, and not drift: this fails the policy. */
  readonly fails: boolean;
  readonly eValue: number;
  /** Pairs of the route, and how many of them show it on which side. */
  readonly pairs: number;
  readonly mirrorOnly: number;
  readonly referenceOnly: number;
  readonly both: number;
  /** Share of pairs that show it beyond noise, with its confidence sequence. */
  readonly rate: number;
  readonly lower: number;
  readonly upper: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** The newest example. */
  readonly sample: { readonly exchange: string; readonly primary?: string; readonly other?: string };
}

export interface RouteVerdict {
  readonly route: string;
  readonly pairs: number;
  readonly same: number;
  /** Share of all pairs. */
  readonly share: number;
  readonly covered: boolean;
  readonly statuses: Readonly<Record<string, number>>;
  readonly latency: { readonly firstByte: LatencyVerdict; readonly total: LatencyVerdict };
  /** Median of our own hop, from the live request's first byte to the copy's. */
  readonly dispatchMicros: number | undefined;
}

export interface LatencyVerdict {
  readonly pairs: number;
  /** Share of pairs whose mirror was slower than the gate allows. */
  readonly slowerShare: number;
  readonly quantiles: readonly QuantileVerdict[];
}

/** One quantile of both sides with its time-uniform band, µs; undefined bounds are not known yet. */
export interface QuantileVerdict {
  readonly quantile: number;
  readonly primary: Band;
  readonly reference: Band;
  readonly mirror: Band;
}

export interface Band {
  readonly estimate: number | undefined;
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}
