import { RISKS } from '../../model/difference.ts';
import type { DifferenceKind, Risk } from '../../model/difference.ts';
import type { FindingTally } from '../../model/tally.ts';
import type { FindingCause } from '../../model/verdict.ts';
import { BINS } from './growth.ts';

/** What has been counted of one difference on a route since it was first seen. */
export interface FindingCounts {
  readonly path: string;
  readonly kind: DifferenceKind;
  risk: Risk;
  mirrorOnly: number;
  referenceOnly: number;
  both: number;
  unreferenced: number;
  afterHeldWrite: number;
  firstSeen: number;
  lastSeen: number;
  sample: FindingTally['sample'];
  /** Trials on the route before the report in which it was first seen. */
  trialsBefore: number;
  /** Its `mirrorOnly` over the pairs of the route. */
  readonly bins: number[];
  /** It was seen to grow all the time while writes were held back. A state that has drifted does not come back. */
  grown: boolean;
}

export function findingKey({ kind, path }: Pick<FindingCounts, 'kind' | 'path'>): string {
  return `${kind} ${path}`;
}

export function createFinding(tally: FindingTally, trialsBefore: number): FindingCounts {
  return {
    path: tally.path,
    kind: tally.kind,
    risk: tally.risk,
    mirrorOnly: 0,
    referenceOnly: 0,
    both: 0,
    unreferenced: 0,
    afterHeldWrite: 0,
    firstSeen: tally.firstSeen,
    lastSeen: tally.lastSeen,
    sample: tally.sample,
    trialsBefore,
    bins: Array.from({ length: BINS }, () => 0),
    grown: false,
  };
}

export function addFinding(into: FindingCounts, from: FindingTally | FindingCounts): void {
  into.mirrorOnly += from.mirrorOnly;
  into.referenceOnly += from.referenceOnly;
  into.both += from.both;
  into.unreferenced += from.unreferenced ?? 0;
  into.afterHeldWrite += from.afterHeldWrite;
  if (RISKS.indexOf(from.risk) > RISKS.indexOf(into.risk)) into.risk = from.risk;
  if (from.lastSeen >= into.lastSeen) into.sample = from.sample;
  into.firstSeen = Math.min(into.firstSeen, from.firstSeen);
  into.lastSeen = Math.max(into.lastSeen, from.lastSeen);
}

/**
 * A finding follows from held writes when most of the pairs that show it came after one to the same resource, or when it
 * grows all the time while writes are held. A fault of the mirror's code does not ask whether a write went before: it shows
 * before any as readily, so more than half means that following one is its rule and not a coincidence.
 */
export function causeOf({ mirrorOnly, afterHeldWrite, grown }: FindingCounts): FindingCause {
  return grown || afterHeldWrite * 2 > mirrorOnly ? 'state_drift' : 'difference';
}

/**
 * The pairs that may count as evidence: not those after a held write, not those without a reference where others have one,
 * and not the first one, because it chose what is asked. Which event was the first is not known from the counts; taking a
 * success away is right or too careful, whichever it was.
 *
 * @param trials of the route: pairs, or those with a reference
 */
export function evidenceOf(
  finding: FindingCounts,
  trials: number,
  referenced: boolean,
): { readonly successes: number; readonly failures: number } {
  const { mirrorOnly, referenceOnly, unreferenced, afterHeldWrite, trialsBefore } = finding;
  const setAside = afterHeldWrite + (referenced ? unreferenced : 0) + 1;
  const successes = Math.max(0, mirrorOnly - setAside);
  const failures = referenced ? referenceOnly : Math.max(0, trials - trialsBefore - mirrorOnly);
  return { successes, failures };
}
