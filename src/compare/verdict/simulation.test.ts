import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { rankBand } from '../statistics/quantile-band.ts';
import type { RankBand } from '../statistics/quantile-band.ts';
import { COIN, findingTest } from './evidence.ts';
import {
  EvalueMemo,
  excessExcluded,
  failsAnyTime,
  medianOf,
  pairsToEstablish,
  passesAnyTime,
  quantileMissed,
  randomFrom,
  rateExcluded,
} from './simulation-fixture.ts';
import type { Noise } from './simulation-fixture.ts';
import { testOptions } from './tally-fixture.ts';

/**
 * What the statistics promise, counted in simulated runs with fixed seeds: the same outcome each time. Longer runs, and the
 * figures of the manual: bench/verdict-simulation.ts.
 */
const ALPHA = 0.05;
const RUNS = 2000;

function countOf(runs: number, happens: (random: () => number) => boolean): number {
  let count = 0;
  for (let seed = 0; seed < runs; seed++) if (happens(randomFrom(seed))) count++;
  return count;
}

/** 20 findings, from none to every second answer. */
const NOISY: readonly Noise[] = Array.from({ length: 20 }, (_, i) => {
  const chance = 0.5 * (i / 19) ** 2;
  return { mirror: chance, reference: chance };
});

// As many hypotheses as findings: with 1,000 of which 20 are seen nothing would ever fail, and prove little.
test(`with a control, at most α of ${RUNS} runs without a difference ever fail, looked at after every pair`, () => {
  const options = testOptions('control', {}, { findings: NOISY.length });
  const memo = new EvalueMemo(COIN);
  const alarms = countOf(RUNS, (random) => failsAnyTime(random, NOISY, 1500, options, memo));
  ok(alarms <= ALPHA * RUNS, `${alarms}`);
  ok(alarms > 0, 'the simulation can fail');
});

test('a difference that is there makes most of the same runs fail', () => {
  const options = testOptions('control', {}, { findings: NOISY.length });
  const memo = new EvalueMemo(COIN);
  const faulty = NOISY.map((noise, i) => (i === 5 ? { ...noise, mirror: noise.mirror + 0.05 } : noise));
  const alarms = countOf(100, (random) => failsAnyTime(random, faulty, 1500, options, memo));
  ok(alarms > 95, `${alarms}`);
});

test(`without a control, at most α of ${RUNS} runs fail with noise up to what is assumed`, () => {
  const assumed = 0.02;
  const noise = Array.from({ length: 20 }, (_, i) => ({ mirror: (assumed * (i + 6)) / 25, reference: 0 }));
  const options = {
    ...testOptions('assumed', {}, { findings: noise.length }),
    noise: { source: 'assumed' as const, assumed },
  };
  const memo = new EvalueMemo(findingTest(options));
  const alarms = countOf(RUNS, (random) => failsAnyTime(random, noise, 1500, options, memo));
  ok(alarms <= ALPHA * RUNS, `${alarms}`);
  ok(alarms > 0, 'the simulation can fail');
});

const powers: readonly (readonly [name: string, noise: Noise, runs: number, within: number])[] = [
  ['0.1 % on a quiet path', { mirror: 0.001, reference: 0 }, 1000, 17_500],
  ['1 % beside 5 % of noise', { mirror: 1 - 0.95 * 0.99, reference: 0.05 }, 200, 30_000],
];
for (const [name, noise, runs, within] of powers) {
  test(`a difference of ${name} is established within ${within} pairs, at α 5 % over 1,000 findings`, () => {
    const options = testOptions('control');
    const memo = new EvalueMemo(COIN);
    const pairs = Array.from({ length: runs }, (_, seed) =>
      pairsToEstablish(randomFrom(seed), noise, options, memo),
    );
    const median = medianOf(pairs);
    ok(median <= within, `${median}`);
  });
}

test('a mirror that differs a little more often than is allowed hardly ever passes', () => {
  const options = testOptions('control');
  for (const [noise, runs, pairs] of [
    [{ mirror: 0.0011, reference: 0 }, RUNS, 50_000],
    [{ mirror: 0.0061, reference: 0.005 }, 400, 50_000],
  ] as const) {
    const passed = countOf(runs, (random) => passesAnyTime({ random, noise, pairs }, options));
    ok(passed <= (ALPHA / 2) * runs, `${passed}`);
  }
});

for (const mirror of [0.002, 0.05, 0.5]) {
  test(`the interval of a rate of ${mirror} holds it at all times in all but α of the runs`, () => {
    const noise = { mirror, reference: 0.03 };
    const runs = 500;
    const rates = countOf(runs, (random) => rateExcluded({ random, noise, pairs: 1000 }, ALPHA));
    ok(rates <= ALPHA * runs, `${rates}`);
    const excesses = countOf(runs, (random) => excessExcluded({ random, noise, pairs: 1000 }, ALPHA));
    ok(excesses <= ALPHA * runs, `${excesses}`);
    ok(rates + excesses > 0, 'the simulation can fail');
  });
}

test('quantile bands hold the true quantile at all times in all but α of the runs', () => {
  for (const share of [0.5, 0.9, 0.99]) {
    const known: (readonly RankBand[])[] = [];
    const ranks = (count: number): readonly RankBand[] => (known[count] ??= [rankBand(count, share, ALPHA)]);
    const runs = 400;
    const missed = countOf(runs, (random) => quantileMissed(random, 1000, [share], ranks));
    ok(missed <= ALPHA * runs, `${share}: ${missed}`);
  }
});
