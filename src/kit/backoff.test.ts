import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from './backoff.ts';

const limits = { baseMs: 100, maxMs: 1000 };

test('doubles from the base up to the maximum', () => {
  const delays = [0, 1, 2, 3, 4, 1000, 5000].map((failures) => backoffMs(failures, limits, () => 0));
  assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000, 1000]);
});

test('takes off at most the share that jitter allows', () => {
  assert.equal(
    backoffMs(0, limits, () => 0.5),
    87.5,
  );
  assert.equal(
    backoffMs(9, { ...limits, jitter: 1 }, () => 0.75),
    250,
  );
  for (let i = 0; i < 100; i++) {
    const delay = backoffMs(2, limits);
    assert.ok(delay > 300 && delay <= 400, `${delay}`);
  }
});

test('a base above the maximum is cut', () => {
  assert.equal(
    backoffMs(0, { baseMs: 5000, maxMs: 1000 }, () => 0),
    1000,
  );
});
