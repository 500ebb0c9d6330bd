import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Load, mixOf } from './load.ts';
import { Stage } from './stage.ts';

test('the services answer, the load is answered, and all of it ends', { timeout: 20_000 }, async () => {
  const stage = await Stage.start();
  const { primary, control, mirror } = stage.orders;
  for (const url of [primary, control, mirror]) {
    equal((await fetch(`${url}/api/orders/7`)).status, 200);
  }
  equal((await fetch(`${primary}/api/orders/999`)).status, 404);
  equal((await fetch(`${mirror}/api/orders/999`)).status, 200);
  stage.load({
    orders: primary,
    stock: stage.stock.primary.replace('h2c:', 'http:'),
    requestsPerSecond: 200,
  });
  while (stage.stats.answered < 20) await new Promise((resolve) => setImmediate(resolve));
  await stage.end();
  const { sent, answered, failed } = stage.stats;
  deepEqual({ answered, failed }, { answered: sent, failed: 0 });
  await stage[Symbol.asyncDispose]();
  await rejects(fetch(primary));
});

test('the load counts what is not answered and what it could not send', { timeout: 20_000 }, async () => {
  const server = createServer((request) => {
    // A part of the requests is cut off, the others are never answered.
    if (request.method === 'POST') request.socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const load = new Load({ target: `http://127.0.0.1:${port}`, requestsPerSecond: 2000 });
  while (load.stats().late === 0 || load.stats().failed === 0)
    await new Promise((resolve) => setImmediate(resolve));
  ok(load.stats().sent - load.stats().failed <= 32, 'never more than its connections');
  server.close();
  server.closeAllConnections();
  await load[Symbol.asyncDispose]();
  const { sent, answered, failed } = load.stats();
  deepEqual({ answered, failed }, { answered: 0, failed: sent });
});

test('the mix has reads, writes, pages and orders that do not exist', () => {
  const mix = Array.from({ length: 20 }, (_, n) => mixOf(n));
  equal(mix.filter(({ method }) => method === 'POST').length, 1);
  equal(mix.filter(({ path }) => path.startsWith('/api/orders?')).length, 4);
  equal(mix.filter(({ path }) => path.startsWith('/api/search')).length, 2);
  ok(mix.some(({ path }) => path === '/'));
  ok(mix.some(({ path }) => path === '/api/orders/201'));
});
