import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '../kit/manual-clock.ts';
import { Interruption } from './interruption.ts';

test('a signal and its echo are one, a later one is another, and none is lost', async () => {
  const signals = new EventEmitter();
  const clock = new ManualClock();
  using interruption = new Interruption(signals, ['SIGINT', 'SIGTERM'], clock);
  let seen = 0;
  const first = interruption.next().then(() => (seen += 1));
  signals.emit('SIGINT');
  await first;
  const second = interruption.next().then(() => (seen += 1));
  clock.advance(100);
  signals.emit('SIGINT');
  await new Promise((resolve) => setImmediate(resolve));
  equal(seen, 1);
  clock.advance(1000);
  signals.emit('SIGTERM');
  await second;
  clock.advance(1000);
  signals.emit('SIGTERM');
  await interruption.next();
});

test('listens to what it should, and to nothing after its end', () => {
  const signals = new EventEmitter();
  const interruption = new Interruption(signals, ['SIGINT'], new ManualClock());
  deepEqual(signals.eventNames(), ['SIGINT']);
  interruption[Symbol.dispose]();
  deepEqual(signals.eventNames(), []);
});
