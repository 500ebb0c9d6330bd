import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { converse, halfOpen } from '../fixtures/conversation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { Flow } from '../fixtures/flow.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { patternBytes, startPrimary, startRaw } from '../fixtures/primary.ts';
import type { Primary, RawServer } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';

const MIB = 1024 * 1024;

test('answers of every framing come through byte for byte, also with two workers and two observers each', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, {
      listener: { workers: 2 },
      policy: { writes: 'mirror' },
      observer: { perWorker: 2 },
    }),
  });
  await using load = await startLoad({
    target: await understudy.port(),
    primary: primary.port,
    connections: 8,
  });
  await assertUntouched(load, 600);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  equal(result.requests.http1, result.exchanges);
  equal(result.pairs.same, result.exchanges, 'what the mirror answered was the same, for every exchange');
  equal(result.mirrored, result.exchanges);
  equal(result.incomplete, 0);
  equal(result.observerRestarts, 0);
  ok(result.taps[0]?.observers.length === 4);
});

describe('one instance for several kinds of traffic', () => {
  let primary: Primary;
  let mirror: Primary;
  let echo: RawServer;
  let understudy: Understudy;
  let http: number;
  let raw: number;

  before(async () => {
    primary = await startPrimary();
    mirror = await startPrimary();
    echo = await startRaw((socket) => {
      socket.pipe(socket);
    });
    understudy = await startUnderstudy({
      config: {
        listeners: [
          { name: 'http', listen: '127.0.0.1:0', primary: primary.url },
          { name: 'raw', listen: '127.0.0.1:0', primary: echo.url },
        ],
        policies: [{ name: 'copy', mirrors: [{ name: 'v2', url: mirror.url }], writes: 'mirror' }],
      },
    });
    http = await understudy.port('http');
    raw = await understudy.port('raw');
  });

  after(async () => {
    await understudy[Symbol.asyncDispose]();
    for (const peer of [primary, mirror, echo]) await peer[Symbol.asyncDispose]();
  });

  test('pipelined requests are answered in order, as directly', async () => {
    const requests = Array.from({ length: 40 }, (_, i) =>
      i % 5 === 4
        ? `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n${String(i).padStart(4, '0')}`
        : `GET /items/${i} HTTP/1.1\r\nHost: a\r\n${i === 39 ? 'Connection: close\r\n' : ''}\r\n`,
    );
    const all = [...requests, 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'].join('');
    const directly = await converse(primary.port, all);
    deepEqual(await converse(http, all), directly);
    ok(directly.received.includes('GET /last'));
  });

  test('a request that comes byte by byte is answered as directly', async () => {
    const bytes =
      'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
    const directly = await slowly(primary.port, bytes);
    deepEqual(await slowly(http, bytes), directly);
    ok(directly.includes('hello'));
  });

  const NOISE: readonly (readonly [name: string, bytes: Buffer | string])[] = [
    ['garbage', patternBytes(5000)],
    ['zeros', Buffer.alloc(30_000)],
    ['half a request line', 'GET /wh'],
    ['half a head', 'GET / HTTP/1.1\r\nHost: a\r\nX-Half'],
    ['half a body', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this'],
    [
      'a chunk size that is none',
      'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    [
      'both framings',
      'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a head of 40 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(40 * 1024)}\r\n\r\n`],
    ['a TLS handshake', Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), patternBytes(196)])],
    ['TLS garbage', Buffer.concat([Buffer.from('160301ffff', 'hex'), patternBytes(3000)])],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
    ['nothing', ''],
  ];
  for (const [name, bytes] of NOISE) {
    test(`${name}: the client sees what it would see directly`, async () => {
      await using load = await startLoad({ target: http, primary: primary.port, connections: 2 });
      const options = { halfClose: true, patienceMs: 2000 };
      const directly = await converse(primary.port, bytes, options);
      const relayed = await converse(http, bytes, options);
      deepEqual(
        { received: relayed.received.toString('latin1'), end: relayed.end },
        { received: directly.received.toString('latin1'), end: directly.end },
      );
      await converse(http, bytes, { reset: true });
      await assertUntouched(load, 20);
    });
  }

  test('a client that ends its side still gets everything', async () => {
    const bytes = patternBytes(2 * MIB);
    const { received, end } = await converse(raw, bytes, { halfClose: true, patienceMs: 10_000 });
    equal(received.equals(bytes), true);
    equal(end, 'end');
  });

  test('WebSocket messages come back whole', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${http}/socket`);
    socket.binaryType = 'arraybuffer';
    await once(socket, 'open');
    for (const size of [0, 5, 125, 126, 65_535, 65_536, 300_000]) {
      const sent = patternBytes(size);
      const answered = once(socket, 'message');
      socket.send(sent);
      const [event] = (await answered) as [MessageEvent];
      equal(Buffer.from(event.data as ArrayBuffer).equals(sent), true, `${size} bytes`);
    }
    const closed = once(socket, 'close');
    socket.close(1000);
    const [event] = (await closed) as [CloseEvent];
    deepEqual([event.code, event.wasClean], [1000, true]);
  });

  test('a CONNECT tunnel carries any bytes', async () => {
    const client = openClient(http);
    const answer = await client.ask('HEAD', 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n');
    equal(answer.toString(), 'HTTP/1.1 200 Connection Established\r\n\r\n');
    const bytes = patternBytes(MIB);
    client.socket.write(bytes);
    await eventually('all of it is back', () => client.rest.length >= bytes.length);
    equal(client.rest.equals(bytes), true);
    client.close();
  });

  test('64 MiB stream through both ways at once, and memory stays flat', async () => {
    const total = 64 * MIB;
    await streamEcho(http, 8 * MIB);
    const rssBefore = understudy.rssBytes();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, understudy.rssBytes());
    }, 20);
    const { sent, received } = await streamEcho(http, total);
    clearInterval(watch);
    equal(received, sent);
    ok(most - rssBefore < 64 * MIB, `grew by ${Math.round((most - rssBefore) / MIB)} MiB`);
  });

  test('a client that does not read stops the primary, not the memory, and then gets every byte', async () => {
    const client = halfOpen(raw);
    client.pause();
    await once(client, 'connect');
    const rssBefore = understudy.rssBytes();
    const flow = new Flow(client);
    // The echo comes back until every buffer on the way is full, in both directions.
    await flow.writeUntilStuck();
    ok(understudy.rssBytes() - rssBefore < 32 * MIB, 'no more than buffers of a fixed size');
    client.end();
    const received = createHash('sha256');
    for await (const chunk of client as AsyncIterable<Buffer>) received.update(chunk);
    equal(received.digest('hex'), flow.hash.digest('hex'));
  });

  test('connections that are opened and dropped leave nothing behind', async () => {
    await using load = await startLoad({ target: http, primary: primary.port });
    const drop = [
      () => converse(http, '', { halfClose: true }),
      () => converse(http, '', { reset: true }),
      () => converse(http, 'GET /bytes/300 HTTP/1.1\r\nHost', { reset: true }),
      () => converse(http, 'GET /bytes/65536 HTTP/1.1\r\nHost: a\r\n\r\n', { reset: true }),
      () => converse(http, 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12', { reset: true }),
    ];
    const dropped = 3000;
    let next = 0;
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (next < dropped) await drop[next++ % drop.length]?.();
      }),
    );
    await assertUntouched(load);
    const tap = await eventually('every connection is closed', async () => {
      const now = await understudy.tap('http');
      return now.connections.open === 0 && now;
    });
    ok(tap.connections.accepted >= dropped);
    await eventually('the primary is left alone', () => primary.open === 0);
    await eventually('the observer has forgotten them', async () => {
      const { observers } = await understudy.tap('http');
      return observers.every(({ connections }) => connections === 0);
    });
  });

  test('after all this everything is as it was', async () => {
    const summary = await understudy.summary();
    equal(summary.observerRestarts, 0);
    equal(summary.tapeDroppedBytes, 0);
    deepEqual(
      understudy.log().filter(({ level }) => level !== 'info'),
      [],
    );
    const { code } = await understudy.stop();
    equal(code, 0);
  });
});

test('a primary that ends its side still gets everything', async () => {
  let received = Buffer.alloc(0);
  await using primary = await startRaw((socket) => {
    socket.end('that was all');
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
    });
  });
  await using understudy = await startUnderstudy({ config: oneTap(primary.url) });
  const client = halfOpen(await understudy.port());
  const [first] = (await once(client, 'data')) as [Buffer];
  equal(first.toString(), 'that was all');
  await once(client, 'end');
  const bytes = patternBytes(MIB);
  client.end(bytes);
  await eventually('all of it has come', () => received.length >= bytes.length);
  equal(received.equals(bytes), true);
  await eventually('both sides are closed', async () => (await understudy.tap()).connections.open === 0);
});

test('resets go through, after the bytes before them', async () => {
  const seen: string[] = [];
  await using primary = await startRaw((socket) => {
    socket.on('error', ({ message }) => seen.push(message));
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('reset me')) socket.write(patternBytes(MIB), () => socket.resetAndDestroy());
    });
  });
  await using understudy = await startUnderstudy({ config: oneTap(primary.url) });
  const port = await understudy.port();
  const { received, end } = await converse(port, 'reset me');
  equal(end, 'reset');
  // What a reset leaves of bytes on their way is up to the kernels; what comes is what was sent.
  equal(received.equals(patternBytes(MIB).subarray(0, received.length)), true);
  await converse(port, 'I am leaving', { reset: true });
  await eventually('the primary sees the reset', () =>
    seen.some((message) => message.includes('ECONNRESET')),
  );
});

test('one connection too many is closed, and the others go on', async () => {
  await using primary = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, undefined, { listener: { connections: 5 } }),
  });
  const port = await understudy.port();
  const clients = Array.from({ length: 5 }, () => openClient(port));
  const get = 'GET /bytes/300 HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const client of clients) await client.ask('GET', get);
  deepEqual((await converse(port, get)).end, 'reset');
  for (const client of clients) await client.ask('GET', get);
  const { connections } = await understudy.tap();
  deepEqual(connections, { open: 5, accepted: 6, refused: 1 });
  clients[0]?.close();
  await eventually('there is room again', async () => (await understudy.tap()).connections.open === 4);
  const late = openClient(port);
  await late.ask('GET', get);
  for (const client of [...clients, late]) client.close();
});

test('a connection on which nothing moves is closed, one that is used is not', async () => {
  await using primary = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, undefined, { listener: { idleTimeout: '1s' } }),
  });
  const port = await understudy.port();
  const get = 'GET /bytes/300 HTTP/1.1\r\nHost: a\r\n\r\n';
  const [idle, busy] = [openClient(port), openClient(port)];
  await idle.ask('GET', get);
  let gone = false;
  void idle.ended().then(
    () => (gone = true),
    () => (gone = true),
  );
  await eventually('the idle one is closed', async () => {
    await busy.ask('GET', get);
    await sleep(100);
    return gone;
  });
  await busy.ask('GET', get);
  const { closed, connections } = await understudy.tap();
  equal(closed.idle, 1);
  equal(connections.open, 1);
  busy.close();
});

test('Unix sockets on every side, also after a crash that left them behind', async () => {
  using folder = temporaryFolder();
  const path = folder.file;
  await using primary = await startPrimary({ path: path('primary.sock') });
  await using mirror = await startPrimary({ path: path('mirror.sock') });
  const config = oneTap(primary.url, mirror.url, {
    listener: { listen: `unix:${path('live.sock')}` },
    policy: { writes: 'mirror' },
  });
  const crashed = await startUnderstudy({ config });
  // Killed, not ended.
  await crashed[Symbol.asyncDispose]();
  equal(existsSync(path('live.sock')), true);
  await using understudy = await startUnderstudy({ config });
  await using load = await startLoad({ target: path('live.sock'), primary: path('primary.sock') });
  await assertUntouched(load, 200);
  const { code, result } = await understudy.stop();
  equal(code, 0);
  equal(result.pairs.same, result.exchanges);
  const [tap] = result.taps;
  equal(tap?.kind === 'listener' && tap.address, `unix:${path('live.sock')}`);
  equal(existsSync(path('live.sock')), false);
});

/** The answer to a request that is sent a byte at a time. */
async function slowly(port: number, bytes: string): Promise<Buffer> {
  const client = openClient(port);
  for (const byte of bytes.slice(0, -1)) {
    client.socket.write(byte);
    await sleep(1);
  }
  const answer = await client.ask('POST', bytes.slice(-1));
  client.close();
  return answer;
}

function* blocks(bytes: number): Generator<Buffer> {
  const block = patternBytes(64 * 1024);
  for (let left = bytes; left > 0; left -= block.length)
    yield block.subarray(0, Math.min(left, block.length));
}

/** Sends a body and reads it back as it comes; gives the hashes of both. */
async function streamEcho(port: number, bytes: number): Promise<{ sent: string; received: string }> {
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const body = Readable.from(
    (function* hashed() {
      for (const block of blocks(bytes)) {
        sent.update(block);
        yield block;
      }
    })(),
    { objectMode: false },
  );
  const sending = request({
    host: '127.0.0.1',
    port,
    path: '/stream',
    method: 'POST',
    headers: { 'content-length': bytes },
    agent: false,
  });
  body.pipe(sending);
  const [response] = (await once(sending, 'response')) as [Readable];
  for await (const chunk of response) received.update(chunk as Buffer);
  return { sent: sent.digest('hex'), received: received.digest('hex') };
}
