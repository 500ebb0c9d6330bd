import { logBeta, logBetaKernel, logUpperBeta, logUpperTailOverKernel } from './beta.ts';
import { logSumExp } from './log-sum.ts';

/** One part of the mixture: Beta(a, b) restricted to rates above the null's. */
interface Component {
  readonly a: number;
  readonly b: number;
  /** log(weight / (B(a, b) P(X > p0))). */
  readonly logScale: number;
}

/** A one-sided test of a Bernoulli rate that may be looked at any time. */
export interface RateTest {
  readonly p0: number;
  readonly components: readonly Component[];
}

/**
 * Prepares the test of "each trial succeeds with probability at most p0, whatever happened before".
 *
 * The prior has three parts. Half of it stands close to 1, where a fault without noise lies: of two versions only one ever
 * shows it, and 17 such events are proof enough among 1,000 findings (a uniform prior needs 19). Three tenths stand just
 * above p0, where a small fault beside much noise lies; the rest is spread out over everything between.
 *
 * @param p0 0…1, both excluded
 */
export function rateTest(p0: number): RateTest {
  const near = Math.max(NEAR_TRIALS, 1 / Math.min(p0, 1 - p0));
  const parts: readonly (readonly [weight: number, a: number, b: number])[] = [
    [0.5, 1, 1 / 8],
    [0.2, 1 / 2, 1 / 2],
    [0.3, near * p0, near * (1 - p0)],
  ];
  return {
    p0,
    components: parts.map(([weight, a, b]) => ({
      a,
      b,
      logScale: Math.log(weight) - logBeta(a, b) - logUpperBeta(p0, a, b),
    })),
  };
}

/** How many trials the part just above p0 weighs: its standard deviation at p0 = ½ is 0.045. */
const NEAR_TRIALS = 120;

/**
 * The log of the e-value of `successes` and `failures`: the likelihood of the mixture over that of p0,
 *
 *     E = ∫ p^s (1 − p)^f dF(p) / (p0^s (1 − p0)^f),   F on (p0, 1).
 *
 * Under the null E is a supermartingale that starts at 1: for each p > p0 the ratio's expected factor
 * q p/p0 + (1 − q)(1 − p)/(1 − p0) grows with the true q and is 1 at q = p0. So P(E ever reaches 1/α) <= α (Ville 1939),
 * however often one looks; E depends on the two counts alone. Method of mixtures: Robbins 1970; with Beta priors for counts
 * of two streams: Lindon and Malek 2022, "Anytime-valid inference for multinomial count data".
 */
export function logEvalue(successes: number, failures: number, test: RateTest): number {
  const { p0, components } = test;
  const terms = components.map(({ a, b, logScale }) => {
    const tail = logUpperTailOverKernel(p0, a + successes, b + failures);
    return logScale + tail + a * Math.log(p0) + b * Math.log1p(-p0);
  });
  return logSumExp(terms);
}

/**
 * Log of an e-value against "the rate is p0", from both sides, with a Beta(½, ½) prior: B(½ + s, ½ + f) / (B(½, ½) p0^s
 * (1 − p0)^f).
 */
export function logTwoSidedEvalue(successes: number, failures: number, p0: number): number {
  return (
    0.5 * (Math.log(p0) + Math.log1p(-p0)) -
    logBetaKernel(p0, successes + 0.5, failures + 0.5) -
    LOG_BETA_OF_HALVES
  );
}

const LOG_BETA_OF_HALVES = Math.log(Math.PI);
