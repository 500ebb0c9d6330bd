import { edge } from '../../kit/histogram.ts';
import type { Histogram } from '../../kit/histogram.ts';
import type { Band } from '../../model/verdict.ts';
import { logTwoSidedEvalue } from './bernoulli-evalue.ts';
import { crossing } from './crossing.ts';

/** Counts that a quantile's position does not contradict: so many of `trials` may lie at or below it. */
export interface RankBand {
  /** A bucket edge with this count or fewer at or below it lies below the quantile; negative when none does. */
  readonly below: number;
  /** An edge with this count or more at or below it lies above. */
  readonly above: number;
}

/**
 * The ranks between which the p-quantile stays at all times together with probability 1 − α. At the true quantile the
 * durations up to it are Bernoulli trials of rate p, so a count that the Beta-mixture e-value excludes shows the side on
 * which it lies; no union over the edges is needed, since counts grow with the edge. Source: Howard and Ramdas 2022,
 * "Sequential estimation of quantiles with applications to A/B testing and best-arm identification".
 */
export function rankBand(trials: number, p: number, alpha: number): RankBand {
  const limit = -Math.log(alpha);
  const excess = (rank: number): number => logTwoSidedEvalue(rank, trials - rank, p) - limit;
  const middle = p * trials;
  if (trials <= 0 || excess(middle) >= 0) return { below: -1, above: trials + 1 };
  const reach = Math.sqrt(4 * (limit + Math.log(trials + 1)) * p * (1 - p) * trials);
  return {
    below: excess(0) < 0 ? -1 : Math.floor(search(excess, middle, Math.max(0, middle - reach), 0)),
    above:
      excess(trials) < 0
        ? trials + 1
        : Math.ceil(search(excess, middle, Math.min(trials, middle + reach), trials)),
  };
}

function search(excess: (rank: number) => number, from: number, guess: number, end: number): number {
  return crossing(excess, from, excess(guess) < 0 ? end : guess, 1e-3);
}

/**
 * Quantiles with their time-uniform bands, on the edges of the buckets, µs. Needs nothing but the mergeable counts. The last
 * bucket has no upper edge, so a quantile there has no upper bound.
 *
 * @param ranks the bands of `shares`, for this many durations
 */
export function quantileBands(
  { buckets, count }: Histogram,
  shares: readonly number[],
  ranks: readonly RankBand[],
): readonly Band[] {
  if (count === 0) return shares.map(() => ({ estimate: undefined, lower: undefined, upper: undefined }));
  const cumulative: number[] = [];
  let sum = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    sum += buckets[bucket] ?? 0;
    cumulative.push(sum);
  }
  const last = buckets.length - 1;
  return shares.map((share, i) => {
    const { below, above } = ranks[i] ?? { below: -1, above: Number.POSITIVE_INFINITY };
    const estimate = firstAtLeast(cumulative, Math.max(1, Math.ceil(share * count)));
    const upper = firstAtLeast(cumulative, above);
    // The last edge with so few below it is the one before the first with more. No duration is below 0.
    const lower = Math.min(firstAtLeast(cumulative, Math.floor(below) + 1), last) - 1;
    return {
      estimate: edge(Math.min(estimate, last)),
      lower: below < 0 ? undefined : lower < 0 ? 0 : edge(lower),
      upper: upper < last ? edge(upper) : undefined,
    };
  });
}

/** The first index with at least this value in an ascending list; its length when there is none. */
function firstAtLeast(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}
