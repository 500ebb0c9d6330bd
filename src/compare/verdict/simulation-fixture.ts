import { createHistogram, record } from '../../kit/histogram.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import { logEvalue, logTwoSidedEvalue } from '../statistics/bernoulli-evalue.ts';
import { quantileBands } from '../statistics/quantile-band.ts';
import type { RankBand } from '../statistics/quantile-band.ts';
import { ALPHA_SHARES, COIN, thresholds } from './evidence.ts';
import { logEvalueAbove, logEvalueBelow } from '../statistics/excess-interval.ts';
import type { VerdictOptions } from './options.ts';
import { noDiscordance } from './route-counts.ts';
import { VerdictState } from './state.ts';
import { testFinding, testRoute, testTally } from './tally-fixture.ts';

/** A small generator of numbers in [0, 1) that can be repeated: Marsaglia's xorshift, 32 bits, 2003. */
export function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A finding whose sides differ from the primary independently, each by its own chance. */
export interface Noise {
  readonly mirror: number;
  readonly reference: number;
}

/** Chances that a pair shows it on one side only. */
export function discordanceOf({ mirror, reference }: Noise): {
  readonly mirrorOnly: number;
  readonly referenceOnly: number;
} {
  return { mirrorOnly: mirror * (1 - reference), referenceOnly: reference * (1 - mirror) };
}

/** Counts of what a run of pairs has shown. */
class RunCounts {
  readonly mirrorOnly: Int32Array;
  readonly referenceOnly: Int32Array;
  readonly firstAt: Int32Array;
  worstMirror = 0;
  worstReference = 0;

  constructor(findings: number) {
    this.mirrorOnly = new Int32Array(findings);
    this.referenceOnly = new Int32Array(findings);
    this.firstAt = new Int32Array(findings).fill(-1);
  }
}

/**
 * Whether the real verdict says `fail` at any of `pairs` moments, looked at after each pair. To be fast the run keeps
 * counts, and asks for the verdict only where its own shorter reckoning says that something could be established: an
 * e-value so high that e-BH could reject it if all others were as high.
 */
export function failsAnyTime(
  random: () => number,
  noise: readonly Noise[],
  pairs: number,
  options: VerdictOptions,
  memo: EvalueMemo,
): boolean {
  const counts = new RunCounts(noise.length);
  const chances = noise.map(discordanceOf);
  const mirrorChance = Float64Array.from(chances, ({ mirrorOnly }) => mirrorOnly);
  const eitherChance = Float64Array.from(
    chances,
    ({ mirrorOnly, referenceOnly }) => mirrorOnly + referenceOnly,
  );
  const referenced = options.noise.source !== 'assumed';
  const lowest =
    Math.log(options.limits.findings / options.gate.alpha / (noise.length + 2) / ALPHA_SHARES.findings) - 0.2;
  const lowestRate = Math.log(2 / ALPHA_SHARES.rates / options.gate.alpha / (noise.length + 2));
  for (let pair = 0; pair < pairs; pair++) {
    let ask = false;
    let onMirror = false;
    let onReference = false;
    for (let i = 0; i < noise.length; i++) {
      const draw = random();
      if (draw >= (eitherChance[i] ?? 0)) continue;
      if (counts.firstAt[i] === -1) counts.firstAt[i] = pair;
      if (draw < (mirrorChance[i] ?? 0)) {
        onMirror = true;
        const successes = (counts.mirrorOnly[i] = (counts.mirrorOnly[i] ?? 0) + 1) - 1;
        const failures = referenced
          ? (counts.referenceOnly[i] ?? 0)
          : pair + 1 - (counts.firstAt[i] ?? 0) - successes - 1;
        ask ||= memo.log(successes, failures) >= lowest;
      } else {
        onReference = true;
        counts.referenceOnly[i] = (counts.referenceOnly[i] ?? 0) + 1;
      }
    }
    if (onReference) counts.worstReference++;
    if (onMirror) {
      counts.worstMirror++;
      ask ||= rateCouldFail(counts, pair + 1, options, lowestRate);
    }
    if (ask && establishes(counts, pair + 1, options, memo) && stateOf(counts, pair + 1, options) === 'fail')
      return true;
  }
  return false;
}

/** Whether e-BH rejects anything, by the verdict's own thresholds on remembered e-values. */
function establishes(counts: RunCounts, pairs: number, options: VerdictOptions, memo: EvalueMemo): boolean {
  const referenced = options.noise.source !== 'assumed';
  const findings: number[] = [];
  for (let i = 0; i < counts.mirrorOnly.length; i++) {
    const successes = (counts.mirrorOnly[i] ?? 0) - 1;
    const firstAt = counts.firstAt[i] ?? 0;
    const failures = referenced ? (counts.referenceOnly[i] ?? 0) : pairs - firstAt - successes - 1;
    if (successes > 0) findings.push(memo.log(successes, failures));
  }
  const { worstMirror: mirrorOnly, worstReference: referenceOnly } = counts;
  const rates = referenced ? [logEvalueAbove({ mirrorOnly, referenceOnly, pairs }, options.gate.rate)] : [];
  return thresholds({ findings, latency: [], rates, routes: 1 }, 0, options).established > 0;
}

/** A share proves nothing that is fewer than so many standard deviations too high: exp(−3²/2) is 1/90. */
const RATE_DEVIATIONS = 3;

function rateCouldFail(counts: RunCounts, pairs: number, options: VerdictOptions, lowest: number): boolean {
  const { worstMirror: mirrorOnly, worstReference: referenceOnly } = counts;
  if (options.noise.source === 'assumed') return false;
  if (mirrorOnly - referenceOnly < RATE_DEVIATIONS * Math.sqrt(mirrorOnly + referenceOnly)) return false;
  return logEvalueAbove({ mirrorOnly, referenceOnly, pairs }, options.gate.rate) >= lowest;
}

/** What the verdict says of these counts. */
function stateOf(counts: RunCounts, pairs: number, options: VerdictOptions): string {
  const referenced = options.noise.source !== 'assumed';
  const state = new VerdictState(options);
  const findings = [...counts.mirrorOnly.keys()].filter((i) => (counts.firstAt[i] ?? -1) >= 0);
  // A tally for each, in order of appearance, so that each finding's trials begin where it was first seen.
  let before = 0;
  const inOrder = findings.toSorted((a, b) => (counts.firstAt[a] ?? 0) - (counts.firstAt[b] ?? 0));
  for (const i of inOrder) {
    const until = counts.firstAt[i] ?? 0;
    state.add(testTally([testRoute(until - before, { referenced: referenced ? until - before : 0 })]));
    before = until;
    const [mirrorOnly, referenceOnly] = [counts.mirrorOnly[i] ?? 0, counts.referenceOnly[i] ?? 0];
    const finding = testFinding({
      path: `body.f${i}`,
      mirrorOnly,
      referenceOnly: referenced ? referenceOnly : 0,
    });
    state.add(testTally([testRoute(0, { findings: [finding] })]));
  }
  const high = {
    mirrorOnly: counts.worstMirror,
    referenceOnly: referenced ? counts.worstReference : 0,
  };
  const worst = { low: noDiscordance(), medium: noDiscordance(), high };
  state.add(testTally([testRoute(pairs - before, { worst, referenced: referenced ? pairs - before : 0 })]));
  return state.verdict(0).state;
}

/** e-values of small counts, each worked out once. Far below the null's rate they are not worked out at all. */
export class EvalueMemo {
  readonly #test: RateTest;
  readonly #known = new Map<number, number>();

  constructor(test: RateTest) {
    this.#test = test;
  }

  log(successes: number, failures: number): number {
    const { p0 } = this.#test;
    const trials = successes + failures;
    // Chernoff: no mixture exceeds the best likelihood ratio, which at two standard deviations is about e².
    if (successes - p0 * trials < 2 * Math.sqrt(p0 * (1 - p0) * trials)) return 0;
    const key = successes * 2 ** 20 + failures;
    let log = this.#known.get(key);
    if (log === undefined) {
      log = logEvalue(successes, failures, this.#test);
      this.#known.set(key, log);
    }
    return log;
  }
}

/**
 * How many pairs it takes until the verdict establishes a finding of these chances, the only one among the findings that
 * may be watched, the pair in which it is first seen included.
 */
export function pairsToEstablish(
  random: () => number,
  noise: Noise,
  options: VerdictOptions,
  memo = new EvalueMemo(COIN),
): number {
  const { mirrorOnly, referenceOnly } = discordanceOf(noise);
  const either = mirrorOnly + referenceOnly;
  const needed = Math.log(options.limits.findings / options.gate.alpha / ALPHA_SHARES.findings);
  let successes = -1;
  let failures = 0;
  for (let pairs = 0; ;) {
    // Pairs that show nothing change nothing: straight to the next that does.
    pairs += 1 + Math.floor(Math.log(1 - random()) / Math.log1p(-either));
    if (random() * either < mirrorOnly) successes++;
    else failures++;
    if (successes > 0 && memo.log(successes, failures) >= needed) return pairs;
  }
}

/** Middle of some numbers. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Pairs that come in one after another. */
export interface Walk {
  readonly random: () => number;
  readonly noise: Noise;
  readonly pairs: number;
}

/** Whether the two-sided e-value ever excludes the true rate of the mirror. */
export function rateExcluded({ random, noise, pairs }: Walk, alpha: number): boolean {
  const limit = -Math.log(alpha);
  let successes = 0;
  for (let trials = 1; trials <= pairs; trials++) {
    if (random() < noise.mirror) successes++;
    if (logTwoSidedEvalue(successes, trials - successes, noise.mirror) >= limit) return true;
  }
  return false;
}

/** Whether one of the bounds of the excess ever excludes the true one. */
export function excessExcluded({ random, noise, pairs: length }: Walk, alpha: number): boolean {
  const { mirrorOnly: onMirror, referenceOnly: onReference } = discordanceOf(noise);
  const truth = onMirror - onReference;
  const limit = Math.log(2 / alpha);
  let mirrorOnly = 0;
  let referenceOnly = 0;
  for (let pairs = 1; pairs <= length; pairs++) {
    const draw = random();
    if (draw < onMirror) mirrorOnly++;
    else if (draw < onMirror + onReference) referenceOnly++;
    const counts = { mirrorOnly, referenceOnly, pairs };
    if (logEvalueBelow(counts, truth) >= limit || logEvalueAbove(counts, truth) >= limit) return true;
  }
  return false;
}

/** Whether the verdict ever passes a mirror that differs this often, looked at after each pair. */
export function passesAnyTime({ random, noise, pairs: length }: Walk, options: VerdictOptions): boolean {
  const { mirrorOnly: onMirror, referenceOnly: onReference } = discordanceOf(noise);
  const { minimumPairs, rate, alpha } = options.gate;
  const limit = Math.log(2 / alpha);
  let mirrorOnly = 0;
  let referenceOnly = 0;
  for (let pairs = 0; ;) {
    const quiet = Math.floor(Math.log(1 - random()) / Math.log1p(-(onMirror + onReference)));
    pairs = Math.min(length, pairs + quiet);
    // The bound falls while nothing happens, so it is lowest just before the next event.
    const before = { mirrorOnly, referenceOnly, pairs };
    if (pairs >= minimumPairs && logEvalueBelow(before, rate) >= limit) {
      const worst = { low: noDiscordance(), medium: noDiscordance(), high: { mirrorOnly, referenceOnly } };
      const state = new VerdictState(options);
      state.add(testTally([testRoute(pairs, { worst })]));
      if (state.verdict(0).state === 'pass') return true;
    }
    if (pairs >= length) return false;
    pairs++;
    if (random() * (onMirror + onReference) < onMirror) mirrorOnly++;
    else referenceOnly++;
  }
}

/** Whether a band of one of the quantiles of exponential durations ever misses the true one. */
export function quantileMissed(
  random: () => number,
  durations: number,
  shares: readonly number[],
  ranks: (count: number) => readonly RankBand[],
): boolean {
  const histogram = createHistogram();
  const truths = shares.map((share) => -MEAN_MICROS * Math.log(1 - share));
  for (let i = 0; i < durations; i++) {
    record(histogram, -MEAN_MICROS * Math.log(1 - random()));
    const bands = quantileBands(histogram, shares, ranks(histogram.count));
    const missed = bands.some(({ lower, upper }, k) => {
      const truth = truths[k] ?? Number.NaN;
      return (lower ?? 0) > truth || (upper ?? Number.POSITIVE_INFINITY) < truth;
    });
    if (missed) return true;
  }
  return false;
}

const MEAN_MICROS = 10_000;
