import { findingId } from '../../model/finding-id.ts';
import { RISKS } from '../../model/difference.ts';
import type { Finding } from '../../model/verdict.ts';
import { bernoulliInterval } from '../statistics/bernoulli-interval.ts';
import type { Interval } from '../statistics/bernoulli-interval.ts';
import { excessInterval } from '../statistics/excess-interval.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import { findingLogEvalue, shownEvalue } from './evidence.ts';
import { causeOf } from './finding-counts.ts';
import type { FindingCounts } from './finding-counts.ts';
import { isGated } from './gate-risk.ts';
import { hasReference } from './options.ts';
import type { VerdictOptions } from './options.ts';
import { share, trialsOf } from './rates.ts';
import type { RouteCounts } from './route-counts.ts';

/** A finding with its evidence. */
export interface WeighedFinding {
  readonly route: RouteCounts;
  readonly finding: FindingCounts;
  readonly trials: number;
  readonly logEvalue: number;
}

interface Remembered {
  readonly id: string;
  evidenceOf: string;
  logEvalue: number;
  boundsOf: string;
  boundsTrials: number;
  bounds: Interval;
}

/**
 * What was computed for a finding at the last look, so that a look each second costs little: most findings have not changed
 * meanwhile.
 */
export class FindingMemory {
  readonly #known = new WeakMap<FindingCounts, Remembered>();
  readonly #options: VerdictOptions;
  readonly #test: RateTest;

  constructor(options: VerdictOptions, test: RateTest) {
    this.#options = options;
    this.#test = test;
  }

  weigh(route: RouteCounts, finding: FindingCounts): WeighedFinding {
    const trials = trialsOf(route, this.#options);
    const known = this.#of(route, finding);
    const { mirrorOnly, referenceOnly, unreferenced, afterHeldWrite, trialsBefore } = finding;
    // With a reference the pairs that show nothing are no evidence.
    const rest = hasReference(this.#options) ? referenceOnly : trials - trialsBefore;
    const evidence = `${mirrorOnly} ${unreferenced} ${afterHeldWrite} ${rest}`;
    if (known.evidenceOf !== evidence) {
      known.evidenceOf = evidence;
      known.logEvalue = findingLogEvalue(finding, trials, this.#options, this.#test);
    }
    return { route, finding, trials, logEvalue: known.logEvalue };
  }

  judge({ route, finding, trials, logEvalue }: WeighedFinding, established: boolean, alpha: number): Finding {
    const { mirror, gate } = this.#options;
    const { path, kind, risk, mirrorOnly, referenceOnly, both, firstSeen, lastSeen, sample } = finding;
    const counted = mirrorOnly - (hasReference(this.#options) ? finding.unreferenced : 0);
    const { lower, upper } = this.#bounds(route, finding, counted, trials, alpha);
    const cause = causeOf(finding);
    return {
      id: this.#of(route, finding).id,
      mirror,
      route: route.route,
      path,
      kind,
      risk,
      cause,
      established,
      fails: established && cause === 'difference' && isGated(risk, gate.risk),
      eValue: shownEvalue(logEvalue),
      pairs: trials,
      mirrorOnly,
      referenceOnly,
      both,
      rate: trials === 0 ? 0 : share((counted - (hasReference(this.#options) ? referenceOnly : 0)) / trials),
      lower: share(lower),
      upper: share(upper),
      firstSeen,
      lastSeen,
      sample,
    };
  }

  /** A confidence sequence that is a few pairs old is one still, a little wider than it need be. */
  #bounds(
    route: RouteCounts,
    finding: FindingCounts,
    counted: number,
    trials: number,
    alpha: number,
  ): Interval {
    const known = this.#of(route, finding);
    const boundsOf = `${counted} ${finding.referenceOnly} ${alpha}`;
    if (known.boundsOf === boundsOf && trials <= known.boundsTrials * 1.01) return known.bounds;
    const mirrorOnly = Math.min(Math.max(0, counted), trials);
    const referenceOnly = Math.min(finding.referenceOnly, trials);
    known.boundsOf = boundsOf;
    known.boundsTrials = trials;
    known.bounds = hasReference(this.#options)
      ? excessInterval({ mirrorOnly, referenceOnly, pairs: trials }, alpha)
      : bernoulliInterval(mirrorOnly, trials, alpha);
    return known.bounds;
  }

  #of(route: RouteCounts, finding: FindingCounts): Remembered {
    let known = this.#known.get(finding);
    if (known === undefined) {
      const id = findingId(this.#options.mirror, route.route, finding.path, finding.kind);
      const bounds = { lower: 0, upper: 1 };
      known = { id, evidenceOf: '', logEvalue: 0, boundsOf: '', boundsTrials: 0, bounds };
      this.#known.set(finding, known);
    }
    return known;
  }
}

/** Established before not, then by risk, then by evidence. */
export function worstFirst(left: Finding, right: Finding): number {
  return (
    Number(right.established) - Number(left.established) ||
    RISKS.indexOf(right.risk) - RISKS.indexOf(left.risk) ||
    right.eValue - left.eValue ||
    right.rate - left.rate
  );
}
