import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Broadcast } from './broadcast.ts';

async function read<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const out: Item[] = [];
  for await (const item of items) out.push(item);
  return out;
}

test('every reader sees what is published after it came', async () => {
  const broadcast = new Broadcast<string>();
  const { signal } = new AbortController();
  const first = read(broadcast.subscribe(signal));
  broadcast.publish('a');
  const second = read(broadcast.subscribe(signal));
  broadcast.publish('b');
  broadcast.close();
  deepEqual(await first, ['a', 'b']);
  deepEqual(await second, ['b']);
});

test('a slow reader misses the oldest and knows how many', async () => {
  const broadcast = new Broadcast<number>(3);
  const subscription = broadcast.subscribe(new AbortController().signal);
  for (let i = 0; i < 10; i++) broadcast.publish(i);
  broadcast.close();
  deepEqual(await read(subscription), [7, 8, 9]);
  equal(subscription.dropped, 7);
});

test('a reader that waits is woken by an item', async () => {
  const broadcast = new Broadcast<number>();
  const iterator = broadcast.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  const next = iterator.next();
  setImmediate(() => broadcast.publish(5));
  equal((await next).value, 5);
});

test('a reader leaves when its signal aborts, its loop breaks, or the broadcast is closed', async () => {
  const broadcast = new Broadcast<number>();
  const controller = new AbortController();
  const aborted = read(broadcast.subscribe(controller.signal));
  const broken = broadcast.subscribe(new AbortController().signal);
  broadcast.publish(1);
  equal(broadcast.readers, 2);
  controller.abort();
  deepEqual(await aborted, [1]);
  equal(broadcast.readers, 1);
  for await (const item of broken) if (item === 1) break;
  equal(broadcast.readers, 0);
  broadcast.close();
  deepEqual(await read(broadcast.subscribe(new AbortController().signal)), []);
});

test('a signal that has aborted already gives an empty reader', async () => {
  const broadcast = new Broadcast<number>();
  deepEqual(await read(broadcast.subscribe(AbortSignal.abort())), []);
  equal(broadcast.readers, 0);
});
