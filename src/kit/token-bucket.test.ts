import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from './token-bucket.ts';

test('gives the tokens of one second at once, then refuses', () => {
  const bucket = new TokenBucket(3, 0);
  for (let i = 0; i < 3; i++) ok(bucket.take(1, 0));
  equal(bucket.take(1, 0), false);
});

test('tokens come back with time, and not above the burst', () => {
  const bucket = new TokenBucket(10, 0, 2);
  ok(bucket.take(2, 0));
  equal(bucket.take(1, 99), false);
  ok(bucket.take(1, 100));
  ok(bucket.take(2, 60_000));
  equal(bucket.take(1, 60_000), false);
});

test('a rate below one per second still lets one through', () => {
  const bucket = new TokenBucket(0.5, 0);
  ok(bucket.take(1, 0));
  equal(bucket.take(1, 1_999), false);
  ok(bucket.take(1, 2_000));
});

test('an amount above the burst needs a full bucket and is paid back', () => {
  const bucket = new TokenBucket(100, 0);
  ok(bucket.take(1, 0));
  equal(bucket.take(500, 0), false);
  ok(bucket.take(500, 10));
  equal(bucket.take(1, 4_019), false);
  ok(bucket.take(1, 4_020));
});

test('a charge leaves a debt', () => {
  const bucket = new TokenBucket(100, 0);
  bucket.charge(200);
  equal(bucket.take(1, 1_000), false);
  ok(bucket.take(1, 1_010));
});

test('a clock that stands still or goes back adds nothing', () => {
  const bucket = new TokenBucket(1, 5_000);
  ok(bucket.take(1, 5_000));
  equal(bucket.take(1, 4_000), false);
  equal(bucket.take(1, 5_000), false);
});

test('over a long time the rate holds exactly', () => {
  const bucket = new TokenBucket(50, 0, 5);
  let taken = 0;
  for (let ms = 0; ms <= 10_000; ms += 2) if (bucket.take(1, ms)) taken++;
  ok(taken >= 503 && taken <= 505, `${taken}`);
});
