import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ManualClock } from '../kit/manual-clock.ts';
import { IdleTracker } from './idle.ts';
import type { IdleEntry } from './idle.ts';

interface Item {
  readonly name: string;
  lastTick: number;
}

function tracker(onIdle: (item: Item) => void = () => {}) {
  const clock = new ManualClock();
  const idle: string[] = [];
  const tracked = new IdleTracker<Item>({
    clock,
    onIdle(item) {
      idle.push(`${item.name} ${clock.monotonic()}`);
      onIdle(item);
    },
  });
  const add = (name: string, timeoutMs: number) => tracked.add({ name, lastTick: 0 }, timeoutMs);
  const alive = ({ item }: IdleEntry<Item>) => {
    item.lastTick = tracked.tick;
  };
  return { clock, idle, tracked, add, alive };
}

test('gives an item up after its timeout, never before, and at most two ticks later', () => {
  const { clock, idle, tracked, add } = tracker();
  add('a', 1000);
  add('b', 50);
  clock.advance(1000);
  assert.deepEqual(idle, ['b 200']);
  clock.advance(10_000);
  assert.deepEqual(idle, ['b 200', 'a 1100']);
  assert.equal(tracked.size, 0);
});

test('a sign of life puts it off', () => {
  const { clock, idle, add, alive } = tracker();
  const a = add('a', 1000);
  for (let i = 0; i < 10; i++) {
    clock.advance(950);
    alive(a);
  }
  assert.deepEqual(idle, []);
  clock.advance(2000);
  assert.deepEqual(idle, ['a 10600']);
});

test('timeouts may be longer than a turn of the wheel', () => {
  const { clock, idle, add } = tracker();
  add('hour', 3_600_000);
  clock.advance(3_600_000);
  assert.deepEqual(idle, []);
  clock.advance(100);
  assert.deepEqual(idle, ['hour 3600100']);
});

test('another timeout counts from when it was given, and may be shorter', () => {
  const { clock, idle, tracked, add } = tracker();
  const a = add('a', 60_000);
  clock.advance(30_000);
  tracked.set(a, 500);
  assert.equal(tracked.size, 1);
  clock.advance(600);
  assert.deepEqual(idle, ['a 30600']);
  tracked.set(a, 100);
  clock.advance(300);
  assert.deepEqual(idle, ['a 30600', 'a 30800']);
});

test('what is removed is forgotten, and may be removed twice', () => {
  const { clock, idle, tracked, add } = tracker();
  const entries = ['a', 'b', 'c'].map((name) => add(name, 100));
  const [, b] = entries;
  assert.ok(b !== undefined);
  tracked.remove(b);
  tracked.remove(b);
  assert.equal(tracked.size, 2);
  clock.advance(1000);
  assert.deepEqual(idle.toSorted(), ['a 200', 'c 200']);
});

test('giving one up may remove others', () => {
  const entries: IdleEntry<Item>[] = [];
  const { clock, idle, tracked, add } = tracker(() => entries.forEach((entry) => tracked.remove(entry)));
  for (const name of ['a', 'b', 'c']) entries.push(add(name, 100));
  clock.advance(1000);
  assert.equal(idle.length, 1);
  assert.equal(tracked.size, 0);
});

test('closes only so many in one tick', () => {
  const { clock, idle, tracked, add } = tracker();
  for (let i = 0; i < 1200; i++) add(`${i}`, 100);
  const counts = [200, 300, 400].map((time) => {
    clock.advance(time - clock.monotonic());
    return idle.length;
  });
  assert.deepEqual(counts, [500, 1000, 1200]);
  assert.equal(tracked.size, 0);
});

test('has no timer while there is nothing to track', () => {
  const { clock, tracked, add } = tracker();
  assert.equal(clock.pending, 0);
  const a = add('a', 1000);
  assert.equal(clock.pending, 1);
  tracked.remove(a);
  clock.advance(100);
  assert.equal(clock.pending, 0);
  add('b', 1000);
  assert.equal(clock.pending, 1);
  tracked[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});

test('a thread that was held up closes nothing that it had no time to read from', () => {
  const idle: string[] = [];
  const held = new (class extends ManualClock {
    late = 0;
    override monotonic() {
      return super.monotonic() + this.late;
    }
  })();
  const late = new IdleTracker<Item>({ clock: held, onIdle: ({ name }) => idle.push(name) });
  late.add({ name: 'a', lastTick: 0 }, 1000);
  held.late = 60_000;
  held.advance(100);
  assert.equal(late.tick, 3);
  assert.deepEqual(idle, []);
  held.advance(800);
  assert.deepEqual(idle, ['a']);
});

test('does as a simple list of deadlines would, whatever happens', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), timeoutMs: fc.integer({ min: 1, max: 200_000 }) }),
    fc.record({
      do: fc.constant('set' as const),
      pick: fc.nat(),
      timeoutMs: fc.integer({ min: 1, max: 5000 }),
    }),
    fc.record({ do: fc.constantFrom('alive' as const, 'remove' as const), pick: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 500 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, idle, tracked, add, alive } = tracker();
      // Name → the tick at which it is due.
      const expected = new Map<string, { entry: IdleEntry<Item>; due: number }>();
      const dueOf = (entry: IdleEntry<Item>) => entry.item.lastTick + entry.timeoutTicks + 1;
      let names = 0;
      for (const action of steps) {
        const known = [...expected.values()];
        if (action.do === 'add') {
          const entry = add(`${names++}`, action.timeoutMs);
          expected.set(entry.item.name, { entry, due: dueOf(entry) });
        } else if (action.do === 'wait') {
          for (let i = 0; i < action.ticks; i++) {
            clock.advance(100);
            for (const [name, { due }] of expected) if (due <= tracked.tick) expected.delete(name);
          }
        } else if (known.length > 0) {
          const chosen = known[action.pick % known.length];
          assert.ok(chosen !== undefined);
          const { entry } = chosen;
          if (action.do === 'remove') {
            tracked.remove(entry);
            expected.delete(entry.item.name);
          } else {
            if (action.do === 'set') tracked.set(entry, action.timeoutMs);
            else alive(entry);
            chosen.due = dueOf(entry);
          }
        }
        assert.equal(tracked.size, expected.size);
        for (const line of idle) assert.ok(!expected.has(line.split(' ')[0] ?? ''));
      }
    }),
    { numRuns: 200 },
  );
});
