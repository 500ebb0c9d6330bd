import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUCKETS, createHistogram, edge, quantile, record } from './histogram.ts';

test('a quantile is at most one bucket above the true value', () => {
  const histogram = createHistogram();
  for (let micros = 1; micros <= 100_000; micros++) record(histogram, micros);
  for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
    const truth = share * 100_000;
    const found = quantile(histogram, share) ?? 0;
    assert.ok(found >= truth && found <= truth * 2 ** 0.25 + 1e-6, `${share}: ${found} for ${truth}`);
  }
});

test('an exact edge belongs to its own bucket', () => {
  const histogram = createHistogram();
  record(histogram, edge(10));
  assert.equal(quantile(histogram, 0.5), edge(10));
});

test('what is out of range counts in the outermost buckets', () => {
  const histogram = createHistogram();
  for (const micros of [-5, 0, 1, 1e12]) record(histogram, micros);
  assert.equal(histogram.buckets[0], 3);
  assert.equal(histogram.buckets[BUCKETS - 1], 1);
  assert.equal(histogram.count, 4);
});

test('an empty histogram has no quantile', () => {
  assert.equal(quantile(createHistogram(), 0.5), undefined);
});
