import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './manual-clock.ts';

test('runs timers in the order of their due times and shows each its own time', () => {
  const clock = new ManualClock(1000);
  const seen: string[] = [];
  clock.after(30, () => seen.push(`late ${clock.now()}`));
  clock.after(10, () => seen.push(`early ${clock.monotonic()}`));
  clock.every(12, () => seen.push(`each ${clock.monotonic()}`));
  clock.advance(30);
  deepEqual(seen, ['early 10', 'each 12', 'each 24', 'late 1030']);
  equal(clock.now(), 1030);
});

test('runs a timer that another timer sets within the same advance', () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  clock.after(5, () => clock.after(5, () => seen.push(clock.now())));
  clock.advance(9);
  deepEqual(seen, []);
  clock.advance(1);
  deepEqual(seen, [10]);
});

test('a cancelled timer does not run and is not kept', () => {
  const clock = new ManualClock();
  const cancel = clock.after(5, () => {
    throw new Error('ran');
  });
  const cancelEvery = clock.every(5, () => cancelEvery());
  cancel();
  clock.advance(20);
  equal(clock.pending, 0);
});
