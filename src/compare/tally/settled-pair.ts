import type { Difference } from '../../model/difference.ts';
import type { MirrorFailure } from '../../model/exchange.ts';
import type { Reference } from '../../model/tally.ts';

/** The two sides of a request, both over and whole (or the mirror's failure), and what unlike was found between them. */
export interface SettledPair {
  /** As `RouteTable.routeOf` gives it. */
  readonly route: string;
  readonly exchangeId: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly primaryStatus: number;
  readonly mirror: Outcome;
  /** The second answer of the primary's version; undefined when the request had none. */
  readonly reference: (Outcome & { readonly kind: Exclude<Reference, 'none'> }) | undefined;
  /** Against the primary's answer; empty for one that failed. */
  readonly mirrorDifferences: readonly Difference[];
  readonly referenceDifferences: readonly Difference[];
  readonly durations: PairDurations;
  /** A write to what was asked for was held back before. */
  readonly afterHeldWrite: boolean;
}

/** What a mirror or the reference gave: one of the two is defined. */
export interface Outcome {
  readonly status: number | undefined;
  readonly failure: MirrorFailure | undefined;
}

export interface PairDurations {
  readonly primary: Duration;
  /** Undefined for one that failed. */
  readonly mirror: Duration | undefined;
  readonly reference: Duration | undefined;
  /** From the live request's first byte to the first byte of the copy. */
  readonly dispatchMicros: number | undefined;
}

/** From the request's first byte. */
export interface Duration {
  readonly firstByteMicros: number;
  readonly totalMicros: number;
}
