import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { logTwoSidedEvalue } from './bernoulli-evalue.ts';
import { bernoulliInterval } from './bernoulli-interval.ts';
import {
  excessInterval,
  excessLower,
  excessUpper,
  logEvalueAbove,
  logEvalueBelow,
} from './excess-interval.ts';

const ALPHA = 0.05;

test('nothing is known before the first trial', () => {
  deepEqual(bernoulliInterval(0, 0, ALPHA), { lower: 0, upper: 1 });
  deepEqual(excessInterval({ mirrorOnly: 0, referenceOnly: 0, pairs: 0 }, ALPHA), { lower: -1, upper: 1 });
});

test('the bounds of a rate are where its e-value reaches 1/α', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (trials, share) => {
        const successes = Math.round(trials * share);
        const { lower, upper } = bernoulliInterval(successes, trials, ALPHA);
        ok(lower <= successes / trials && upper >= successes / trials);
        for (const bound of [lower, upper])
          if (bound > 0 && bound < 1)
            ok(Math.abs(logTwoSidedEvalue(successes, trials - successes, bound) - Math.log(20)) < 1e-3);
      },
    ),
    { seed: 6, numRuns: 300 },
  );
});

const huge: readonly (readonly [successes: number, trials: number, lower: number, upper: number])[] = [
  [0, 1e12, 0, 2e-11],
  [1e12, 1e12, 1 - 2e-11, 1],
  [5e11, 1e12, 0.499_99, 0.500_01],
  [3, 1e12, 1e-15, 3e-11],
];
for (const [successes, trials, lower, upper] of huge) {
  test(`${successes} of ${trials} has sharp bounds`, () => {
    const bounds = bernoulliInterval(successes, trials, ALPHA);
    ok(bounds.lower >= lower && bounds.upper <= upper, JSON.stringify(bounds));
  });
}

test('the e-values of an excess do not grow on average where their hypothesis holds', () => {
  const chance = fc.double({ min: 0, max: 0.5, noNaN: true });
  fc.assert(
    fc.property(
      fc.nat(200),
      fc.nat(200),
      fc.nat(2000),
      chance,
      chance,
      (a, b, rest, onMirror, onReference) => {
        const pairs = a + b + rest;
        const excess = onMirror - onReference;
        for (const log of [logEvalueBelow, logEvalueAbove]) {
          const now = log({ mirrorOnly: a, referenceOnly: b, pairs }, excess);
          const at = (more: number, less: number): number =>
            Math.exp(log({ mirrorOnly: a + more, referenceOnly: b + less, pairs: pairs + 1 }, excess) - now);
          const then = onMirror * at(1, 0) + onReference * at(0, 1) + (1 - onMirror - onReference) * at(0, 0);
          ok(Math.abs(then - 1) < 1e-9, `${then}`);
          const both = Math.exp(
            log({ mirrorOnly: a + 1, referenceOnly: b + 1, pairs: pairs + 1 }, excess) - now,
          );
          ok(
            both <= at(0, 0) * (1 + 1e-9),
            'a pair that is in both counts is no more evidence than one in none',
          );
        }
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test('an excess lies within its bounds, which tell both sides alike', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 100_000 }), (a, b, pairs) => {
      const counts = { mirrorOnly: Math.min(a, pairs), referenceOnly: Math.min(b, pairs), pairs };
      const { lower, upper } = excessInterval(counts, ALPHA);
      const estimate = (counts.mirrorOnly - counts.referenceOnly) / pairs;
      ok(lower <= estimate + 1e-9 && upper >= estimate - 1e-9);
      ok(lower >= -1 && upper <= 1);
      const turned = { mirrorOnly: counts.referenceOnly, referenceOnly: counts.mirrorOnly, pairs };
      equal(excessLower(turned, ALPHA), -excessUpper(counts, ALPHA));
    }),
    { seed: 8, numRuns: 300 },
  );
});

function upperOfClean(pairs: number): number {
  return excessInterval({ mirrorOnly: 0, referenceOnly: 0, pairs }, ALPHA).upper;
}

test('5,000 pairs without a difference show that at most 1 in 1,000 differs', () => {
  ok(upperOfClean(5000) < 0.001);
  ok(upperOfClean(4000) > 0.001);
});

test('an excess of 1e12 pairs has sharp bounds', () => {
  const { lower, upper } = excessInterval({ mirrorOnly: 6e10, referenceOnly: 5e10, pairs: 1e12 }, ALPHA);
  ok(lower > 0.009_99 && upper < 0.010_01);
});
