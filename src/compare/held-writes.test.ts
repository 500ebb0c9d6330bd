import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { HeldWrites, heldWritesBuffer } from './held-writes.ts';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;

const cases: readonly (readonly [write: string, read: string, touched: boolean])[] = [
  ['/api/orders/42', '/api/orders/42', true],
  ['/api/orders/42', '/api/orders/42/', true],
  ['/api/orders/42', '/api/orders/42?full=1', true],
  ['/api/orders/42?x=/y', '/api/orders/42', true],
  ['/api/orders/42', '/api/%6frders/./42', true],
  ['/api/orders/42', '/api/orders', true],
  ['/api/orders/42', '/api/orders?page=2', true],
  ['/api/orders/42', '/api/orders/43', false],
  ['/api/orders/42', '/api/orders/4', false],
  ['/api/orders/42', '/api/orders/421', false],
  ['/api/orders/42', '/api/users', false],
  ['/api/orders/42', '/', false],
  ['/api/orders/42', '/api/orders/42/items', true],
  ['/api/orders/42', '/api/orders/42/items/7', true],
  ['/api/orders/42/items', '/api/orders/42/items', true],
  ['/api/orders/42/items', '/api/orders/42', true],
  ['/api/orders/42/items', '/api/orders', true],
  ['/api/orders/42/items', '/api/orders/42/notes', false],
  // A new order says nothing about the others.
  ['/api/orders', '/api/orders/42', false],
  ['/api/orders', '/api/orders', true],
  ['/', '/', true],
  ['/', '/a', false],
  ['', '/', true],
];
for (const [write, read, touched] of cases) {
  test(`after a write to ${write}, ${read} is ${touched ? 'touched' : 'not touched'}`, () => {
    const writes = new HeldWrites(heldWritesBuffer());
    equal(writes.touched(read, NOW), false, 'before');
    writes.note(write, NOW);
    equal(writes.touched(read, NOW), touched);
  });
}

test('what a write to its collection may have made', () => {
  const writes = new HeldWrites(heldWritesBuffer());
  equal(writes.mayBeNew('/orders/42', NOW), false);
  writes.note('/orders', NOW);
  equal(writes.mayBeNew('/orders/42', NOW), true);
  equal(writes.mayBeNew('/orders/42?a=/b', NOW), true);
  equal(writes.mayBeNew('/orders', NOW), false);
  equal(writes.mayBeNew('/orders/42/items', NOW), false);
});

test('all threads see the writes of each, and age them together', () => {
  const buffer = heldWritesBuffer();
  const one = new HeldWrites(buffer);
  const two = new HeldWrites(buffer);
  one.note('/a/1', NOW);
  two.note('/a/2', NOW + 9 * MINUTE);
  ok(two.touched('/a/1', NOW + 9 * MINUTE) && one.touched('/a/2', NOW + 9 * MINUTE));
  equal(one.touched('/a/1', NOW + 11 * MINUTE), true);
  equal(two.touched('/a/1', NOW + 11 * MINUTE), true);
  two.note('/a/3', NOW + 12 * MINUTE);
  equal(two.touched('/a/1', NOW + 22 * MINUTE), false);
  equal(one.touched('/a/2', NOW + 22 * MINUTE), false);
  equal(one.touched('/a/3', NOW + 22 * MINUTE), true);
});

test('after a long rest everything is forgotten', () => {
  const writes = new HeldWrites(heldWritesBuffer());
  writes.note('/a/1', NOW);
  equal(writes.touched('/a/1', NOW + 30 * MINUTE), false);
});

test('a clock that is set back forgets nothing', () => {
  const writes = new HeldWrites(heldWritesBuffer());
  writes.note('/a/1', NOW);
  equal(writes.touched('/a/1', NOW - 60 * MINUTE), true);
  equal(writes.touched('/a/1', NOW - 55 * MINUTE), true);
});

test('a flood of writes ends generations early; newest writes stay, and others hardly ever look written', () => {
  const buffer = heldWritesBuffer();
  const observers = [new HeldWrites(buffer), new HeldWrites(buffer)] as const;
  const writes = 100_000;
  for (let i = 0; i < writes; i++) observers[i % 2 === 0 ? 0 : 1].note(`/orders/${i}`, NOW);
  ok(observers[0].early >= 2, `${observers[0].early} times`);
  for (let i = writes - 5000; i < writes; i++) ok(observers[1].touched(`/orders/${i}`, NOW), `write ${i}`);
  let wrong = 0;
  for (let i = 0; i < 20_000; i++) if (observers[0].touched(`/users/${i}`, NOW)) wrong++;
  ok(wrong < 20_000 * 0.02, `${wrong} of 20,000`);
});

const hostile = [
  '/'.repeat(100_000),
  `/${'a'.repeat(100_000)}`,
  '/%00/%',
  '/\ud800',
  '/../../x',
  '?',
  '//',
  'x',
];
for (const path of hostile) {
  test(`takes ${JSON.stringify(path.slice(0, 20))} (${path.length} characters) as it comes`, () => {
    const writes = new HeldWrites(heldWritesBuffer(64));
    writes.note(path, NOW);
    writes.touched(path, NOW);
    writes.mayBeNew(path, NOW);
    equal(writes.touched('/somewhere/else', NOW), false);
  });
}
