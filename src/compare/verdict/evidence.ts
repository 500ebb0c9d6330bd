import { logEvalue, rateTest } from '../statistics/bernoulli-evalue.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import { eBhThreshold } from '../statistics/e-bh.ts';
import { evidenceOf } from './finding-counts.ts';
import type { FindingCounts } from './finding-counts.ts';
import { hasReference } from './options.ts';
import type { VerdictOptions } from './options.ts';

/**
 * How the error probability of a false alarm is shared out. e-BH takes weighted e-values whose weights sum up to m: the
 * watched findings have most of it; the latency of each route and the two gated rates a little, because each of their
 * pairs counts and so they need little.
 */
export const ALPHA_SHARES = { findings: 0.85, latency: 0.05, rates: 0.1 } as const;

/** Median of paired durations, and reference on the other side: a coin. */
export const COIN = rateTest(0.5);

/** Assumed noise outside of these is of no use to a test. */
const SMALLEST_NOISE = 1e-9;
const LARGEST_NOISE = 0.999;

/** The test of a finding: against exchangeable sides, or against a rate of at most the assumed noise. */
export function findingTest(options: VerdictOptions): RateTest {
  if (hasReference(options)) return COIN;
  return rateTest(Math.min(Math.max(options.noise.assumed, SMALLEST_NOISE), LARGEST_NOISE));
}

export function findingLogEvalue(
  finding: FindingCounts,
  trials: number,
  options: VerdictOptions,
  test: RateTest,
): number {
  const { successes, failures } = evidenceOf(finding, trials, hasReference(options));
  return successes === 0 ? 0 : logEvalue(successes, failures, test);
}

/** e-values are shown up to 1e300, so that they stay numbers in JSON. */
export function shownEvalue(log: number): number {
  return Math.min(1e300, Math.exp(Math.min(log, 700)));
}

/** The e-values of everything that could fail the gate, as logs. */
export interface EvidenceInput {
  readonly findings: readonly number[];
  readonly latency: readonly number[];
  readonly rates: readonly number[];
  /** Routes that there are. */
  readonly routes: number;
}

/** From which log e-value on each of them is established. */
export interface Thresholds {
  readonly finding: number;
  readonly latency: number;
  readonly rate: number;
  /** How many are, of how many hypotheses. */
  readonly established: number;
  readonly hypotheses: number;
}

/**
 * e-BH over all of them together.
 *
 * @param started findings that were ever watched: more than the table holds when routes were put together and their places
 * taken by others
 */
export function thresholds(input: EvidenceInput, started: number, options: VerdictOptions): Thresholds {
  const { limits, gate } = options;
  const hypotheses = Math.max(limits.findings, started, 1);
  const latencyShare = gate.latency === undefined ? 0 : ALPHA_SHARES.latency;
  const findingWeight = Math.log(ALPHA_SHARES.findings + (ALPHA_SHARES.latency - latencyShare));
  // First byte and total, of every route there may be.
  const latencyWeight = Math.log(
    (latencyShare * hypotheses) / (2 * Math.max(1, limits.routes, input.routes)),
  );
  const rateWeight = Math.log((ALPHA_SHARES.rates * hypotheses) / 2);
  const weighted = [
    ...input.findings.map((log) => log + findingWeight),
    ...input.latency.map((log) => log + latencyWeight),
    ...input.rates.map((log) => log + rateWeight),
  ];
  const threshold = eBhThreshold(weighted, hypotheses, gate.alpha);
  return {
    finding: threshold - findingWeight,
    latency: threshold - latencyWeight,
    rate: threshold - rateWeight,
    established: weighted.filter((log) => log >= threshold).length,
    hypotheses,
  };
}
