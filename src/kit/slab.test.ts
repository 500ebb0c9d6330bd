import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Slab } from './slab.ts';

test('a copy stays as it is whatever becomes of the original and of later copies', () => {
  const slab = new Slab();
  const original = new Uint8Array(1500);
  const copies = Array.from({ length: 20 }, (_, index) => slab.copy(original.fill(index)));
  original.fill(255);
  for (const [index, copy] of copies.entries()) deepEqual(copy, new Uint8Array(1500).fill(index));
});

test('short copies share a block of 8 KiB, long ones have memory of their own', () => {
  const slab = new Slab();
  const [first, second] = [slab.copy(new Uint8Array(100)), slab.copy(new Uint8Array(100))];
  equal(first.buffer, second.buffer);
  equal(first.buffer.byteLength, 8192);
  const long = slab.copy(new Uint8Array(5000));
  notEqual(long.buffer, first.buffer);
  equal(long.buffer.byteLength, 5000);
  equal(slab.copy(new Uint8Array(0)).length, 0);
});
