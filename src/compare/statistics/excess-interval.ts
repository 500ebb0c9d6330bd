import type { Interval } from './bernoulli-interval.ts';
import { crossing } from './crossing.ts';

/**
 * How much more often the mirror differs than the reference: the mean of X = +1 (mirror only), −1 (reference only), 0
 * (both or none) over `pairs`.
 *
 * A pair may be in both counts, where each side has a difference that the other has not. How many are is not known; taking
 * them for two pairs with X = +1 and −1 and one less with X = 0 only lowers the e-values below, because
 * (y − v)(y + v) < y².
 */
export interface ExcessCounts {
  readonly mirrorOnly: number;
  readonly referenceOnly: number;
  readonly pairs: number;
}

/** Stakes 1, ½, ¼ … of all that can be lost. */
const STAKES = Float64Array.from({ length: 26 }, (_, k) => 2 ** -k);
/** They weigh 1, 2^-1.5, 3^-1.5 …, so that the bold ones, which quiet paths need, cost little. */
const LOG_WEIGHTS = logShares(STAKES.map((_, k) => (k + 1) ** -1.5));
const LOG_LOSSES = STAKES.map((stake) => Math.log1p(-stake));

function logShares(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => Math.log(weight / sum));
}

/**
 * Log of an e-value against "the mean of X is at least `excess`, whatever happened before". It is the wealth of a gambler
 * who bets on smaller X: each pair multiplies it by 1 + u (δ − X)/(1 − δ), never negative for stakes u in [0, 1] and at
 * most 1 on average if the mean is δ or more. A mixture over fixed stakes depends on the three counts alone. Source:
 * Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting" (there with stakes that
 * change over time, which the counts would not suffice for).
 *
 * @param excess δ, between −1 and 1; the e-value grows with it
 */
export function logEvalueBelow(counts: ExcessCounts, excess: number): number {
  // More than there are pairs: so many are surely in both counts.
  const surplus = Math.max(0, counts.mirrorOnly + counts.referenceOnly - counts.pairs);
  const mirrorOnly = counts.mirrorOnly - surplus;
  const referenceOnly = counts.referenceOnly - surplus;
  const rest = counts.pairs - mirrorOnly - referenceOnly;
  const odds = 1 / (1 - excess);
  const ifZero = excess * odds;
  const ifLower = (1 + excess) * odds;
  let largest = Number.NEGATIVE_INFINITY;
  let sum = 0;
  // log Σ exp in one pass, without an array: a verdict asks some ten thousand times.
  for (let k = 0; k < STAKES.length; k++) {
    const stake = STAKES[k] ?? 0;
    let term = (LOG_WEIGHTS[k] ?? 0) + rest * Math.log1p(stake * ifZero);
    // 0 · log 0 is 0: who has not lost the bold stake yet goes on with it.
    if (mirrorOnly > 0) term += mirrorOnly * (LOG_LOSSES[k] ?? 0);
    if (referenceOnly > 0) term += referenceOnly * Math.log1p(stake * ifLower);
    if (term > largest) {
      sum = sum * Math.exp(largest - term) + 1;
      largest = term;
    } else if (term > largest - NEGLIGIBLE) sum += Math.exp(term - largest);
  }
  return largest + Math.log(sum);
}

/** Parts so many powers of e below the largest do not change the sum. */
const NEGLIGIBLE = 40;

/** Log of an e-value against "the mean of X is at most `excess`": the same with the sides changed. */
export function logEvalueAbove(counts: ExcessCounts, excess: number): number {
  const { mirrorOnly, referenceOnly, pairs } = counts;
  return logEvalueBelow({ mirrorOnly: referenceOnly, referenceOnly: mirrorOnly, pairs }, -excess);
}

/** Of a bound's distance from the estimate; it is rounded outwards. */
const TOLERANCE = 1e-3;

/**
 * The upper end of a one-sided confidence sequence for the mean of X: with probability 1 − α it is never below the true
 * mean.
 */
export function excessUpper(counts: ExcessCounts, alpha: number): number {
  const { mirrorOnly, referenceOnly, pairs } = counts;
  if (pairs <= 0 || mirrorOnly - referenceOnly >= pairs) return 1;
  const limit = -Math.log(alpha);
  const open = (at: number): number => logEvalueBelow(counts, at) - limit;
  const estimate = (mirrorOnly - referenceOnly) / pairs;
  // About where a normal bound would be; twice as far until it is outside.
  const share = (mirrorOnly + referenceOnly) / pairs;
  let reach = Math.sqrt((3 * limit * share) / pairs) + (2 * limit) / pairs;
  let inside = estimate;
  let below = -limit;
  for (;;) {
    const at = Math.min(estimate + reach, NEARLY_ONE);
    const value = open(at);
    if (value >= 0) return crossing(open, inside, at, TOLERANCE, below, value);
    if (at === NEARLY_ONE) return 1;
    inside = at;
    below = value;
    reach *= 2;
  }
}

const NEARLY_ONE = 1 - 2 ** -40;

/** The lower end, likewise. */
export function excessLower(counts: ExcessCounts, alpha: number): number {
  const { mirrorOnly, referenceOnly, pairs } = counts;
  return -excessUpper({ mirrorOnly: referenceOnly, referenceOnly: mirrorOnly, pairs }, alpha);
}

/** Both, each with half of α. */
export function excessInterval(counts: ExcessCounts, alpha: number): Interval {
  return { lower: excessLower(counts, alpha / 2), upper: excessUpper(counts, alpha / 2) };
}
