import { quantile } from '../../kit/histogram.ts';
import { findingId } from '../../model/finding-id.ts';
import type { Band, Finding, LatencyVerdict } from '../../model/verdict.ts';
import { logEvalue } from '../statistics/bernoulli-evalue.ts';
import { bernoulliInterval } from '../statistics/bernoulli-interval.ts';
import { quantileBands, rankBand } from '../statistics/quantile-band.ts';
import type { RankBand } from '../statistics/quantile-band.ts';
import { COIN, shownEvalue } from './evidence.ts';
import { isGated } from './gate-risk.ts';
import type { VerdictOptions } from './options.ts';
import type { LatencySums, RouteCounts } from './route-counts.ts';

export const LATENCY_MEASURES = ['firstByte', 'total'] as const;
export type LatencyMeasure = (typeof LATENCY_MEASURES)[number];

const QUANTILES = [0.5, 0.9, 0.99] as const;
const RISK = 'medium';

/** A route whose mirror is slower than the gate allows in more than half of the pairs. */
export interface SlowRoute {
  readonly route: RouteCounts;
  readonly measure: LatencyMeasure;
  readonly sums: LatencySums;
  readonly logEvalue: number;
}

/**
 * A sign test on the pairs: if the median of what the mirror takes beyond the allowance is not above zero, at most half of
 * the pairs are slower. It needs no idea of how durations are distributed, and a burst that slows both sides counts for
 * neither. Without a control there is nothing fair to compare with: the primary is timed on the live path, and copies wait
 * in an observer that stands back for users.
 */
export function slowRoutes(routes: Iterable<RouteCounts>, options: VerdictOptions): readonly SlowRoute[] {
  if (options.gate.latency === undefined || options.noise.source !== 'control') return [];
  const slow: SlowRoute[] = [];
  for (const route of routes) {
    for (const measure of LATENCY_MEASURES) {
      const sums = route.latency[measure];
      if (sums.slower * 2 <= sums.compared) continue;
      const evidence = logEvalue(sums.slower, Math.max(0, sums.compared - sums.slower), COIN);
      slow.push({ route, measure, sums, logEvalue: evidence });
    }
  }
  return slow;
}

/**
 * @param at when the verdict is given; the first verdict that lists the finding is when it was first seen
 */
export function latencyFinding(
  slow: SlowRoute,
  established: boolean,
  at: number,
  options: VerdictOptions,
  alpha: number,
): Finding {
  const { route, measure, sums } = slow;
  const { lower, upper } = bernoulliInterval(Math.min(sums.slower, sums.compared), sums.compared, alpha);
  const path = `latency.${measure}`;
  if (sums.slowSince === 0) sums.slowSince = at;
  return {
    id: findingId(options.mirror, route.route, path, 'latency'),
    mirror: options.mirror,
    route: route.route,
    path,
    kind: 'latency',
    risk: RISK,
    cause: 'difference',
    established,
    fails: established && isGated(RISK, options.gate.risk),
    eValue: shownEvalue(slow.logEvalue),
    pairs: sums.compared,
    mirrorOnly: sums.slower,
    referenceOnly: 0,
    both: 0,
    rate: sums.slower / sums.compared,
    lower,
    upper,
    firstSeen: sums.slowSince,
    lastSeen: at,
    sample: { exchange: '', ...mediansOf(sums) },
  };
}

function mediansOf({ reference, mirror }: LatencySums): { primary?: string; other?: string } {
  const [left, right] = [quantile(reference, 0.5), quantile(mirror, 0.5)];
  if (left === undefined || right === undefined) return {};
  return { primary: `median ${millisText(left)}`, other: `median ${millisText(right)}` };
}

function millisText(micros: number): string {
  return `${Number((micros / 1000).toPrecision(3))} ms`;
}

/** Bands of many histograms with few distinct counts: the ranks are worked out once for each count. */
export class RankBands {
  readonly #alpha: number;
  readonly #bands = new Map<number, readonly RankBand[]>();

  constructor(alpha: number) {
    this.#alpha = alpha;
  }

  /** For each of the quantiles. */
  of(count: number): readonly RankBand[] {
    const known = this.#bands.get(count);
    if (known !== undefined) return known;
    const bands = QUANTILES.map((p) => rankBand(count, p, this.#alpha));
    this.#bands.set(count, bands);
    return bands;
  }
}

export function latencyVerdict(sums: LatencySums, ranks: RankBands): LatencyVerdict {
  const { primary, reference, mirror, slower, compared } = sums;
  const bands = [primary, reference, mirror].map((side) =>
    quantileBands(side, QUANTILES, ranks.of(side.count)),
  );
  return {
    pairs: compared,
    slowerShare: compared === 0 ? 0 : Math.min(1, slower / compared),
    quantiles: QUANTILES.map((quantileOf, i) => ({
      quantile: quantileOf,
      primary: bands[0]?.[i] ?? UNKNOWN,
      reference: bands[1]?.[i] ?? UNKNOWN,
      mirror: bands[2]?.[i] ?? UNKNOWN,
    })),
  };
}

const UNKNOWN: Band = { estimate: undefined, lower: undefined, upper: undefined };
