import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { BUCKETS, createHistogram, edge, quantile, record } from '../../kit/histogram.ts';
import { quantileBands, rankBand } from './quantile-band.ts';

const SHARES = [0.5, 0.9, 0.99];

function bandsOf(durations: readonly number[]): ReturnType<typeof quantileBands> {
  const histogram = createHistogram();
  for (const micros of durations) record(histogram, micros);
  return quantileBands(
    histogram,
    SHARES,
    SHARES.map((share) => rankBand(histogram.count, share, 0.05)),
  );
}

test('without durations nothing is known', () => {
  deepEqual(bandsOf([])[0], { estimate: undefined, lower: undefined, upper: undefined });
});

test('a single duration has an estimate and no bounds', () => {
  const [median] = bandsOf([1000]);
  deepEqual([median?.lower, median?.upper], [undefined, undefined]);
  ok(median?.estimate !== undefined);
});

test('the estimate is the quantile of the histogram', () => {
  const durations = Array.from({ length: 1000 }, (_, i) => 20 * 1.01 ** i);
  const histogram = createHistogram();
  for (const micros of durations) record(histogram, micros);
  const bands = bandsOf(durations);
  for (const [i, share] of SHARES.entries()) equal(bands[i]?.estimate, quantile(histogram, share));
});

test('the band narrows to the buckets beside the quantile', () => {
  const bands = bandsOf(Array.from({ length: 200_000 }, (_, i) => 100 + (i % 1000) * 100));
  const [median] = bands;
  ok((median?.lower ?? 0) < 50_100 && (median?.lower ?? 0) > 50_100 / 2 ** 0.5, JSON.stringify(median));
  ok((median?.upper ?? 0) > 50_100 && (median?.upper ?? 0) < 50_100 * 2 ** 0.5, JSON.stringify(median));
});

test('durations past the last edge have no upper bound, and those up to the first one 0 as the lower', () => {
  const past = bandsOf(Array.from({ length: 1000 }, () => 1e12))[0];
  equal(past?.upper, undefined);
  equal(past?.lower, edge(BUCKETS - 2));
  const short = bandsOf(Array.from({ length: 1000 }, () => 1))[0];
  deepEqual([short?.lower, short?.upper], [0, edge(0)]);
});

test('ranks stay within the counts and are found for 1e12 of them', () => {
  for (const trials of [1, 7, 50, 1000, 1e6, 1e12]) {
    for (const share of SHARES) {
      const { below, above } = rankBand(trials, share, 0.05);
      ok(below < share * trials && above > share * trials && below >= -1 && above <= trials + 1);
    }
  }
});
