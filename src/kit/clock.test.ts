import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { epochMicros, systemClock } from './clock.ts';

test('microseconds are on the scale of the wall clock', () => {
  ok(Math.abs(epochMicros() / 1000 - systemClock.now()) < 5_000);
});

test('microseconds do not go back', () => {
  const first = epochMicros();
  ok(epochMicros() >= first);
});

test('a cancelled timer never runs', async () => {
  const cancel = systemClock.after(1, () => {
    throw new Error('ran');
  });
  cancel();
  // A timer set later for a longer time ends after the cancelled one would have run.
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 5);
    systemClock.after(5, resolve);
  });
});
