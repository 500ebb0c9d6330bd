import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { logEvalue, logTwoSidedEvalue, rateTest } from './bernoulli-evalue.ts';

const RATES = [0.5, 0.02, 0.001, 1e-6, 0.9];

for (const p0 of RATES) {
  const rate = rateTest(p0);
  test(`without trials the e-value against ${p0} is 1`, () => {
    ok(Math.abs(logEvalue(0, 0, rate)) < 1e-12);
    ok(Math.abs(logTwoSidedEvalue(0, 0, p0)) < 1e-12);
  });

  const logs = [
    (s: number, f: number): number => logEvalue(s, f, rate),
    (s: number, f: number): number => logTwoSidedEvalue(s, f, p0),
  ];
  test(`at a rate of ${p0} a further trial leaves the e-value as it is on average`, () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(3000), (successes, failures) => {
        for (const log of logs) {
          const now = log(successes, failures);
          const then =
            p0 * Math.exp(log(successes + 1, failures) - now) +
            (1 - p0) * Math.exp(log(successes, failures + 1) - now);
          ok(Math.abs(then - 1) < 1e-6, `${then}`);
        }
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  test(`against at most ${p0}, successes are evidence and failures the contrary`, () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(500), (successes, failures) => {
        const now = logEvalue(successes, failures, rate);
        ok(logEvalue(successes + 1, failures, rate) > now);
        ok(logEvalue(successes, failures + 1, rate) < now);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
}

test('17 events on one side alone are proof among 1,000 findings, one of which chose the question', () => {
  const coin = rateTest(0.5);
  const needed = Math.log(1000 / 0.05 / 0.85);
  ok(logEvalue(16, 0, coin) >= needed);
  ok(logEvalue(15, 0, coin) < needed);
});

test('counts up to 1e12 give numbers', () => {
  for (const p0 of RATES) {
    for (const [successes, failures] of [
      [1e12, 0],
      [0, 1e12],
      [5e11, 5e11],
      [3, 1e12],
      [1e12, 1e12],
    ] as const)
      ok(Number.isFinite(logEvalue(successes, failures, rateTest(p0))), `${p0} ${successes} ${failures}`);
  }
  equal(logEvalue(0, 1e12, rateTest(0.5)) < 0, true);
});
