import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotPool } from './slots.ts';

test('a slot that was given back is the next one taken', () => {
  const slots = new SlotPool(3);
  assert.deepEqual([slots.take(), slots.take()], [0, 1]);
  slots.give(0);
  assert.deepEqual([slots.take(), slots.take()], [0, 2]);
});

test('there are no more than were asked for, until there may be more', () => {
  const slots = new SlotPool(1);
  slots.take();
  assert.throws(() => slots.take(), RangeError);
  slots.grow(2);
  assert.equal(slots.take(), 1);
  slots.grow(1);
  assert.throws(() => slots.take(), RangeError);
});
