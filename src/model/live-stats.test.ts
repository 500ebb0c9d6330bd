import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLiveStats, LIVE_STAT, LIVE_STAT_NAMES, sumLiveStats } from './live-stats.ts';

test('every count has a place of its own, and workers are added up', () => {
  const one = createLiveStats();
  const other = createLiveStats();
  for (const [index, name] of LIVE_STAT_NAMES.entries()) {
    one[LIVE_STAT[name]] = index;
    other[LIVE_STAT[name]] = 2 ** 40;
  }
  const sum = sumLiveStats([one, other]);
  assert.deepEqual(
    LIVE_STAT_NAMES.map((name) => sum[name]),
    LIVE_STAT_NAMES.map((_, index) => 2 ** 40 + index),
  );
  assert.ok(Object.values(sumLiveStats([])).every((count) => count === 0));
});
