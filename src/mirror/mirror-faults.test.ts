import { equal, ok } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { freePort } from '../../test/fixtures/peers.ts';
import {
  beginCopy,
  bodyOf,
  copyOf,
  openMirror,
  openRawServer,
  requestsIn,
  until,
  wordOf,
} from '../../test/fixtures/mirror-driver.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { CopyOutcome } from '../model/copy.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** What one copy comes to when the server does this once it has the whole request. */
async function against(answer: (socket: Socket) => void, request = GET): Promise<CopyOutcome> {
  await using server = await openRawServer({
    data(socket, received) {
      if (received.endsWith('\r\n\r\n')) answer(socket);
    },
  });
  await using mirror = openMirror(server.port, { limits: { bodyBytes: 1_000, timeoutMs: 60_000 } });
  const outcome = await copyOf(mirror, request);
  equal(mirror.stats.bufferedBytes, 0);
  equal(mirror.stats.inFlight, 0);
  return outcome;
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

/** Writes and then, when the bytes have left, does something. */
function after(bytes: string, then: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => void socket.write(bytes, 'latin1', () => setImmediate(() => then(socket)));
}

const FAILURES: readonly (readonly [what: string, failure: string, answer: (socket: Socket) => void])[] = [
  ['closes instead of answering', 'closed', (socket) => void socket.end()],
  ['resets instead of answering', 'reset', reset],
  ['closes within the head', 'closed', (socket) => void socket.end('HTTP/1.1 200 OK\r\nConte')],
  [
    'closes within a body',
    'closed',
    (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
  ],
  [
    'closes within a chunk',
    'closed',
    (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc'),
  ],
  [
    'closes before the last chunk',
    'closed',
    (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'),
  ],
  [
    'closes after an interim response',
    'closed',
    (socket) => void socket.end('HTTP/1.1 103 Early Hints\r\n\r\n'),
  ],
  ['resets within a body', 'reset', after('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', reset)],
  ['resets a body that only the close would end', 'reset', after('HTTP/1.1 200 OK\r\n\r\nabc', reset)],
  ['speaks something else', 'malformed', (socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n')],
  ['sends octets of no protocol', 'malformed', (socket) => void socket.write(Buffer.alloc(64, 0x80))],
  [
    'sends two lengths',
    'malformed',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'),
  ],
  [
    'sends a length and chunked',
    'malformed',
    (socket) =>
      void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'),
  ],
  [
    'sends a bad chunk',
    'malformed',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'),
  ],
  [
    'switches protocols unasked',
    'malformed',
    (socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'),
  ],
  [
    'sends a head without end',
    'malformed',
    (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(100_000)}`),
  ],
  [
    'announces a body over the limit',
    'answer_too_large',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n'),
  ],
];

for (const [what, failure, answer] of FAILURES) {
  test(`a mirror that ${what} is a failure: ${failure}`, async () => {
    equal(wordOf(await against(answer)), failure);
  });
}

const ENDLESS = ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'] as const;

for (const head of ENDLESS) {
  test(`an answer without end is cut off at the limit: ${JSON.stringify(head)}`, async () => {
    const outcome = await against((socket) => {
      socket.write(head);
      const more = (): void => {
        if (socket.destroyed) return;
        if (socket.write(`100\r\n${'x'.repeat(256)}\r\n`)) setImmediate(more);
        else socket.once('drain', more);
      };
      more();
    });
    equal(wordOf(outcome), 'answer_too_large');
  });
}

test('an answer of exactly the limit is kept', async () => {
  const body = 'x'.repeat(1_000);
  equal(bodyOf(await against((socket) => void socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`))), body);
});

test('answers over the memory limit of the mirror fail, and the memory is given back', async () => {
  await using server = await openRawServer({
    data: (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(4_000)}`),
  });
  await using mirror = openMirror(server.port, { limits: { bufferBytes: 10_000 } });
  const outcomes = await Promise.race(Array.from({ length: 3 }, () => copyOf(mirror, GET)));
  equal(wordOf(outcomes), 'answer_too_large');
  equal(mirror.stats.bufferedBytes, 8_000);
});

for (const [name, known, ends] of [
  ['ended early where memory runs short', true, 'answer_too_large'],
  ['read on while the live answer is not known', false, undefined],
] as const) {
  test(`an answer far longer than the live one is ${name}`, async () => {
    await using server = await openRawServer({});
    await using mirror = openMirror(server.port, { limits: { bufferBytes: 1_000_000 } });
    const driven = beginCopy(mirror, GET);
    await server.untilReceived(0, /\r\n\r\n$/);
    if (known && typeof driven.copy !== 'string') driven.copy.answered(1000);
    // More than 64 KiB and four times the live one; an eighth of the memory is not used yet.
    server.sockets[0]?.write(`HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(100_000)}`);
    await until(() => mirror.stats.bufferedBytes === 100_000);
    equal(driven.over(), undefined);
    server.sockets[0]?.write('x'.repeat(100_000));
    await until(() => driven.over() !== undefined || mirror.stats.bufferedBytes === 200_000);
    const outcome = driven.over();
    equal(outcome === undefined ? undefined : wordOf(outcome), ends);
    equal(mirror.stats.bufferedBytes, known ? 0 : 200_000);
  });
}

test('a refused connect is a failure of which nothing was sent', async () => {
  await using mirror = openMirror(await freePort());
  const outcome = await copyOf(mirror, GET);
  equal(wordOf(outcome), 'connect');
  equal(outcome.kind === 'failed' && outcome.sent, false);
  equal(mirror.stats.mirrored, 0);
  await until(() => mirror.stats.openConnections === 0);
});

test('a name that does not exist is a failure to connect', async () => {
  await using mirror = openMirror(80, { host: 'no-such-host.invalid' });
  equal(wordOf(await copyOf(mirror, GET)), 'connect');
});

test('a mirror that resets at once is a failure', async () => {
  await using server = await openRawServer({ accepted: reset });
  await using mirror = openMirror(server.port);
  ok(['reset', 'closed', 'connect'].includes(wordOf(await copyOf(mirror, GET))));
});

const HANGS: readonly (readonly [what: string, bytes: string])[] = [
  ['says nothing', ''],
  ['stops within the head', 'HTTP/1.1 200 O'],
  ['stops within the body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'],
  ['sends only interim responses', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(3)],
];

for (const [what, bytes] of HANGS) {
  test(`a mirror that ${what} runs into the timeout, and its connection is closed`, async () => {
    const clock = new ManualClock();
    await using server = await openRawServer({ data: (socket) => void socket.write(bytes) });
    await using mirror = openMirror(server.port, { limits: { timeoutMs: 2_000 }, options: { clock } });
    const { outcome, over } = beginCopy(mirror, GET);
    await until(() => mirror.stats.bytesIn === bytes.length && mirror.stats.mirrored === 1);
    clock.advance(1_900);
    equal(over(), undefined);
    clock.advance(200);
    equal(wordOf(await outcome), 'timeout');
    await until(() => mirror.stats.openConnections === 0);
  });
}

test('a mirror that trickles does not put the timeout off', async () => {
  const clock = new ManualClock();
  await using server = await openRawServer({});
  await using mirror = openMirror(server.port, { limits: { timeoutMs: 5_000 }, options: { clock } });
  const { outcome, over } = beginCopy(mirror, GET);
  await server.untilReceived(0, /\r\n\r\n$/);
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n';
  let seconds = 0;
  for (const octet of answer) {
    if (over() !== undefined) break;
    const before = mirror.stats.bytesIn;
    server.sockets[0]?.write(octet);
    await until(() => mirror.stats.bytesIn > before);
    clock.advance(1_000);
    seconds++;
  }
  equal(wordOf(await outcome), 'timeout');
  equal(seconds, 5);
});

test('a connect that is not answered is a connect timeout', async () => {
  const clock = new ManualClock();
  // Over TLS, a mirror is reached when the handshake is done.
  await using server = await openRawServer({});
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined, verify: false };
  await using mirror = openMirror(server.port, { tls, limits: { timeoutMs: 1_000 }, options: { clock } });
  const { outcome } = beginCopy(mirror, GET);
  // oxlint-disable-next-line no-control-regex
  await server.untilReceived(0, /^\x16/);
  clock.advance(1_000);
  const done = await outcome;
  equal(wordOf(done), 'connect_timeout');
  equal(done.kind === 'failed' && done.sent, false);
});

test('a server without TLS is a failure of TLS', async () => {
  await using server = await openRawServer({
    data: (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  });
  const tls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined, verify: false };
  await using mirror = openMirror(server.port, { tls });
  equal(wordOf(await copyOf(mirror, GET)), 'tls');
});

test('an answer before the whole request is the answer, and the connection is not used again', async () => {
  await using server = await openRawServer({
    data(socket, received) {
      if (/Length: 10\r\n/.test(received))
        socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n');
      else socket.write(OK);
    },
  });
  await using mirror = openMirror(server.port);
  const { copy, outcome } = beginCopy(mirror, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
  equal(wordOf(await outcome), '413');
  if (typeof copy === 'object') {
    copy.write(Buffer.from('defghij'));
    copy.end();
    copy.abort('client_closed');
  }
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(mirror.stats.connects, 2);
  equal(requestsIn(server.received(1)), 1);
});

test('interim responses are passed over', async () => {
  const outcome = await against((socket) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    socket.write('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok');
  });
  equal(wordOf(outcome), '201');
  equal(bodyOf(outcome), 'ok');
});

const WITHOUT_BODY: readonly (readonly [what: string, request: string, answer: string])[] = [
  ['HEAD', 'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'],
  ['204', GET, 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['304', GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n'],
];

for (const [what, request, answer] of WITHOUT_BODY) {
  test(`an answer to ${what} ends with its head, and the connection is used again`, async () => {
    await using server = await openRawServer({ data: (socket) => void socket.write(answer) });
    await using mirror = openMirror(server.port);
    for (let i = 0; i < 3; i++) equal(bodyOf(await copyOf(mirror, request)), '');
    equal(mirror.stats.connects, 1);
  });
}
