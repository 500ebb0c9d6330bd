import { logTwoSidedEvalue } from './bernoulli-evalue.ts';
import { crossing } from './crossing.ts';

/** Bounds of a rate or a share. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

const TOLERANCE = 1e-6;
/** Rates below are shown as 0. */
const SMALLEST_RATE = 1e-15;

/**
 * A confidence sequence for a Bernoulli rate: the rates that the two-sided Beta-mixture e-value does not exclude. With
 * probability 1 − α it holds the true rate at all times together. Source: Robbins 1970; Howard, Ramdas, McAuliffe and
 * Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences".
 *
 * @param successes of `trials`, both finite, up to 1e12 and more
 * @param alpha error probability, 0…1
 */
export function bernoulliInterval(successes: number, trials: number, alpha: number): Interval {
  if (trials <= 0) return { lower: 0, upper: 1 };
  const failures = trials - successes;
  const limit = -Math.log(alpha);
  const excess = (rate: number): number => logTwoSidedEvalue(successes, failures, rate) - limit;
  const estimate = Math.min(Math.max(successes / trials, SMALLEST_RATE), 1 - 2 ** -50);
  const upper =
    failures <= 0 || excess(1 - 2 ** -50) < 0
      ? 1
      : crossing(excess, estimate, outwards(excess, estimate, 1 - 2 ** -50), TOLERANCE);
  const lower =
    successes <= 0 || excess(SMALLEST_RATE) < 0
      ? 0
      : crossing(excess, estimate, outwards(excess, estimate, SMALLEST_RATE), TOLERANCE);
  return { lower, upper };
}

/** A point on the way to `end` that is excluded, near the bound: so that the search takes few steps for large counts. */
function outwards(excess: (rate: number) => number, from: number, end: number): number {
  for (let share = 2 ** -20; share < 1; share *= 4) {
    const at = from + (end - from) * share;
    if (excess(at) >= 0) return at;
  }
  return end;
}
