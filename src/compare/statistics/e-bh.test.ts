import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { eBhThreshold } from './e-bh.ts';

const cases: readonly (readonly [name: string, evalues: readonly number[], rejected: number])[] = [
  ['nothing', [], 0],
  ['one that is too small', [199], 0],
  ['one that is large enough alone', [200], 1],
  ['two that are large enough together', [100, 100], 2],
  ['a pair, of which only one is', [250, 99], 1],
  ['ten of a tenth', Array.from({ length: 10 }, () => 20), 10],
  ['values below 1 do not matter', [0.5, 0.1, 200], 1],
];
for (const [name, evalues, rejected] of cases) {
  test(`e-BH over 10 hypotheses at 5 %: ${name}`, () => {
    const logs = evalues.map((value) => Math.log(value * (1 + 1e-12)));
    const threshold = eBhThreshold(logs, 10, 0.05);
    equal(logs.filter((log) => log >= threshold).length, rejected);
  });
}

test('what is rejected satisfies its own condition, and one more would not', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 20, noNaN: true }), { maxLength: 50 }), (logs) => {
      const threshold = eBhThreshold(logs, 50, 0.05);
      const count = logs.filter((log) => log >= threshold).length;
      const descending = logs.toSorted((a, b) => b - a);
      for (let k = 1; k <= logs.length; k++) {
        const holds = (descending[k - 1] ?? 0) >= Math.log(50 / (0.05 * k));
        if (k === count) ok(holds);
        if (k > count) ok(!holds);
      }
    }),
    { seed: 5 },
  );
});
