import { equal, match, ok } from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { startPrimary, startRaw } from '../fixtures/primary.ts';
import type { Primary } from '../fixtures/primary.ts';
import type { ThreadFault } from '../fixtures/thread-fault.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';

const STALL_MS = 1500;
/** A live request may be slow on a busy machine, but not as slow as if it had waited for an observer. */
const SLOWEST_MS = 1400;
const MIB = 1024 * 1024;

describe('a thread fails, and live traffic does not notice', () => {
  let primary: Primary;
  let mirror: Primary;
  let understudy: Understudy;

  before(async () => {
    primary = await startPrimary();
    mirror = await startPrimary();
    const observer = { heapBytes: '64MiB', stall: `${STALL_MS}ms` };
    const config = oneTap(primary.url, mirror.url, { policy: { writes: 'mirror' }, observer });
    understudy = await startUnderstudy({ config, faults: true });
  });

  after(async () => {
    for (const one of [understudy, primary, mirror]) await one[Symbol.asyncDispose]();
  });

  const CASES: readonly (readonly [fault: ThreadFault, reason: RegExp])[] = [
    ['throw', /a planted error/],
    ['reject', /a planted rejection/],
    ['exit', /ended/],
    // A bad allocation loop can end in either way: the collector may keep the thread busy without end.
    ['allocate', /memory limit|has not read its tape/],
    ['spin', /has not read its tape for \d+ s/],
    ['block', /has not read its tape for \d+ s/],
  ];
  for (const [fault, reason] of CASES) {
    test(`an observer, ${fault}: it is replaced, and copies go on`, async () => {
      await using load = await startLoad({ target: await understudy.port(), primary: primary.port });
      const restarts = (await understudy.summary()).observerRestarts;
      const planted = performance.now();
      await understudy.plant('observer', fault);
      await eventually(
        'it is replaced',
        async () => (await understudy.summary()).observerRestarts > restarts,
      );
      const replacedMs = performance.now() - planted;
      ok(replacedMs < STALL_MS + 3000, `replaced after ${Math.round(replacedMs)} ms`);
      const copied = mirror.seen.length;
      await eventually('copies go on', () => mirror.seen.length > copied + 20, 20_000);
      const { answers } = load;
      await eventually('answers go on', () => load.answers > answers + 50);
      const result = await assertUntouched(load);
      ok(result.slowestMs < SLOWEST_MS, `one answer took ${Math.round(result.slowestMs)} ms`);
      const line = understudy.log().findLast(({ message }) => message === 'an observer is replaced');
      match(String(line?.['reason']), reason);
    });
  }

  test('the main thread stands still for a while', async () => {
    await using load = await startLoad({ target: await understudy.port(), primary: primary.port });
    await understudy.plant('main', 'pause');
    const { answers } = load;
    const copied = mirror.seen.length;
    const summary = understudy.summary();
    let answered = false;
    void summary.then(() => (answered = true));
    await eventually(
      'answers and copies go on',
      () => load.answers > answers + 100 && mirror.seen.length > copied + 25,
    );
    equal(answered, false, 'meanwhile the admin API says nothing');
    await summary;
    const result = await assertUntouched(load);
    ok(result.slowestMs < SLOWEST_MS, `one answer took ${Math.round(result.slowestMs)} ms`);
  });

  test('what happened is in metrics and in the counts at the end', async () => {
    const restarts = CASES.length;
    match(
      await understudy.metrics(),
      new RegExp(`^understudy_observer_restarts_total\\{tap="main"\\} ${restarts}$`, 'm'),
    );
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.observerRestarts, restarts);
    ok(result.mirrored > 0 && result.mirrored <= mirror.seen.length, 'counts of failed observers are kept');
  });
});

test('a live worker that fails is back at once', async () => {
  await using primary = await startPrimary();
  await using understudy = await startUnderstudy({ config: oneTap(primary.url), faults: true });
  const port = await understudy.port();
  const get = 'GET /bytes/300 HTTP/1.1\r\nHost: a\r\n\r\n';
  const lost = openClient(port);
  await lost.ask('GET', get);
  await understudy.plant('live', 'throw');
  await eventually('a new connection is answered', async () => {
    const client = openClient(port);
    return client.ask('GET', get).finally(client.close);
  });
  await eventually('the lost connection is not counted as open', async () => {
    const { open } = (await understudy.tap()).connections;
    return open === 0;
  });
  lost.close();
});

test('clients that pipeline without end are not followed any more, and cost no observer its heap', async () => {
  await using primary = await startPrimary();
  await using silent = await startRaw((socket) => socket.resume());
  const matches = [{ path: { type: 'Exact', value: '/none' } }];
  await using understudy = await startUnderstudy({
    config: {
      listeners: [
        { name: 'main', listen: '127.0.0.1:0', primary: primary.url },
        { name: 'silent', listen: '127.0.0.1:0', primary: silent.url },
      ],
      policies: [{ name: 'none', matches, mirrors: [{ name: 'v2', url: primary.url }] }],
      observer: { heapBytes: '32MiB' },
    },
  });
  await using load = await startLoad({ target: await understudy.port('main'), primary: primary.port });
  const port = await understudy.port('silent');
  const fields = Array.from({ length: 40 }, (_, i) => `X-Field-${i}: ${'v'.repeat(50)}\r\n`).join('');
  const requests = Array.from(
    { length: 250 },
    (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`,
  ).join('');
  const clients: ReturnType<typeof connect>[] = [];
  await eventually(
    'a hundred of them have been seen',
    async () => {
      if (clients.length < 200) clients.push(connect(port, '127.0.0.1').on('error', () => {}));
      clients.at(-1)?.write(requests);
      const { observers, unfollowed } = await understudy.tap('silent');
      return (observers[0]?.connections ?? 0) >= 100 && unfollowed.given_up > 20;
    },
    30_000,
  );
  const { observers, incomplete } = await understudy.tap('silent');
  ok(incomplete.too_large > 0);
  ok((observers[0]?.heapBytes ?? Infinity) < 32 * MIB);
  equal((await understudy.summary()).observerRestarts, 0);
  await assertUntouched(load);
  for (const client of clients) client.destroy();
});
