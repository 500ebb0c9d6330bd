import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from './breaker.ts';

const limits = { failures: 3, openMs: 1_000, openMaxMs: 3_000 };

function opened(): Breaker {
  const breaker = new Breaker(limits);
  for (let i = 0; i < 3; i++) breaker.settle('pass', 'bad', 0);
  return breaker;
}

test('opens after so many failures in a row', () => {
  const breaker = new Breaker(limits);
  breaker.settle('pass', 'bad', 0);
  breaker.settle('pass', 'bad', 0);
  equal(breaker.admit(0), 'pass');
  breaker.settle('pass', 'bad', 0);
  equal(breaker.state, 'open');
  equal(breaker.admit(999), undefined);
});

test('a good result in between starts the count again, a neutral one does not', () => {
  const breaker = new Breaker(limits);
  for (const result of ['bad', 'bad', 'good', 'bad', 'neutral', 'bad'] as const)
    breaker.settle('pass', result, 0);
  equal(breaker.state, 'closed');
  breaker.settle('pass', 'bad', 0);
  equal(breaker.state, 'open');
});

test('lets one probe through when its time has come', () => {
  const breaker = opened();
  equal(breaker.admit(1_000), 'probe');
  equal(breaker.state, 'half-open');
  equal(breaker.admit(1_000), undefined);
});

test('a good probe closes it and forgets the doubled time', () => {
  const breaker = opened();
  breaker.admit(1_000);
  breaker.settle('probe', 'bad', 1_000);
  equal(breaker.admit(3_000), 'probe');
  breaker.settle('probe', 'good', 3_000);
  equal(breaker.admit(3_000), 'pass');
  for (let i = 0; i < 3; i++) breaker.settle('pass', 'bad', 4_000);
  equal(breaker.admit(4_999), undefined);
  equal(breaker.admit(5_000), 'probe');
});

test('bad probes double the time up to its limit', () => {
  const breaker = opened();
  const waits: number[] = [];
  let now = 0;
  for (let i = 0; i < 4; i++) {
    const from = now;
    while (breaker.admit(now) === undefined) now += 100;
    waits.push(now - from);
    breaker.settle('probe', 'bad', now);
  }
  deepEqual(waits, [1_000, 2_000, 3_000, 3_000]);
});

test('a probe that proves nothing makes room for the next one', () => {
  const breaker = opened();
  breaker.admit(1_000);
  breaker.settle('probe', 'neutral', 1_000);
  equal(breaker.admit(1_000), 'probe');
});

test('late results of copies sent before it opened change nothing', () => {
  const breaker = opened();
  breaker.settle('pass', 'good', 10);
  equal(breaker.state, 'open');
  breaker.admit(1_000);
  breaker.settle('pass', 'bad', 1_000);
  equal(breaker.state, 'half-open');
  breaker.settle('probe', 'good', 1_000);
  equal(breaker.state, 'closed');
});

test('tells each change of state once', () => {
  const seen: string[] = [];
  const breaker = new Breaker(limits, (state) => seen.push(state));
  for (let i = 0; i < 5; i++) breaker.settle('pass', 'bad', 0);
  breaker.admit(1_000);
  breaker.settle('probe', 'good', 1_000);
  deepEqual(seen, ['open', 'half-open', 'closed']);
});
