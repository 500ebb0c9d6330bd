import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { logBeta, logGamma, logUpperBeta, regularizedBeta } from './beta.ts';

function near(actual: number, expected: number, tolerance = 1e-12): void {
  const error = Math.abs(actual - expected) / Math.max(1e-300, Math.abs(expected));
  ok(error <= tolerance, `${actual} is not ${expected}: off by ${error}`);
}

test('log Γ is that of factorials and of ½', () => {
  near(logGamma(11), Math.log(3_628_800));
  near(logGamma(0.5), Math.log(Math.sqrt(Math.PI)));
  near(logGamma(171), 706.573_062_245_787_5);
  ok(Math.abs(logGamma(1)) < 1e-14);
});

const betas: readonly (readonly [number, number, number])[] = [
  [5, 7, (24 * 720) / 39_916_800],
  [0.5, 0.5, Math.PI],
  [1, 1e12, 1e-12],
  [2, 1e6, 1 / (1e6 * (1e6 + 1))],
  [30, 20, 1 / (20 * 28_277_527_346_376)],
];
for (const [a, b, expected] of betas) {
  test(`B(${a}, ${b}) is known`, () => near(Math.exp(logBeta(a, b)), expected, 1e-11));
}

/** Closed forms, and the binomial distribution summed up with exact integers. */
const values: readonly (readonly [x: number, a: number, b: number, expected: number])[] = [
  [0.5, 2, 3, 0.6875],
  [0.3, 0.5, 0.5, (2 / Math.PI) * Math.asin(Math.sqrt(0.3))],
  [0.2, 1, 7, 1 - 0.8 ** 7],
  [0.2, 7, 1, 0.2 ** 7],
  [0.5, 11, 40, binomialTail(50, 11)],
  [0.5, 480, 521, binomialTail(1000, 480)],
  [0.5, 2001, 2000, 0.5 - centralHalf(2000)],
  [0.5, 5000, 5000, 0.5],
  [0, 2, 3, 0],
  [1, 2, 3, 1],
];
for (const [x, a, b, expected] of values) {
  test(`I_${x}(${a}, ${b}) is known`, () => near(regularizedBeta(x, a, b), expected));
}

/** P(at least k heads in n throws) as an exact fraction of 2^n. */
function binomialTail(n: number, k: number): number {
  let term = 1n;
  let sum = 0n;
  for (let i = 0; i <= n; i++) {
    if (i >= k) sum += term;
    term = (term * BigInt(n - i)) / BigInt(i + 1);
  }
  return Number((sum * 10n ** 20n) / 2n ** BigInt(n)) / 1e20;
}

/** Half of the chance of n heads in 2n throws: what I_½(n + 1, n) lacks of ½. */
function centralHalf(n: number): number {
  let chance = 1;
  for (let i = 1; i <= n; i++) chance *= (2 * i - 1) / (2 * i);
  return chance / 2;
}

test('raising a parameter takes one term away (DLMF 8.17.20), also where the method changes', () => {
  const shape = fc.oneof(fc.double({ min: 0.05, max: 100, noNaN: true }), fc.integer({ min: 1, max: 4000 }));
  fc.assert(
    fc.property(shape, shape, fc.double({ min: -3, max: 3, noNaN: true }), (a, b, deviations) => {
      const mean = a / (a + b);
      const x = Math.min(
        0.99,
        Math.max(0.01, mean + deviations * Math.sqrt((mean * (1 - mean)) / (a + b + 1))),
      );
      const term = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a;
      const difference = regularizedBeta(x, a, b) - regularizedBeta(x, a + 1, b);
      ok(Math.abs(difference - term) < 2e-12 + 1e-9 * term, `${difference} is not ${term}`);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('both tails are one', () => {
  for (const [x, a, b] of [
    [0.3, 4, 9],
    [0.5, 3000, 3100],
    [0.001, 20, 20_000],
  ] as const)
    near(Math.exp(logUpperBeta(x, a, b)) + regularizedBeta(x, a, b), 1);
});

test('tails far below the smallest number keep their logs', () => {
  near(logUpperBeta(0.5, 1, 1e6), -1e6 * Math.LN2);
  near(logUpperBeta(0.5, 1, 1e12), -1e12 * Math.LN2);
});

test('counts of 1e12 take bounded time and give numbers', () => {
  for (const [x, a, b] of [
    [0.5, 5e11, 5e11],
    [0.001, 1e9, 999e9],
    [1e-9, 1900, 1.9e12],
    [1e-9, 20, 2e10],
  ] as const) {
    const value = regularizedBeta(x, a, b);
    ok(value > 0.49 && value < 0.56, `${value}`);
  }
  equal(regularizedBeta(0.5, 6e11, 4e11), 0);
});
