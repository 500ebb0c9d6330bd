import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  beginCopy,
  copyOf,
  openMirror,
  openRawServer,
  requestsIn,
  until,
  wordOf,
} from '../../test/fixtures/mirror-driver.ts';
import type { DrivenCopy } from '../../test/fixtures/mirror-driver.ts';
import { freePort } from '../../test/fixtures/peers.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy } from '../model/copy.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';

function post(length: number): string {
  return `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`;
}

function begun({ copy }: DrivenCopy): Copy {
  if (typeof copy === 'string') throw new Error(`refused: ${copy}`);
  return copy;
}

test('no more copies are under way than may be, and the rest waits in line', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { concurrency: 2, queue: 2 } });
  const copies = Array.from({ length: 5 }, () => beginCopy(mirror, GET));
  deepEqual(
    copies.map(({ copy }) => typeof copy),
    ['object', 'object', 'object', 'object', 'string'],
  );
  equal(copies[4]?.copy, 'queue_full');
  equal(mirror.stats.inFlight, 2);
  equal(mirror.stats.queued, 2);
  await server.untilReceived(0, /\r\n\r\n$/);
  await server.untilReceived(1, /\r\n\r\n$/);
  server.sockets[0]?.write(OK);
  await until(() => copies[0]?.over() !== undefined);
  equal(mirror.stats.inFlight, 2);
  equal(mirror.stats.queued, 1);
  await until(() => requestsIn(server.received(0)) === 2);
  equal(server.sockets.length, 2);
});

test('a copy that waits too long is given up', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, {
    limits: { concurrency: 1, queue: 1, timeoutMs: 1_000 },
    options: { clock },
  });
  beginCopy(mirror, GET);
  clock.advance(500);
  const waiting = beginCopy(mirror, GET);
  await server.untilReceived(0, /\r\n\r\n$/);
  clock.advance(400);
  equal(waiting.over(), undefined);
  clock.advance(200);
  // The first has timed out, so the second has its place, and its own time.
  equal(waiting.over(), undefined);
  await server.untilReceived(1, /\r\n\r\n$/);
  clock.advance(1_000);
  equal(wordOf(await waiting.outcome), 'timeout');
});

test('a body that is too long by its length is refused at once', async () => {
  await using mirror = openMirror(await freePort(), { limits: { bodyBytes: 10 } });
  equal(beginCopy(mirror, post(11)).copy, 'body_too_large');
  equal(typeof beginCopy(mirror, post(10)).copy, 'object');
});

test('a body that proves too long is cut off, so that the mirror cannot take it as whole', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { bodyBytes: 10 } });
  const driven = beginCopy(mirror, `${CHUNKED}3\r\nabc\r\n`);
  await server.untilReceived(0, /\r\n\r\n3\r\nabc\r\n$/);
  begun(driven).write(Buffer.from('defghijk'));
  equal(wordOf(await driven.outcome), 'body_too_large');
  await until(() => server.sockets[0]?.readableEnded === true || server.sockets[0]?.destroyed === true);
  ok(!server.received(0).includes('0\r\n\r\n'));
  equal(mirror.stats.notMirrored.body_too_large, 1);
  equal(mirror.stats.mirrored, 1);
});

test('an aborted request is never whole at the mirror', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port);
  const driven = beginCopy(mirror, `${post(10)}abc`);
  await server.untilReceived(0, /abc$/);
  begun(driven).abort('tape_gap');
  equal(wordOf(await driven.outcome), 'tape_gap');
  begun(driven).write(Buffer.from('defghij'));
  begun(driven).end();
  await until(() => mirror.stats.openConnections === 0);
  ok(server.received(0).endsWith('abc'));
});

test('a body that ends before its length, or goes on after it, is given up', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port);
  const short = beginCopy(mirror, `${post(10)}abc`);
  begun(short).end();
  equal(wordOf(await short.outcome), 'client_closed');
  const long = beginCopy(mirror, `${post(10)}abc`);
  begun(long).write(Buffer.from('defghijk'));
  equal(wordOf(await long.outcome), 'ambiguous');
});

test('a client that is too slow costs its copy, and says nothing against the mirror', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, {
    limits: { timeoutMs: 1_000, breaker: { failures: 1, openMs: 1_000, openMaxMs: 1_000 } },
    options: { clock },
  });
  const driven = beginCopy(mirror, `${post(10)}abc`);
  await server.untilReceived(0, /abc$/);
  clock.advance(1_000);
  equal(wordOf(await driven.outcome), 'client_slow');
  equal(mirror.stats.breaker, 'closed');
});

test('bodies for a mirror that does not read are kept up to the limit, and no further', async () => {
  await using server = await openRawServer({ accepted: (socket) => void socket.pause() });
  const bufferBytes = 1024 * 1024;
  await using mirror = openMirror(server.port, { limits: { bodyBytes: 2 ** 30, bufferBytes } });
  const driven = beginCopy(mirror, CHUNKED);
  const chunk = Buffer.alloc(64 * 1024);
  let written = 0;
  await until(() => mirror.stats.mirrored === 1);
  while (driven.over() === undefined) {
    begun(driven).write(chunk);
    written += chunk.length;
    ok(mirror.stats.bufferedBytes <= bufferBytes + chunk.length, `${mirror.stats.bufferedBytes}`);
    if (written % (16 * chunk.length) === 0) await new Promise(setImmediate);
  }
  equal(wordOf(await driven.outcome), 'queue_full');
  equal(mirror.stats.bufferedBytes, 0);
  ok(written > bufferBytes);
});

test('waiting bodies count too, and new copies are refused while there are too many of them', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { concurrency: 1, queue: 10, bufferBytes: 1_000 } });
  beginCopy(mirror, GET);
  const first = beginCopy(mirror, `${post(800)}${'x'.repeat(800)}`);
  equal(first.over(), undefined);
  const second = beginCopy(mirror, `${post(800)}${'x'.repeat(800)}`);
  equal(wordOf(await second.outcome), 'queue_full');
  begun(first).abort('client_closed');
  equal(mirror.stats.bufferedBytes, 0);
  equal(mirror.stats.queued, 0);
});

test('copies per second are limited', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port, { limits: { requestsPerSecond: 2 }, options: { clock } });
  const words = [];
  for (let i = 0; i < 3; i++) words.push(wordOf(await copyOf(mirror, GET)));
  deepEqual(words, ['200', '200', 'rate_limited']);
  clock.advance(500);
  equal(wordOf(await copyOf(mirror, GET)), '200');
});

test('bytes of copies per second are limited, heads and bodies', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port, { limits: { bytesPerSecond: 1_000 }, options: { clock } });
  equal(wordOf(await copyOf(mirror, `${post(800)}${'x'.repeat(800)}`)), '200');
  equal(wordOf(await copyOf(mirror, GET)), 'rate_limited');
  clock.advance(2_000);
  equal(wordOf(await copyOf(mirror, `${CHUNKED}800\r\n${'x'.repeat(0x800)}\r\n0\r\n\r\n`)), '200');
  equal(wordOf(await copyOf(mirror, GET)), 'rate_limited');
});

test('failures in a row open the breaker, what waits is given up, and a probe closes it again', async () => {
  const clock = new ManualClock();
  let broken = true;
  await using server = await openRawServer({
    data: (socket) => void (broken ? socket.resetAndDestroy() : socket.write(OK)),
  });
  const states: string[] = [];
  await using mirror = openMirror(server.port, {
    limits: { concurrency: 2, queue: 10, breaker: { failures: 2, openMs: 1_000, openMaxMs: 10_000 } },
    options: { clock, onStateChange: (state, failure) => states.push(`${state}: ${failure}`) },
  });
  const copies = Array.from({ length: 5 }, () => beginCopy(mirror, GET));
  const words = (await Promise.all(copies.map(({ outcome }) => outcome))).map(wordOf);
  equal(words.filter((word) => word === 'reset').length >= 2, true);
  equal(words.filter((word) => word === 'breaker_open').length >= 1, true);
  equal(beginCopy(mirror, GET).copy, 'breaker_open');
  clock.advance(1_000);
  const probe = beginCopy(mirror, GET);
  equal(beginCopy(mirror, GET).copy, 'breaker_open');
  equal(wordOf(await probe.outcome), 'reset');
  broken = false;
  clock.advance(1_999);
  equal(beginCopy(mirror, GET).copy, 'breaker_open');
  clock.advance(1);
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(wordOf(await copyOf(mirror, GET)), '200');
  deepEqual(
    states,
    ['open', 'half-open', 'open', 'half-open', 'closed'].map((state) => `${state}: reset`),
  );
});

test('a probe that cannot be written makes room for the next one', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port, {
    limits: { breaker: { failures: 1, openMs: 1_000, openMaxMs: 1_000 }, timeoutMs: 100 },
    options: { clock },
  });
  const failing = beginCopy(mirror, GET);
  clock.advance(100);
  equal(wordOf(await failing.outcome), 'connect_timeout');
  clock.advance(1_000);
  equal(beginCopy(mirror, 'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n').copy, 'ambiguous');
  equal(wordOf(await copyOf(mirror, GET)), '200');
});

test('5xx answers are answers, and do not open the breaker', async () => {
  await using server = await openRawServer({
    data: (socket) => void socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
  });
  await using mirror = openMirror(server.port, {
    limits: { breaker: { failures: 2, openMs: 1_000, openMaxMs: 1_000 } },
  });
  for (let i = 0; i < 5; i++) equal(wordOf(await copyOf(mirror, GET)), '503');
  equal(mirror.stats.breaker, 'closed');
  equal(mirror.stats.responses['5xx'], 5);
});

test('copies of one client connection go out one after another, those of others beside them', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { options: { order: 'connection' } });
  const [a1, a2, b1, a3] = [1, 1, 2, 1].map((connection, i) =>
    beginCopy(mirror, `GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`, connection),
  );
  if (a1 === undefined || a2 === undefined || a3 === undefined || b1 === undefined)
    throw new Error('too few');
  equal(mirror.stats.inFlight, 2);
  equal(mirror.stats.queued, 2);
  await server.untilReceived(0, /^GET \/0 /);
  await server.untilReceived(1, /^GET \/2 /);
  // One in the middle is given up: the one after it still waits for the first.
  begun(a2).abort('client_closed');
  equal(mirror.stats.inFlight, 2);
  server.sockets[0]?.write(OK);
  equal(wordOf(await a1.outcome), '200');
  await server.untilReceived(0, /GET \/3 /);
  server.sockets[0]?.write(OK);
  server.sockets[1]?.write(OK);
  equal(wordOf(await a3.outcome), '200');
  equal(wordOf(await b1.outcome), '200');
});

test('copies that wait for their turn are counted, and refused when there are too many', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { queue: 2 }, options: { order: 'connection' } });
  const copies = Array.from({ length: 4 }, () => beginCopy(mirror, GET));
  deepEqual(
    copies.map(({ copy }) => (typeof copy === 'string' ? copy : 'begun')),
    ['begun', 'begun', 'begun', 'queue_full'],
  );
  equal(mirror.stats.queued, 2);
});

test('a failed copy makes way for the next one of its client connection', async () => {
  await using server = await openRawServer({
    data: (socket, received) =>
      void (received.startsWith('GET /1 ') ? socket.resetAndDestroy() : socket.write(OK)),
  });
  await using mirror = openMirror(server.port, { options: { order: 'connection' } });
  const copies = [1, 2, 3].map((i) => beginCopy(mirror, `GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`));
  deepEqual((await Promise.all(copies.map(({ outcome }) => outcome))).map(wordOf), ['reset', '200', '200']);
});

test('ends at once, with everything under way and waiting', async () => {
  await using server = await openRawServer({});
  const mirror = openMirror(server.port, { limits: { concurrency: 1, queue: 5 } });
  const copies = Array.from({ length: 3 }, () => beginCopy(mirror, GET));
  await server.untilReceived(0, /\r\n\r\n$/);
  await mirror[Symbol.asyncDispose]();
  const outcomes = await Promise.all(copies.map(({ outcome }) => outcome));
  deepEqual(outcomes, [
    { kind: 'failed', failure: 'shutdown', sent: true },
    { kind: 'failed', failure: 'shutdown', sent: false },
    { kind: 'failed', failure: 'shutdown', sent: false },
  ]);
  equal(mirror.stats.openConnections, 0);
  equal(mirror.busy, false);
  equal(beginCopy(mirror, GET).copy, 'paused');
  await mirror[Symbol.asyncDispose]();
});

test('an aborted signal ends it too', async () => {
  await using server = await openRawServer({});
  const controller = new AbortController();
  await using mirror = openMirror(server.port, { options: { signal: controller.signal } });
  const { outcome } = beginCopy(mirror, GET);
  controller.abort();
  equal(wordOf(await outcome), 'shutdown');
  await using stillborn = openMirror(server.port, { options: { signal: AbortSignal.abort() } });
  equal(beginCopy(stillborn, GET).copy, 'paused');
});
