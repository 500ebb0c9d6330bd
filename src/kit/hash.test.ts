import { equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { mix32, stableHash } from './hash.ts';

test('is the same in every version: these figures must never change', () => {
  // Sampling by key depends on them: a change would move users in and out of every running rehearsal.
  equal(stableHash(''), mix32(0x811c9dc5));
  equal(stableHash('a'), 0x1a80b1b3);
  equal(stableHash('user-42'), 0x7c2a1196);
  equal(stableHash('müller€😀'), 0xdee0907b);
});

test('the finaliser is fmix32 of MurmurHash3', () => {
  equal(mix32(0), 0);
  equal(mix32(1), 0x514e28b7);
  equal(mix32(0xffffffff), 0x81f16f39);
});

test('neighbouring keys spread evenly over the range', () => {
  const buckets = Array.from({ length: 64 }, () => 0);
  const keys = 64_000;
  for (let i = 0; i < keys; i++) {
    const bucket = Math.floor((stableHash(`10.0.${i >> 8}.${i & 255}`) / 2 ** 32) * 64);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  // Chi-square with 63 degrees of freedom: above 103 in one of a thousand honest draws.
  const expected = keys / 64;
  const chiSquare = buckets.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  ok(chiSquare < 103, `chi-square ${chiSquare}`);
});

test('order and length matter', () => {
  notEqual(stableHash('ab'), stableHash('ba'));
  notEqual(stableHash('a'), stableHash('aa'));
});
