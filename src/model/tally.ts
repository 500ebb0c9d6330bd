import type { Histogram } from '../kit/histogram.ts';
import type { DifferenceKind, Risk } from './difference.ts';

/** Why a pair cannot be compared. Such pairs are never a difference. */
export const PAIR_INCOMPLETE_REASONS = [
  /** The live exchange: lost on the tape, ambiguous, ended early by either side, or too large. */
  'tape_gap',
  'ambiguous',
  'client_closed',
  'primary_closed',
  'too_large',
  /** The primary's answer is longer than is kept (`limits.bodyBytes`, or the observer's memory). */
  'body_cut',
  /** The mirror's answer is longer than is kept. */
  'answer_too_large',
  /** The copy was given up by us. */
  'given_up',
  /** The control gave no answer, so noise cannot be told from a difference. */
  'control_missing',
] as const;
export type PairIncompleteReason = (typeof PAIR_INCOMPLETE_REASONS)[number];

/** Where the noise of a pair was measured: a second answer of the primary's version to the same request. */
export type Reference = 'control' | 'repeat' | 'none';

/**
 * What an observer has counted for one mirror of one policy since its last report. Everything in it is added up, so that
 * tallies of several observers and of several reports can be taken together in any order.
 */
export interface PairTally {
  readonly policy: string;
  readonly mirror: string;
  readonly routes: readonly RouteTally[];
  /** Requests held back (`writes: hold`) since the last report. */
  readonly heldWrites: number;
  /** Differences whose finding found no place in the table. */
  readonly findingsTurnedAway: number;
  /** Requests counted under the catch-all route because there were too many routes. */
  readonly routesTurnedAway: number;
}

/** `GET /api/orders/{id}` and what was counted there. */
export interface RouteTally {
  readonly route: string;
  /** Pairs whose two sides are whole (answers of both, or the mirror's failure). */
  readonly pairs: number;
  /** Those of them without any difference. */
  readonly same: number;
  /** Pairs with a reference answer (control or repeat); their differences are split by it. */
  readonly referenced: number;
  readonly incomplete: Readonly<Partial<Record<PairIncompleteReason, number>>>;
  /** Pairs by the highest risk of the differences that only one side has. `atLeast` sums are made by the reader. */
  readonly worst: WorstCounts;
  /** Pairs that the mirror did not answer while the reference did (or there was none), and the reverse. */
  readonly failures: Discordance;
  /** `primary>mirror` by class of status, e.g. `2xx>5xx`; unanswered ones are `failed`. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly findings: readonly FindingTally[];
  readonly latency: LatencyTally;
}

/** Paired counts: in the mirror's answer only, in the reference's only. Without reference the second is 0. */
export interface Discordance {
  mirrorOnly: number;
  referenceOnly: number;
  /** Those of `mirrorOnly` whose pair had no reference; where others have one (`noise.repeat`) they prove nothing. */
  unreferenced?: number;
}

/** For each risk: pairs where the worst difference that only the mirror (only the reference) has is of that class. */
export type WorstCounts = Readonly<Record<Risk, Discordance>>;

export interface FindingTally extends Readonly<Discordance> {
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly risk: Risk;
  /** Pairs in which mirror and reference both have it: noise by definition. */
  readonly both: number;
  /** Pairs of `mirrorOnly` that came after a held write to the same resource; they are in `mirrorOnly` too. */
  readonly afterHeldWrite: number;
  /** Milliseconds since the Unix epoch. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Texts and exchange of the newest one. */
  readonly sample: { readonly exchange: string; readonly primary?: string; readonly other?: string };
}

/**
 * Durations of pairs whose answers are whole. The reference is the control's or repeat's answer where there is one, else
 * the primary's own.
 */
export interface LatencyTally {
  readonly firstByte: LatencyCounts;
  readonly total: LatencyCounts;
  /** From the live request's first byte to the first byte of the copy: our own hop, not the mirror's fault. */
  readonly dispatch: Histogram;
}

export interface LatencyCounts {
  readonly primary: Histogram;
  readonly reference: Histogram;
  readonly mirror: Histogram;
  /** Pairs whose mirror took longer than the gate allows, and all pairs compared: a paired sign test. */
  readonly slower: number;
  readonly compared: number;
}
