import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { converse, halfOpen } from '../fixtures/conversation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { startFaultyMirror } from '../fixtures/faulty-mirror.ts';
import { Flow } from '../fixtures/flow.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { freePort } from '../fixtures/peers.ts';
import { patternBytes, startPrimary, startRaw } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const MIB = 1024 * 1024;
const GET = 'GET /bytes/300 HTTP/1.1\r\nHost: a\r\n\r\n';
const HALF = Buffer.concat([
  Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'),
  patternBytes(50_000),
]);

test('a primary that leaves in the middle of an answer: the client sees the same cut as directly', async () => {
  let how: 'end' | 'reset' = 'end';
  await using primary = await startRaw((socket) => {
    socket.once('data', () => {
      if (how === 'end') socket.end(HALF);
      // The reset comes when the client has the bytes: on their way, resets may overtake them.
      else socket.write(HALF, () => setTimeout(() => socket.resetAndDestroy(), 200));
    });
  });
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url) });
  const port = await understudy.port();
  for (how of ['end', 'reset'] as const) {
    const directly = await converse(primary.port, GET);
    equal(directly.received.equals(HALF), true);
    equal(directly.end, how);
    deepEqual(await converse(port, GET), directly);
  }
  await eventually('the exchanges are known to be incomplete', async () => {
    const { incomplete } = await understudy.summary();
    return incomplete.primary_closed + incomplete.client_closed === 2;
  });
});

test('one of two endpoints dies: its connections end as directly, new ones go to the other', async () => {
  const [dying, staying] = [await startPrimary(), await startPrimary()];
  await using understudy = await startUnderstudy({
    config: oneTap({ endpoints: [dying.url, staying.url], rest: '300ms', restMax: '600ms' }),
  });
  const port = await understudy.port();
  const clients = Array.from({ length: 10 }, () => openClient(port));
  for (const client of clients) await client.ask('GET', GET);
  deepEqual([dying.open, staying.open], [5, 5], 'least connections: half each');
  const fates = clients.map((client) =>
    client.ended().then(
      () => 'end',
      () => 'reset',
    ),
  );
  dying.cut();
  await dying[Symbol.asyncDispose]();
  const lost = await Promise.all(
    fates.map((fate) => Promise.race([fate, once(AbortSignal.timeout(1000), 'abort')])),
  );
  equal(lost.filter((fate) => fate === 'reset').length, 5);
  await using load = await startLoad({ target: port, primary: staying.port });
  await eventually('answers', () => load.answers >= 200);
  const endpoint = await eventually('the endpoint rests', async () => {
    const { endpoints } = await understudy.tap();
    return endpoints.find(({ url, state }) => url === dying.url && state === 'resting');
  });
  ok(endpoint.failures > 0);
  match(await understudy.metrics(), new RegExp(`understudy_endpoint_up{.*endpoint="${dying.url}"} 0`));
  await using back = await startPrimary({ port: dying.port });
  await eventually('it is used again', () => back.open > 0);
  await eventually('and known to be up', async () =>
    (await understudy.tap()).endpoints.every(({ state }) => state === 'up'),
  );
  await assertUntouched(load, 200);
  for (const client of clients) client.close();
  await staying[Symbol.asyncDispose]();
});

test('an endpoint that does not answer a connect is passed over', async () => {
  await using hole = await startFaultyMirror();
  await hole.fall('dead');
  await using primary = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap({ endpoints: [hole.url, primary.url], connectTimeout: '300ms' }),
  });
  await using load = await startLoad({ target: await understudy.port(), primary: primary.port });
  await assertUntouched(load, 200);
});

test('without any endpoint the client is reset, and that is counted', async () => {
  await using understudy = await startUnderstudy({
    config: oneTap({
      endpoints: [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`],
    }),
  });
  const port = await understudy.port();
  for (let i = 0; i < 3; i++) {
    const { end, received } = await converse(port, GET);
    deepEqual([end, received.length], ['reset', 0]);
  }
  await eventually('they are counted', async () => {
    const { closed, connections } = await understudy.tap();
    return closed.unreachable === 3 && connections.open === 0;
  });
  match(
    await understudy.metrics(),
    /understudy_live_connections_closed_total\{tap="main",reason="unreachable"\} 3/,
  );
});

test('a primary that does not read stops the client, not the memory, and then gets every byte', async () => {
  const hash = createHash('sha256');
  let received = 0;
  await using primary = await startRaw((socket) => {
    socket.pause();
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      received += chunk.length;
    });
    socket.on('end', () => socket.end(`got ${received}`));
  });
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url) });
  const client = halfOpen(await understudy.port());
  await once(client, 'connect');
  const rssBefore = understudy.rssBytes();
  const flow = new Flow(client);
  await flow.writeUntilStuck();
  ok(understudy.rssBytes() - rssBefore < 32 * MIB, 'no more than buffers of a fixed size');
  for (const socket of primary.sockets) socket.resume();
  await flow.write(200);
  client.end();
  const [answer] = (await once(client, 'data')) as [Buffer];
  equal(answer.toString(), `got ${flow.bytes}`);
  equal(hash.digest('hex'), flow.hash.digest('hex'));
  client.destroy();
});
