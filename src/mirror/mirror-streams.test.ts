import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  TEST_KEY,
  beginCopy,
  bodyOf,
  copyOf,
  openMirror,
  openRawServer,
  requestsIn,
  until,
  wordOf,
} from '../../test/fixtures/mirror-driver.ts';
import type { DrivenCopy } from '../../test/fixtures/mirror-driver.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy } from '../model/copy.ts';
import type { MessageRedaction } from '../model/message-redaction.ts';
import { isOwnCopy } from './marker.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const JSON_POST = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n';

function begun({ copy }: DrivenCopy): Copy {
  if (typeof copy === 'string') throw new Error(`refused: ${copy}`);
  return copy;
}

/** What one of the raw server's connections got as the body of its only request. */
function bodyIn(received: string): string {
  return received.slice(received.indexOf('\r\n\r\n') + 4);
}

test('a copy begins with its head and follows the live bytes', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port);
  const driven = beginCopy(mirror, 'POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n');
  await server.untilReceived(0, /\r\n\r\n$/);
  begun(driven).write(Buffer.from('abc'));
  await server.untilReceived(0, /\r\n\r\nabc$/);
  begun(driven).write(Buffer.from('def'));
  begun(driven).end();
  await server.untilReceived(0, /\r\n\r\nabcdef$/);
  server.sockets[0]?.write(OK);
  equal(wordOf(await driven.outcome), '200');
});

test('chunks and trailers of a body of unknown length are passed on', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { redact: { headers: ['secret'] } });
  const driven = beginCopy(mirror, 'POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
  await server.untilReceived(0, /\r\n\r\n$/);
  begun(driven).write(Buffer.from('hello, world'));
  await server.untilReceived(0, /\r\n\r\nc\r\nhello, world\r\n$/);
  begun(driven).end([
    ['Sum', '1'],
    ['Secret', '2'],
  ]);
  await server.untilReceived(0, /\r\n0\r\nSum: 1\r\nSecret: redacted\r\n\r\n$/);
});

test('the trailers of an answer come with it', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port);
  const driven = beginCopy(mirror, GET);
  begun(driven).end();
  await server.untilReceived(0, /\r\n\r\n$/);
  server.sockets[0]?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n');
  const outcome = await driven.outcome;
  deepEqual(outcome.kind === 'answered' && outcome.answer.trailers, [['X-Sum', '1']]);
});

const SMALL: readonly (readonly [what: string, request: string])[] = [
  ['with a length', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello'],
  [
    'in chunks',
    'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
  ],
  ['without', GET],
];

for (const [what, request] of SMALL) {
  test(`a small request, body ${what}, goes out in one piece`, async () => {
    const pieces: string[] = [];
    await using server = await openRawServer({
      data(socket, received) {
        pieces.push(received);
        socket.write(OK);
      },
    });
    await using mirror = openMirror(server.port);
    // The first makes the connection.
    equal(wordOf(await copyOf(mirror, GET)), '200');
    pieces.length = 0;
    equal(wordOf(await copyOf(mirror, request)), '200');
    equal(pieces.length, 1);
  });
}

test('the caller may use its memory again, which may be shared', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port);
  const sizes = [10, 3, 50_000, 500, 70_000];
  const driven = beginCopy(mirror, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 120513\r\n\r\n');
  const memory = Buffer.from(new SharedArrayBuffer(70_000));
  for (const [i, size] of sizes.entries()) {
    memory.fill(0x61 + i);
    begun(driven).write(memory.subarray(0, size));
  }
  memory.fill(0);
  begun(driven).end();
  await until(() => bodyIn(server.received(0)).length === 120_513);
  const expected = sizes.map((size, i) => String.fromCharCode(0x61 + i).repeat(size)).join('');
  ok(bodyIn(server.received(0)) === expected);
});

test('a body that came while the copy waited goes out after its head', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { concurrency: 1 } });
  beginCopy(mirror, GET);
  const waiting = beginCopy(mirror, 'PUT /w HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n');
  for (let i = 0; i < 4; i++) begun(waiting).write(Buffer.alloc(10_000, 0x61 + i));
  begun(waiting).end();
  equal(mirror.stats.queued, 1);
  await server.untilReceived(0, /\r\n\r\n$/);
  server.sockets[0]?.write(OK);
  const received = await server.untilReceived(0, /d{10000}$/);
  match(
    received.slice(received.indexOf('PUT')),
    /^PUT \/w HTTP\/1\.1\r\n[^]*\r\n\r\na{10000}b{10000}c{10000}d{10000}$/,
  );
});

test('a long body keeps its order past a full socket', async () => {
  await using server = await openRawServer({ accepted: (socket) => void socket.pause() });
  await using mirror = openMirror(server.port, { limits: { bodyBytes: 2 ** 26 } });
  const driven = beginCopy(mirror, 'PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
  // More than the buffers of both ends' kernels hold.
  const lines = Array.from({ length: 300_000 }, (_, i) => `${i}\n`.padStart(40));
  for (const [i, line] of lines.entries()) {
    begun(driven).write(Buffer.from(line));
    if (i % 1_000 === 0) await new Promise(setImmediate);
  }
  begun(driven).end();
  ok(mirror.stats.bufferedBytes > 0);
  server.sockets[0]?.resume();
  await until(() => mirror.stats.bufferedBytes === 0);
  const received = bodyIn(await server.untilReceived(0, /\r\n0\r\n\r\n$/));
  const content = received.replace(/([0-9a-f]+)\r\n([^\r]*)\r\n/g, (_, size: string, data: string) => {
    equal(Number.parseInt(size, 16), data.length);
    return data;
  });
  ok(content === lines.join(''));
  equal(mirror.stats.bufferedBytes, 0);
});

test('the answer is handed over whole, with times in order', async () => {
  const body = Array.from({ length: 30_000 }, (_, i) => String(i)).join(',');
  await using server = await openRawServer({
    data(socket) {
      socket.write('HTTP/1.1 200 OK\r\nX-Answer: 1\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let at = 0; at < body.length; at += 7) {
        const part = body.slice(at, at + 7);
        socket.write(`${part.length.toString(16)};x=y\r\n${part}\r\n`);
      }
      socket.write('0\r\nT: 1\r\n\r\n');
    },
  });
  await using mirror = openMirror(server.port);
  const before = Date.now() * 1000;
  const outcome = await copyOf(mirror, GET);
  equal(bodyOf(outcome), body);
  if (outcome.kind !== 'answered') throw new Error('no answer');
  const { answer } = outcome;
  equal(answer.bodyBytes, body.length);
  ok(answer.body.length < 1_000, `${answer.body.length} pieces`);
  equal(answer.head.header('x-answer'), '1');
  ok(answer.startMicros >= before - 1000 && answer.startMicros <= answer.firstByteMicros);
  ok(answer.firstByteMicros <= answer.endMicros);
});

test('one connection carries one copy after another', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port);
  for (let i = 0; i < 20; i++) equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(server.sockets.length, 1);
  equal(requestsIn(server.received(0)), 20);
  equal(mirror.stats.connects, 1);
});

const LAST: readonly (readonly [what: string, answer: string, close: boolean])[] = [
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', false],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', false],
  ['a body until close', 'HTTP/1.1 200 OK\r\n\r\nok', true],
  ['more than one answer', `${OK}${OK}`, false],
  ['something after the answer', `${OK}x`, false],
];

for (const [what, answer, close] of LAST) {
  test(`a connection with ${what} carries no other copy`, async () => {
    await using server = await openRawServer({
      data: (socket) => void (close ? socket.end(answer) : socket.write(answer)),
    });
    await using mirror = openMirror(server.port);
    for (let i = 0; i < 3; i++) equal(bodyOf(await copyOf(mirror, GET)), 'ok');
    equal(mirror.stats.connects, 3);
    equal(mirror.stats.responses['2xx'], 3);
  });
}

test('HTTP/1.0 with keep-alive is kept', async () => {
  await using server = await openRawServer({
    data: (socket) =>
      void socket.write('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok'),
  });
  await using mirror = openMirror(server.port);
  for (let i = 0; i < 3; i++) equal(bodyOf(await copyOf(mirror, GET)), 'ok');
  equal(mirror.stats.connects, 1);
});

test('an idle connection that the mirror closes is not used again', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port);
  await copyOf(mirror, GET);
  server.sockets[0]?.end();
  await until(() => mirror.stats.openConnections === 0);
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(server.sockets.length, 2);
});

test('an idle connection that the mirror resets is not used again', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port);
  await copyOf(mirror, GET);
  server.sockets[0]?.resetAndDestroy();
  await until(() => mirror.stats.openConnections === 0);
  equal(wordOf(await copyOf(mirror, GET)), '200');
});

test('an answer that nobody asked for is never taken for the next one', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port);
  await copyOf(mirror, GET);
  server.sockets[0]?.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n');
  await until(() => mirror.stats.openConnections === 0);
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(mirror.stats.responses['4xx'], 0);
});

const KEEP_ALIVE: readonly (readonly [field: string, idleMs: number])[] = [
  ['', 4_000],
  ['Keep-Alive: timeout=60, max=100\r\n', 4_000],
  ['Keep-Alive: timeout=3\r\n', 2_000],
  ['Keep-Alive: timeout=1\r\n', 0],
];

for (const [field, idleMs] of KEEP_ALIVE) {
  test(`an idle connection is closed after ${idleMs} ms with "${field.trim()}"`, async () => {
    const clock = new ManualClock();
    await using server = await openRawServer({
      data: (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${field}Content-Length: 2\r\n\r\nok`),
    });
    await using mirror = openMirror(server.port, { options: { clock } });
    await copyOf(mirror, GET);
    if (idleMs > 0) clock.advance(idleMs - 100);
    equal(mirror.stats.openConnections, 1);
    clock.advance(100);
    await until(() => mirror.stats.openConnections === 0);
    // Nothing is left to look at, so nothing ticks.
    clock.advance(100);
    equal(clock.pending, 0);
  });
}

test('the connection that was used last is used first, so that those not needed grow old', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port, { options: { clock } });
  await Promise.all(Array.from({ length: 3 }, () => copyOf(mirror, GET)));
  equal(mirror.stats.openConnections, 3);
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000);
    await copyOf(mirror, GET);
  }
  await until(() => mirror.stats.openConnections === 1);
});

test('every copy is marked, so that it is known when it comes back', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port);
  await copyOf(mirror, 'GET / HTTP/1.1\r\nHost: h\r\nx-understudy-id: forged\r\n\r\n');
  const fields = server
    .received(0)
    .split('\r\n')
    .map((line) => line.split(': '));
  const header = (name: string): string | undefined => fields.find(([field]) => field === name)?.[1];
  equal(header('x-understudy-mirror'), 'p/m');
  const head = {
    method: 'GET',
    target: '/',
    path: '/',
    query: '',
    authority: 'h',
    header,
    headers: () => [],
  };
  equal(isOwnCopy(head, TEST_KEY, Date.now()), true);
  equal(isOwnCopy(head, Buffer.from('another'), Date.now()), false);
});

interface Redacted {
  readonly what: string;
  readonly request: string;
  readonly body: string;
}

const REDACTED: readonly Redacted[] = [
  {
    what: 'JSON with a length',
    request:
      `${JSON_POST}Content-Length: 31\r\n\r\n{"email":"a@b.c","n":1e400,"x":`.replace('31', '33') + '0}',
    body: '{"email":"redacted","n":1e400,"x":0}',
  },
  {
    what: 'JSON in chunks',
    request: `${JSON_POST}Transfer-Encoding: chunked\r\n\r\n6\r\n{"emai\r\n8\r\nl":"a"}\n\r\n0\r\nT: 1\r\n\r\n`,
    body: '{"email":"redacted"}\n',
  },
  {
    what: 'JSON that is called a form, as curl does',
    request:
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n\r\n{"email":"a"}',
    body: '{"email":"redacted"}',
  },
  {
    what: 'newline-delimited JSON',
    request:
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\nContent-Length: 27\r\n\r\n{"email":"a"}\n{"email":"b"}',
    body: '{"email":"redacted"}\n{"email":"redacted"}',
  },
  {
    what: 'a form that is one',
    request:
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nemail=a',
    body: 'email=a',
  },
];

for (const { what, request, body } of REDACTED) {
  test(`${what} leaves without its named fields, and with its new length`, async () => {
    await using server = await openRawServer({
      data: (socket, received) => void (received.endsWith(body) && socket.write(OK)),
    });
    await using mirror = openMirror(server.port, { redact: { jsonFields: ['email'] } });
    equal(wordOf(await copyOf(mirror, request)), '200');
    const received = server.received(0);
    equal(bodyIn(received), body);
    match(received, new RegExp(`\\r\\nContent-Length: ${body.length}\\r\\n`));
    ok(!received.includes('Transfer-Encoding'));
    equal(mirror.stats.bufferedBytes, 0);
  });
}

const UNREADABLE: readonly (readonly [what: string, request: string])[] = [
  ['JSON that is none', `${JSON_POST}Content-Length: 5\r\n\r\n{"a":`],
  ['compressed JSON', `${JSON_POST}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345`],
  [
    'something like JSON without a type',
    'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n \n{"email"',
  ],
];

for (const [what, request] of UNREADABLE) {
  test(`${what} does not leave`, async () => {
    await using server = await openRawServer({});
    await using mirror = openMirror(server.port, { redact: { jsonFields: ['email'] } });
    equal(wordOf(await copyOf(mirror, request)), 'redaction_failed');
    equal(mirror.stats.bytesOut, 0);
    equal(mirror.stats.queued, 0);
  });
}

test('nothing of a body that has to be redacted leaves before it is whole', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, {
    redact: { jsonFields: ['email'] },
    limits: { timeoutMs: 1_000 },
    options: { clock },
  });
  const driven = beginCopy(mirror, `${JSON_POST}Content-Length: 40\r\n\r\n{"email":`);
  equal(mirror.stats.queued, 1);
  equal(mirror.stats.openConnections, 0);
  clock.advance(1_000);
  equal(wordOf(await driven.outcome), 'client_slow');
});

const CALL = 'POST /shop.Orders/Get HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web\r\n';
const MESSAGES: MessageRedaction = {
  of: () => (message) => Buffer.from(message.toString().replace('secret', '***')),
};

test('messages of a call are redacted as they come, and their copy has another length', async () => {
  await using server = await openRawServer({
    data: (socket, received) => void (received.endsWith('0\r\n\r\n') && socket.write(OK)),
  });
  const redact = { jsonFields: ['email'] };
  await using mirror = openMirror(server.port, { redact, options: { messages: MESSAGES } });
  const driven = beginCopy(mirror, `${CALL}Content-Length: 20\r\n\r\n`);
  begun(driven).write(Buffer.from('\0\0\0\0\u0006sec'));
  equal(mirror.stats.bufferedBytes, 0);
  begun(driven).write(Buffer.from('ret\0\0\0\0\u0004more'));
  begun(driven).end();
  equal(wordOf(await driven.outcome), '200');
  const received = server.received(0);
  match(received, /\r\nTransfer-Encoding: chunked\r\n/);
  ok(!received.includes('Content-Length') && !received.includes('secret'));
  ok(received.includes('\0\0\0\0\u0003***') && received.includes('\0\0\0\0\u0004more'));
  equal(mirror.stats.bufferedBytes, 0);
});

const CUT_CALLS: readonly (readonly [what: string, length: number, body: string, reason: string])[] = [
  ['a call that is shorter than it said', 20, '\0\0\0\0\u0004more', 'client_closed'],
  ['a call that is longer than it said', 5, '\0\0\0\0\u0004more', 'ambiguous'],
  ['a call that ends within a message', 7, '\0\0\0\0\u0004mo', 'redaction_failed'],
  ['a call whose messages are none', 7, '\u0008\0\0\0\0mo', 'redaction_failed'],
];
for (const [what, length, body, reason] of CUT_CALLS) {
  test(`${what} is not taken as whole`, async () => {
    await using server = await openRawServer({});
    const redact = { jsonFields: ['email'] };
    await using mirror = openMirror(server.port, { redact, options: { messages: MESSAGES } });
    const driven = beginCopy(mirror, `${CALL}Content-Length: ${length}\r\n\r\n`);
    begun(driven).write(Buffer.from(body));
    begun(driven).end();
    equal(wordOf(await driven.outcome), reason);
    equal(mirror.stats.bufferedBytes, 0);
  });
}

test('a message in a query does not leave', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { redact: { jsonFields: ['email'] } });
  const target = '/shop.Orders/Get?connect=v1&encoding=proto&message=abc';
  equal(wordOf(await copyOf(mirror, `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)), 'redaction_failed');
});

test('bodies of other types are not kept back', async () => {
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { redact: { jsonFields: ['email'] } });
  beginCopy(
    mirror,
    'PUT / HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nContent-Length: 40\r\n\r\n{"email":',
  );
  await server.untilReceived(0, /\{"email":$/);
});

test('copies that collect their bodies keep their place in the order of their client connection', async () => {
  await using server = await openRawServer({ data: (socket) => void socket.write(OK) });
  await using mirror = openMirror(server.port, {
    redact: { jsonFields: ['email'] },
    options: { order: 'connection' },
  });
  const collecting = beginCopy(mirror, `${JSON_POST}Content-Length: 2\r\n\r\n{`);
  const next = beginCopy(mirror, 'GET /next HTTP/1.1\r\nHost: h\r\n\r\n');
  equal(mirror.stats.queued, 2);
  begun(collecting).write(Buffer.from('}'));
  begun(collecting).end();
  deepEqual([wordOf(await collecting.outcome), wordOf(await next.outcome)], ['200', '200']);
  match(server.received(0), /^POST [^]*GET \/next /);
});
