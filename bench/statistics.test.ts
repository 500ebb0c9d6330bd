import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noiseOf, spreadOf } from './statistics.ts';

for (const [values, median, min, max] of [
  [[3], 3, 3, 3],
  [[10, 2, 9], 9, 2, 10],
  [[4, 1, 2, 100], 3, 1, 100],
  [[Number.NaN, 5], 5, 5, 5],
] as const) {
  test(`spread of ${values.join(', ')}`, () => {
    assert.deepEqual(spreadOf(values), { median, min, max });
  });
}

test('nothing measured is not a number', () => {
  assert.deepEqual(spreadOf([]), { median: Number.NaN, min: Number.NaN, max: Number.NaN });
});

test('noise is half the range as a share of the median', () => {
  assert.equal(noiseOf({ median: 100, min: 80, max: 120 }), 0.2);
});
