import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

interface Source extends AsyncDisposable {
  readonly url: string;
  /** Answers that are still being sent. */
  readonly open: () => number;
}

type RecordMaker = (number: number) => string;

const EVENT: RecordMaker = (number) =>
  `id: ${number}\nevent: tick\ndata: {"number":${number},"price":${number * 2}}\n\n: still here\n\n`;

/** A service whose answers have no end: a record each few milliseconds. */
async function startSource(type: string, record: RecordMaker): Promise<Source> {
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    open.add(response);
    response.writeHead(200, { 'content-type': type });
    let number = 0;
    const timer = setInterval(() => response.write(record(++number)), 3);
    response.on('close', () => {
      clearInterval(timer);
      open.delete(response);
    });
    if (request.url === '/short') {
      clearInterval(timer);
      response.end(record(1));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open.size,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Reads so many bytes of an answer, and leaves. */
async function read(
  port: number,
  path: string,
  bytes: number,
  leave: AbortController = new AbortController(),
): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: leave.signal });
  let seen = 0;
  for await (const chunk of answer.body ?? []) {
    seen += chunk.length;
    if (seen >= bytes) break;
  }
  leave.abort();
}

function compared(understudy: Understudy, pairs: number) {
  return eventually(`${pairs} pairs are compared`, async () => {
    const [verdict] = (await verdictOf(understudy)).mirrors;
    const [status] = (await understudy.policy()).mirrors;
    if (verdict === undefined || status === undefined || verdict.pairs.compared < pairs) return undefined;
    const findings = verdict.findings.map(({ path, kind }) => `${path} ${kind}`).toSorted();
    return { findings, status };
  });
}

function configOf(primary: Source, mirror: Source, limits: object = {}): object {
  const policy = { limits: { timeout: '500ms', ...limits }, compare: { gate: quickGate() } };
  return oneTap(primary.url, mirror.url, { policy });
}

const KINDS: readonly (readonly [string, RecordMaker])[] = [
  ['text/event-stream', EVENT],
  ['application/x-ndjson', (number) => `{"number":${number},"text":"größer"}\n`],
];

for (const [type, record] of KINDS) {
  test(`${type} without end: who leaves ends the copy too, which is no failure and no difference`, async () => {
    await using primary = await startSource(type, record);
    await using mirror = await startSource(type, record);
    await using understudy = await startUnderstudy({ config: configOf(primary, mirror) });
    const port = await understudy.port();
    // Long past the timeout of ordinary answers.
    await Promise.all(Array.from({ length: 4 }, () => read(port, '/ticks', 20_000)));
    const { findings, status } = await compared(understudy, 4);
    deepEqual(findings, []);
    deepEqual([status.pairs.same, status.failures.timeout, status.breaker], [4, 0, 'closed']);
    await eventually('the mirror is left as well', () => mirror.open() === 0);
  });
}

/** The same over HTTP/2. */
async function startHttp2Source(record: RecordMaker): Promise<Source> {
  const open = new Set<ServerHttp2Stream>();
  const sessions = new Set<ServerHttp2Session>();
  const server = http2.createServer().listen(0, '127.0.0.1');
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream) => {
    open.add(stream);
    stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
    let number = 0;
    const timer = setInterval(() => stream.write(record(++number)), 3);
    stream.on('error', () => {});
    stream.on('close', () => {
      clearInterval(timer);
      open.delete(stream);
    });
  });
  await once(server, 'listening');
  return {
    url: `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open.size,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}

test('over HTTP/2 a stream that is taken back ends its copy, and what came is compared', async () => {
  await using primary = await startHttp2Source(EVENT);
  await using mirror = await startHttp2Source(EVENT);
  await using understudy = await startUnderstudy({ config: configOf(primary, mirror) });
  const session = http2.connect(`http://127.0.0.1:${await understudy.port()}`);
  const stream = session.request({ ':path': '/ticks' });
  let seen = 0;
  for await (const chunk of stream) if ((seen += (chunk as Buffer).length) > 30_000) break;
  stream.close(http2.constants.NGHTTP2_CANCEL);
  const { findings, status } = await compared(understudy, 1);
  deepEqual([findings, status.pairs.same, status.truncated, status.failures.timeout], [[], 1, 1, 0]);
  await eventually('the mirror is left as well', () => mirror.open() === 0);
  session.destroy();
});

test('a planted change in one event is exactly that finding', async () => {
  await using primary = await startSource('text/event-stream', EVENT);
  await using mirror = await startSource('text/event-stream', (number) =>
    number === 5 ? EVENT(number).replace('"price":10', '"price":11') : EVENT(number),
  );
  await using understudy = await startUnderstudy({ config: configOf(primary, mirror) });
  await read(await understudy.port(), '/ticks', 5000);
  deepEqual((await compared(understudy, 1)).findings, ['body[].data.price value']);
});

test('while nobody leaves, what came within the limits is compared', async () => {
  await using primary = await startSource('text/event-stream', EVENT);
  await using mirror = await startSource('text/event-stream', EVENT);
  for (const limits of [{ streamTimeout: '700ms' }, { bodyBytes: 2000 }]) {
    await using understudy = await startUnderstudy({ config: configOf(primary, mirror, limits) });
    const port = await understudy.port();
    const leave = new AbortController();
    const reading = read(port, '/ticks', Infinity, leave).catch(() => {});
    const { findings, status } = await compared(understudy, 1);
    deepEqual([findings, status.pairs.same, status.inFlight], [[], 1, 0]);
    ok(primary.open() > 0, 'the live answer goes on');
    leave.abort();
    await reading;
  }
});

test('a mirror whose answer ends by itself is a difference', async () => {
  await using primary = await startSource('text/event-stream', EVENT);
  await using mirror = await startSource('text/event-stream', EVENT);
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, {
      policy: {
        rewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/short' } },
        compare: { gate: quickGate() },
      },
    }),
  });
  await read(await understudy.port(), '/ticks', 40_000);
  const { findings } = await compared(understudy, 1);
  ok(findings.includes('body length'), JSON.stringify(await verdictOf(understudy)));
  equal((await understudy.stop()).code, 0);
});
