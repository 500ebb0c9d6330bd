import { deepEqual, equal, ok } from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { converse } from '../fixtures/conversation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import type { Script } from '../fixtures/live-load.ts';
import { freePort } from '../fixtures/peers.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Puts a configuration in force, and waits until it is. */
async function reload(understudy: Understudy, config: object | string): Promise<void> {
  const { reloaded } = (await understudy.summary()).configReloads;
  understudy.configure(config);
  await eventually(
    'it is reloaded',
    async () => (await understudy.summary()).configReloads.reloaded > reloaded,
  );
}

async function refuse(understudy: Understudy, config: object | string): Promise<void> {
  const { refused } = (await understudy.summary()).configReloads;
  understudy.configure(config);
  await eventually('it is refused', async () => (await understudy.summary()).configReloads.refused > refused);
}

test('a configuration that becomes invalid is refused, the running one stays, and no connection is closed', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const good = oneTap(primary.url, mirror.url, { policy: { writes: 'mirror' } });
  await using understudy = await startUnderstudy({ config: good });
  const port = await understudy.port();
  await using load = await startLoad({ target: port, primary: primary.port });
  const client = openClient(port);
  await client.ask('GET', get('/first'));
  const bad: readonly (object | string)[] = [
    'listeners: [',
    'no: such key\n',
    oneTap('not a url', mirror.url),
    oneTap(primary.url, mirror.url, {
      policy: { matches: [{ path: { type: 'RegularExpression', value: '(' } }] },
    }),
    '',
  ];
  for (const config of bad) await refuse(understudy, config);
  const problems = understudy.log().filter(({ message }) => message.startsWith('configuration refused'));
  equal(problems.length, bad.length);
  const file = join(understudy.folder, 'understudy.yaml');
  rmSync(file);
  await client.ask('GET', get('/still-there'));
  const copied = mirror.seen.length;
  await eventually('copies go on', () => mirror.seen.length > copied + 20);
  await reload(understudy, { ...good, drain: '3s' });
  understudy.signal('SIGHUP');
  await eventually(
    'SIGHUP reads it again',
    async () => (await understudy.summary()).configReloads.reloaded === 2,
  );
  await client.ask('GET', get('/last'));
  equal(primary.seen.filter(({ url }) => /first|still-there|last/.test(url)).length, 3);
  client.close();
  await assertUntouched(load);
});

test('policies come and go, and the connection whose requests they copy stays open', async () => {
  await using primary = await startPrimary();
  await using one = await startPrimary();
  await using two = await startPrimary();
  const policies = (...urls: readonly string[]) => ({
    ...oneTap(primary.url),
    policies: urls.map((url, i) => ({ name: `p${i}`, mirrors: [{ name: 'm', url }] })),
  });
  await using understudy = await startUnderstudy({ config: policies() });
  const port = await understudy.port();
  await using load = await startLoad({ target: port, primary: primary.port });
  const client = openClient(port);
  const copies = async (path: string): Promise<readonly [number, number]> => {
    await client.ask('GET', get(path));
    // Copies go out after the answer: the next one of the same connection comes later than this one.
    await eventually('it has been seen', async () => (await understudy.tap()).tape.usedBytes === 0);
    const count = ({ seen }: typeof one): number => seen.filter(({ url }) => url === path).length;
    if (count(one) + count(two) === 0) await eventually('time for copies', later(100));
    return [count(one), count(two)];
  };
  deepEqual(await copies('/none'), [0, 0]);
  const steps: readonly (readonly [string, readonly string[], readonly [number, number]])[] = [
    ['/a', [one.url], [1, 0]],
    ['/b', [one.url, two.url], [1, 1]],
    ['/c', [two.url], [0, 1]],
    ['/d', [], [0, 0]],
    ['/e', [two.url, one.url], [1, 1]],
  ];
  for (const [path, urls, expected] of steps) {
    await reload(understudy, policies(...urls));
    let round = 0;
    await eventually(`${path}: ${expected}`, async () => {
      const found = await copies(`${path}/${round++}`);
      return found[0] === expected[0] && found[1] === expected[1];
    });
  }
  equal(
    new Set(primary.seen.filter(({ url }) => /^\/[a-e]\//.test(url)).map(({ connection }) => connection))
      .size,
    1,
  );
  client.close();
  await assertUntouched(load);
});

function later(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() > end;
}

test('another primary: open connections stay where they are, new ones go there', async () => {
  await using before = await startPrimary();
  await using after = await startPrimary();
  await using understudy = await startUnderstudy({ config: oneTap(before.url) });
  const port = await understudy.port();
  const old = openClient(port);
  await old.ask('GET', get('/1'));
  await reload(understudy, oneTap(after.url));
  await eventually('new connections go there', async () => {
    await converse(port, 'GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return after.seen.length > 0;
  });
  await old.ask('GET', get('/3'));
  equal(before.seen.at(-1)?.url, '/3');
  old.close();
});

test('changed limits, observers and workers of a listener refuse nobody', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const port = await freePort();
  const config = (listener: object, observer: object): object =>
    oneTap(primary.url, mirror.url, {
      listener: { listen: `127.0.0.1:${port}`, ...listener },
      policy: { writes: 'mirror' },
      observer,
    });
  await using understudy = await startUnderstudy({ config: config({}, {}) });
  const kept = openClient(port);
  await kept.ask('GET', get('/kept'));
  const scripts: readonly Script[] = [
    {
      method: 'GET',
      bytes: Buffer.from('GET /close/300 HTTP/1.1\r\nHost: a\r\nX-Token: 0123456789abcdef\r\n\r\n'),
    },
  ];
  await using load = await startLoad({
    target: port,
    primary: primary.port,
    scripts,
    connections: 8,
    pauseMs: 0,
  });
  await reload(understudy, config({ connections: 100 }, {}));
  await reload(understudy, config({ connections: 100 }, { tapeBytes: '1MiB' }));
  const last = config({ connections: 100, workers: 2 }, { tapeBytes: '1MiB' });
  await reload(understudy, { ...last, log: { level: 'error' }, admin: { listen: 'off' } });
  const waiting = understudy.log().filter(({ message }) => message.endsWith('changed at the next start'));
  equal(waiting.length, 2, 'the number of workers, and the admin API; the flag holds over log');
  const { answers } = load;
  await eventually('answers go on', () => load.answers > answers + 50);
  await kept.ask('GET', get('/kept'));
  const copied = mirror.seen.length;
  await eventually('copies go on', () => mirror.seen.length > copied + 20);
  await assertUntouched(load);
  kept.close();
});

test('listeners come and go; one whose address is taken changes nothing', async () => {
  await using primary = await startPrimary();
  const [a, b] = [await freePort(), await freePort()];
  const config = (...ports: readonly number[]): object => ({
    listeners: ports.map((port) => ({ name: `l${port}`, listen: `127.0.0.1:${port}`, primary: primary.url })),
  });
  await using understudy = await startUnderstudy({ config: config(a) });
  const client = openClient(a);
  await client.ask('GET', get('/1'));
  await reload(understudy, config(a, b));
  equal((await converse(b, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  await refuse(understudy, config(a, b, primary.port));
  equal((await converse(a, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  equal((await converse(b, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  equal((await understudy.summary()).listeners, 2);
  equal((await understudy.admin('GET', '/readyz')).status, 200);
  await reload(understudy, config(b));
  await eventually(
    'nobody listens there',
    async () => (await converse(a, 'GET / HTTP/1.0\r\n\r\n')).end === 'reset',
  );
  await client.ask('GET', get('/2'));
  equal((await converse(b, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  ok(understudy.alive);
  client.close();
});

test('a listener moves to another address, and its connections stay', async () => {
  await using primary = await startPrimary();
  const [from, to] = [await freePort(), await freePort()];
  const config = (port: number, name = 'main'): object =>
    oneTap(primary.url, undefined, { listener: { name, listen: `127.0.0.1:${port}` } });
  await using understudy = await startUnderstudy({ config: config(from) });
  const client = openClient(from);
  await client.ask('GET', get('/1'));
  await reload(understudy, config(to));
  await eventually(
    'nobody listens there',
    async () => (await converse(from, 'GET / HTTP/1.0\r\n\r\n')).end === 'reset',
  );
  equal((await converse(to, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  await client.ask('GET', get('/2'));
  await reload(understudy, config(to, 'renamed'));
  equal((await converse(to, 'GET / HTTP/1.0\r\n\r\n')).end, 'end');
  await client.ask('GET', get('/3'));
  client.close();
});

test('more connections than there were places for at the start', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const config = (connections: number): object =>
    oneTap(primary.url, mirror.url, { listener: { connections } });
  await using understudy = await startUnderstudy({ config: config(2) });
  const port = await understudy.port();
  await reload(understudy, config(20));
  const clients = await eventually('20 connections', async () => {
    const all = Array.from({ length: 20 }, () => openClient(port));
    try {
      for (const client of all) await client.ask('GET', get('/many'));
      return all;
    } catch {
      for (const client of all) client.close();
      return undefined;
    }
  });
  await eventually('all of them are copied', () => mirror.seen.length >= 20);
  await reload(understudy, config(1));
  for (const client of clients) await client.ask('GET', get('/still'));
  await eventually('no more come in', async () => (await converse(port, get('/no'))).end === 'reset');
  await eventually('and are copied', () => mirror.seen.filter(({ url }) => url === '/still').length === 20);
  for (const client of clients) client.close();
});
