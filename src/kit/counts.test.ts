import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { addCounts, totalOf, zeroCounts } from './counts.ts';

test('adds key by key and sums up', () => {
  const sum = zeroCounts(['a', 'b', 'c']);
  addCounts(sum, { a: 1, b: 2, c: 0 });
  addCounts(sum, { a: 10, b: 0, c: 0 });
  deepEqual(sum, { a: 11, b: 2, c: 0 });
  equal(totalOf(sum), 13);
});

test('a key that only one side has is kept', () => {
  const sum: Record<string, number> = { a: 1 };
  addCounts(sum, { b: 2 });
  deepEqual(sum, { a: 1, b: 2 });
});
