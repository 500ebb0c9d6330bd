import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacing } from './pacing.ts';

const RING = 1024;
const mirror = (queued: number, done: number) => [['v2', { queued, queue: 100, done }] as const];

test('a burst waits on the tape while the mirror makes progress', () => {
  const pacing = new Pacing(RING);
  for (let done = 0; done < 100; done++) assert.equal(pacing.holds(10, mirror(60, done), done * 15), true);
});

test('nothing waits while a fifth of the queue at the most is taken', () => {
  assert.equal(new Pacing(RING).holds(10, mirror(20, 0), 0), false);
});

test('a mirror that finishes nothing is waited for 20 ms, and again once it has moved', () => {
  const pacing = new Pacing(RING);
  assert.equal(pacing.holds(10, mirror(60, 7), 0), true);
  assert.equal(pacing.holds(10, mirror(60, 7), 19), true);
  assert.equal(pacing.holds(10, mirror(60, 7), 20), false);
  assert.equal(pacing.holds(10, mirror(60, 7), 5000), false);
  assert.equal(pacing.holds(10, mirror(60, 8), 5001), true);
});

test('nothing waits once the tape has filled by an eighth', () => {
  assert.equal(new Pacing(RING).holds(RING / 8 + 1, mirror(60, 0), 0), false);
});

test('all is followed up to a fifth of the tape, less and less up to a third, and an eighth from there on', () => {
  const pacing = new Pacing(1000);
  assert.deepEqual(
    [0, 200, 265, 320, 330, 1000].map((bytes) => Number(pacing.keep(bytes).toFixed(3))),
    [1, 1, 0.5, 0.125, 0.125, 0.125],
  );
});
