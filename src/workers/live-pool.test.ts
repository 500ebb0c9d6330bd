import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { listenerSettings, openPrimary, readAll, readBytes } from '../../test/fixtures/live-listener.ts';
import { UserError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { sumLiveStats } from '../model/live-stats.ts';
import type { ListenerSettings } from '../model/settings.ts';
import type { EndpointStatus } from '../model/status.ts';
import { createTape } from '../model/tape.ts';
import type { Tape } from '../model/tape.ts';
import { LivePool } from './live-pool.ts';

/** Keeps the messages; calls back for each. */
function recordingLog(onLine: (message: string) => void = () => {}) {
  const lines: string[] = [];
  const add = (message: string): void => {
    lines.push(message);
    onLine(message);
  };
  const log: Logger = { debug: add, info: add, warn: add, error: add, with: () => log };
  return { log, lines };
}

async function startPool(settings: ListenerSettings, log: Logger, tapes: readonly Tape[] = []) {
  const changes: (readonly EndpointStatus[])[] = [];
  const pool = await LivePool.start({
    settings,
    certificates: undefined,
    primaryPem: undefined,
    tapesOf: () => tapes,
    onEndpoints: (_before, now) => changes.push(now),
    log,
  });
  const { address } = pool;
  const port = address.kind === 'tcp' ? address.port : 0;
  return {
    pool,
    port,
    changes,
    async connect(): Promise<Socket> {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    },
    stats: () => sumLiveStats(pool.stats),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

/** Settings on which a live worker fails: nothing that passed the validation does that. */
function poison(settings: ListenerSettings): ListenerSettings {
  return { ...settings, primary: null } as unknown as ListenerSettings;
}

test('all workers listen on one port, and count together', async () => {
  await using primary = await openPrimary();
  const { log } = recordingLog();
  await using live = await startPool(listenerSettings([primary.place], { workers: 3 }), log);
  const clients = [];
  for (let i = 0; i < 12; i++) {
    clients.push(await live.connect());
    await primary.accept();
  }
  await eventually('all are counted', () => live.stats().accepted === 12);
  assert.equal(live.stats().open, 12);
  for (const client of clients) client.resetAndDestroy();
  await eventually('all are over', () => live.stats().open === 0);
});

test('an address that is taken is told as the fault of the configuration, and leaves nothing running', async () => {
  await using primary = await openPrimary();
  const { log } = recordingLog();
  await using first = await startPool(listenerSettings([primary.place]), log);
  const listen = { kind: 'tcp', host: '127.0.0.1', port: first.port } as const;
  await assert.rejects(
    startPool(listenerSettings([primary.place], { listen }), log),
    (error) => error instanceof UserError && error.code === 'unavailable',
  );
});

test('a worker that fails is started again where it was; its connections are off the count', async () => {
  await using primary = await openPrimary();
  const { log, lines } = recordingLog();
  const settings = listenerSettings([primary.place]);
  const tape = createTape(1, 256 * 1024, 100);
  await using live = await startPool(settings, log, [tape]);
  const before = await live.connect();
  await primary.accept();
  const ending = readAll(before);
  live.pool.reload(poison(settings), undefined, undefined);
  await ending;
  await eventually('it has failed', () => lines.includes('a live worker failed'));
  live.pool.reload(settings, undefined, undefined);
  const client = await eventually('it listens again', () => live.connect());
  client.write('x');
  assert.equal(String(await readBytes(await primary.accept(), 1)), 'x');
  await eventually('the count is right', () => live.stats().open === 1);
  client.destroy();
});

test('one whose address is taken meanwhile tries again', async () => {
  await using primary = await openPrimary();
  let port = 0;
  const thief = net.createServer();
  const taken = new Promise((resolve) => thief.once('listening', resolve));
  const { log, lines } = recordingLog((message) => {
    if (message === 'a live worker failed' && !thief.listening) thief.listen(port, '127.0.0.1');
  });
  // The thread closes its port a little after it has failed, and some 100 ms before it is started again.
  thief.on('error', () => setTimeout(() => thief.listen(port, '127.0.0.1'), 1));
  const settings = listenerSettings([primary.place]);
  await using live = await startPool(settings, log);
  port = live.port;
  live.pool.reload(poison(settings), undefined, undefined);
  await taken;
  live.pool.reload(settings, undefined, undefined);
  await eventually('it cannot listen', () => lines.includes('a live worker cannot be started again'));
  thief.close();
  const client = await eventually('it listens again', () => live.connect());
  client.write('x');
  assert.equal(String(await readBytes(await primary.accept(), 1)), 'x');
  client.destroy();
});

test('draining ends when the last connection does', async () => {
  await using primary = await openPrimary();
  const { log } = recordingLog();
  await using live = await startPool(listenerSettings([primary.place], { workers: 2 }), log);
  const client = await live.connect();
  const upstream = await primary.accept();
  client.write('q');
  await readBytes(upstream, 1);
  let drained = false;
  const draining = live.pool.drain(60_000).then(() => (drained = true));
  await eventually('nothing more is accepted', () =>
    live.connect().then(
      () => false,
      () => true,
    ),
  );
  assert.equal(drained, false);
  upstream.end('a');
  assert.equal(String((await readAll(client)).bytes), 'a');
  client.end();
  await draining;
});

test('what workers say of their endpoints is taken together', async () => {
  await using primary = await openPrimary();
  const { log } = recordingLog();
  const settings = listenerSettings([primary.place], { workers: 2 });
  await using live = await startPool(settings, log);
  const clients = await Promise.all(Array.from({ length: 8 }, () => live.connect()));
  await eventually('all are counted', () => live.pool.endpoints[0]?.connections === 8);
  assert.deepEqual(live.pool.endpoints[0]?.state, 'up');
  for (const client of clients) client.destroy();
});
