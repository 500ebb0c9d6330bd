import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { EMPTY_SETTINGS, openFrameServer } from '../../test/fixtures/frame-server.ts';
import type { FrameServer } from '../../test/fixtures/frame-server.ts';
import { beginCopy, bodyOf, copyOf, openMirror, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import type { DrivenCopy, MirrorWish } from '../../test/fixtures/mirror-driver.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy, CopyOutcome } from '../model/copy.ts';
import { encodeBlock, encodeHeaders, encodeNumber, encodeSettings, frame } from '../wire/http2/encode.ts';
import { ERROR_CODE, FLAG, FRAME, SETTING } from '../wire/http2/frame.ts';
import type { Mirror } from './mirror.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
const STATUS_200 = [[':status', '200']] as const;

type Answer = (socket: Socket, stream: number) => void;

function begun({ copy }: DrivenCopy): Copy {
  if (typeof copy === 'string') throw new Error(`refused: ${copy}`);
  return copy;
}

/** A server that does this with each request whose head has come. */
function answering(answer: Answer, settings?: Buffer): Promise<FrameServer> {
  return openFrameServer({
    ...(settings === undefined ? {} : { accepted: (socket) => void socket.write(settings) }),
    frame(socket, { type, stream }) {
      if (type === FRAME.headers) answer(socket, stream);
    },
  });
}

function open(server: FrameServer, wish: MirrorWish = {}): Mirror {
  return openMirror(server.port, { protocol: 'h2c', ...wish });
}

const ok200: Answer = (socket, stream) => {
  socket.write(Buffer.concat([encodeHeaders(stream, STATUS_200, false), data(stream, 'ok', true)]));
};

function data(stream: number, content: string, end = false): Buffer {
  return frame(FRAME.data, end ? FLAG.endStream : 0, stream, Buffer.from(content, 'latin1'));
}

function goAway(last: number, code: number = ERROR_CODE.noError): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(last, 0);
  payload.writeUInt32BE(code, 4);
  return frame(FRAME.goAway, 0, 0, payload);
}

async function against(answer: Answer, request = GET): Promise<CopyOutcome> {
  await using server = await answering(answer);
  await using mirror = open(server, { limits: { bodyBytes: 1_000, timeoutMs: 60_000 } });
  const outcome = await copyOf(mirror, request);
  equal(mirror.stats.bufferedBytes, 0);
  equal(mirror.stats.inFlight, 0);
  return outcome;
}

function writes(...frames: ((stream: number) => Uint8Array)[]): Answer {
  return (socket, stream) => void socket.write(Buffer.concat(frames.map((make) => make(stream))));
}

const head = (stream: number): Buffer => encodeHeaders(stream, STATUS_200, false);

const FAILURES: readonly (readonly [what: string, failure: string, answer: Answer])[] = [
  ['closes instead of answering', 'closed', (socket) => void socket.end()],
  ['resets the connection', 'reset', (socket) => void socket.resetAndDestroy()],
  [
    'closes within an answer',
    'closed',
    (socket, stream) => void socket.end(Buffer.concat([head(stream), data(stream, 'abc')])),
  ],
  [
    'resets the stream',
    'reset',
    writes((stream) => encodeNumber(FRAME.resetStream, stream, ERROR_CODE.internalError)),
  ],
  [
    'refuses the stream',
    'reset',
    writes((stream) => encodeNumber(FRAME.resetStream, stream, ERROR_CODE.refusedStream)),
  ],
  [
    'resets the stream within the answer',
    'reset',
    writes(
      head,
      (stream) => data(stream, 'abc'),
      (stream) => encodeNumber(FRAME.resetStream, stream, ERROR_CODE.noError),
    ),
  ],
  ['goes away without having looked', 'closed', writes(() => goAway(0))],
  ['goes away for an error', 'closed', writes(() => goAway(0, ERROR_CODE.enhanceYourCalm))],
  ['sends octets of no protocol', 'malformed', (socket) => void socket.write(Buffer.alloc(64, 0x80))],
  [
    'answers in HTTP/1.1',
    'malformed',
    (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  ],
  ['sends content before the head', 'malformed', writes((stream) => data(stream, 'abc'))],
  ['ends before the head', 'malformed', writes((stream) => data(stream, '', true))],
  [
    'ends with an interim head',
    'malformed',
    writes((stream) => encodeHeaders(stream, [[':status', '103']], true)),
  ],
  ['switches protocols', 'malformed', writes((stream) => encodeHeaders(stream, [[':status', '101']], false))],
  ['sends no status', 'malformed', writes((stream) => encodeHeaders(stream, [['a', 'b']], true))],
  ['sends a second head', 'malformed', writes(head, head)],
  [
    'sends a field of a connection',
    'malformed',
    writes((stream) => encodeHeaders(stream, [...STATUS_200, ['connection', 'close']], true)),
  ],
  [
    'sends less than its length',
    'malformed',
    writes(
      (stream) => encodeHeaders(stream, [...STATUS_200, ['content-length', '5']], false),
      (stream) => data(stream, 'abc', true),
    ),
  ],
  [
    'sends a length that is none',
    'malformed',
    writes((stream) => encodeHeaders(stream, [...STATUS_200, ['content-length', '-1']], true)),
  ],
  [
    'answers a request that nobody made',
    'malformed',
    writes((stream) => encodeHeaders(stream + 2, STATUS_200, true)),
  ],
  ['begins a stream itself', 'malformed', writes(() => encodeHeaders(2, STATUS_200, true))],
  [
    'pushes',
    'malformed',
    writes((stream) => frame(FRAME.pushPromise, FLAG.endHeaders, stream, Buffer.from([0, 0, 0, 2, 0x82]))),
  ],
  ['gives leave for nothing', 'malformed', writes((stream) => encodeNumber(FRAME.windowUpdate, stream, 0))],
  ['gives leave for too much', 'malformed', writes(() => encodeNumber(FRAME.windowUpdate, 0, 2 ** 31 - 1))],
  [
    'gives leave for too much on a stream',
    'malformed',
    writes((stream) => encodeNumber(FRAME.windowUpdate, stream, 2 ** 31 - 1)),
  ],
  [
    'asks for windows past all bounds',
    'malformed',
    writes(() => encodeSettings([[SETTING.initialWindowSize, 2 ** 31]])),
  ],
  [
    'asks for frames that are too small',
    'malformed',
    writes(() => encodeSettings([[SETTING.maxFrameSize, 1]])),
  ],
  [
    'sends compression that is none',
    'malformed',
    writes((stream) => frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.from([0xff, 0xff, 0xff]))),
  ],
  [
    'sends a head without end',
    'malformed',
    writes(
      (stream) => frame(FRAME.headers, 0, stream, encodeBlock(STATUS_200)),
      (stream) =>
        Buffer.concat(
          Array.from({ length: 10_000 }, () => frame(FRAME.continuation, 0, stream, Buffer.alloc(0))),
        ),
    ),
  ],
  [
    'sends a head of a megabyte',
    'malformed',
    writes((stream) =>
      encodeHeaders(
        stream,
        [...STATUS_200, ...Array.from({ length: 1_000 }, () => ['a', 'x'.repeat(1_000)] as const)],
        true,
      ),
    ),
  ],
  [
    'sends a head that unpacks to megabytes',
    'malformed',
    // A field of 4,000 octets into the table, and then five thousand times that.
    writes((stream) => {
      const field = Buffer.concat([
        Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
        Buffer.alloc(4_000, 0x62),
      ]);
      return frame(
        FRAME.headers,
        FLAG.endHeaders | FLAG.endStream,
        stream,
        Buffer.concat([Buffer.from([0x88]), field, Buffer.alloc(5_000, 0xbe)]),
      );
    }),
  ],
  [
    'sends settings without end',
    'malformed',
    writes(() => Buffer.concat(Array.from({ length: 20_000 }, () => encodeSettings([])))),
  ],
  [
    'sends pings without end',
    'malformed',
    writes(() =>
      Buffer.concat(Array.from({ length: 20_000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))),
    ),
  ],
  [
    'announces a body over the limit',
    'answer_too_large',
    writes((stream) => encodeHeaders(stream, [...STATUS_200, ['content-length', '1001']], false)),
  ],
];

for (const [what, failure, answer] of FAILURES) {
  test(`a mirror that ${what} is a failure: ${failure}`, async () => {
    equal(wordOf(await against(answer)), failure);
  });
}

const NEVER_OPEN: readonly (readonly [what: string, failure: string, accepted: (socket: Socket) => void])[] =
  [
    ['closes at once', 'closed', (socket) => void socket.end()],
    ['speaks HTTP/1.1', 'malformed', (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    [
      'goes away at once',
      'closed',
      (socket) =>
        void socket.write(Buffer.concat([encodeSettings([[SETTING.maxConcurrentStreams, 0]]), goAway(0)])),
    ],
  ];

for (const [what, failure, accepted] of NEVER_OPEN) {
  test(`nothing is sent to a server that ${what}`, async () => {
    await using server = await openFrameServer({ accepted });
    await using mirror = open(server);
    const outcome = await copyOf(mirror, GET);
    equal(wordOf(outcome), failure);
    equal(outcome.kind === 'failed' && outcome.sent, false);
    equal(server.frames(0).filter(({ type }) => type === FRAME.headers).length, 0);
    // One that goes away is given a second chance, and no third.
    deepEqual([mirror.stats.mirrored, mirror.stats.connects], [0, what === 'goes away at once' ? 2 : 1]);
  });
}

test('a server that says nothing is a connect timeout, and the next copy gets another connection', async () => {
  const clock = new ManualClock();
  await using server = await openFrameServer({ accepted: () => {} });
  await using mirror = open(server, { limits: { timeoutMs: 1_000 }, options: { clock } });
  const { outcome } = beginCopy(mirror, GET);
  await until(() => server.frames(0).length === 2);
  clock.advance(1_000);
  equal(wordOf(await outcome), 'connect_timeout');
  beginCopy(mirror, GET);
  await until(() => server.frames(1).length === 2);
  await until(() => mirror.stats.openConnections === 1);
});

test('a session that has been silent for a whole timeout carries no other copy', async () => {
  const clock = new ManualClock();
  await using server = await openFrameServer({});
  await using mirror = open(server, { limits: { timeoutMs: 1_000 }, options: { clock } });
  const { outcome } = beginCopy(mirror, GET);
  await until(() => server.frames(0).some(({ type }) => type === FRAME.headers));
  clock.advance(1_000);
  equal(wordOf(await outcome), 'timeout');
  beginCopy(mirror, GET);
  await until(() => server.frames(1).some(({ type }) => type === FRAME.headers));
});

test('a copy that is given up is cancelled, and the others go on', async () => {
  await using server = await openFrameServer({});
  await using mirror = open(server);
  const first = beginCopy(mirror, `${CHUNKED}3\r\nabc\r\n`);
  const second = beginCopy(mirror, GET);
  await until(() => server.frames(0).filter(({ type }) => type === FRAME.headers).length === 2);
  begun(first).abort('client_closed');
  equal(wordOf(await first.outcome), 'client_closed');
  await until(() => server.frames(0).some(({ type }) => type === FRAME.resetStream));
  const reset = server.frames(0).find(({ type }) => type === FRAME.resetStream);
  deepEqual([reset?.stream, reset?.payload], [1, '\0\0\0\x08']);
  const [socket] = server.sockets;
  if (socket === undefined) throw new Error('no connection');
  // What was on its way is passed over.
  socket.write(Buffer.concat([head(1), data(1, 'late', true)]));
  ok200(socket, 3);
  equal(bodyOf(await second.outcome), 'ok');
  equal(mirror.stats.connects, 1);
});

test('a mirror that goes on with what was cancelled loses its session in the end', async () => {
  await using server = await openFrameServer({});
  await using mirror = open(server);
  const first = beginCopy(mirror, GET);
  await until(() => server.frames(0).some(({ type }) => type === FRAME.headers));
  begun(first).abort('client_closed');
  const [socket] = server.sockets;
  const chunk = data(1, 'x'.repeat(16_384));
  const more = (): void => {
    if (socket?.destroyed !== false) return;
    if (socket.write(chunk)) setImmediate(more);
    else socket.once('drain', more);
  };
  socket?.write(head(1));
  more();
  await until(() => mirror.stats.openConnections === 0);
  ok(mirror.stats.bytesIn < 8 * 1024 * 1024);
});

test('an answer without end is cut off at the limit, and its session goes on', async () => {
  await using server = await answering((socket, stream) => {
    if (stream > 1) return ok200(socket, stream);
    socket.write(head(stream));
    for (let i = 0; i < 10; i++) socket.write(data(stream, 'x'.repeat(200)));
  });
  await using mirror = open(server, { limits: { bodyBytes: 1_000 } });
  equal(wordOf(await copyOf(mirror, GET)), 'answer_too_large');
  equal(bodyOf(await copyOf(mirror, GET)), 'ok');
  equal(mirror.stats.connects, 1);
  equal(mirror.stats.bufferedBytes, 0);
});

test('what waited when its session went away is sent on the next one, whole', async () => {
  const one = encodeSettings([[SETTING.maxConcurrentStreams, 1]]);
  await using server = await openFrameServer({
    accepted: (socket) => void socket.write(one),
    frame(socket, { type, stream }, index) {
      if (type === FRAME.headers && index > 0) socket.write(encodeHeaders(stream, STATUS_200, true));
    },
  });
  await using mirror = open(server);
  // Both before the server has said that it takes one at a time.
  beginCopy(mirror, GET);
  const moved = beginCopy(mirror, 'POST /moved HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
  await until(() => server.frames(0).some(({ type }) => type === FRAME.headers));
  equal(mirror.stats.connects, 1);
  server.sockets[0]?.write(goAway(1));
  equal(wordOf(await moved.outcome), '200');
  const [first, second] = [server.frames(0), server.frames(1)];
  equal(first.filter(({ type }) => type === FRAME.headers).length, 1);
  deepEqual(
    second.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload),
    ['hello'],
  );
  deepEqual([mirror.stats.mirrored, mirror.stats.connects, mirror.stats.failures.closed], [2, 2, 0]);
});

test('streams under way are answered after GOAWAY, those it does not know fail, and the next go elsewhere', async () => {
  await using server = await openFrameServer({});
  await using mirror = open(server, {
    limits: { breaker: { failures: 1, openMs: 1_000, openMaxMs: 1_000 } },
  });
  const zeroth = beginCopy(mirror, GET);
  await until(() => server.frames(0).some(({ type }) => type === FRAME.headers));
  const [socket] = server.sockets;
  if (socket === undefined) throw new Error('no connection');
  ok200(socket, 1);
  equal(wordOf(await zeroth.outcome), '200');
  const known = beginCopy(mirror, GET);
  const unknown = beginCopy(mirror, GET);
  await until(() => server.frames(0).filter(({ type }) => type === FRAME.headers).length === 3);
  socket.write(goAway(3));
  const outcome = await unknown.outcome;
  equal(wordOf(outcome), 'closed');
  // A server may stop at any time: this is no sign of illness.
  equal(mirror.stats.breaker, 'closed');
  const later = beginCopy(mirror, GET);
  await until(() => server.frames(1).some(({ type }) => type === FRAME.headers));
  ok200(socket, 3);
  equal(wordOf(await known.outcome), '200');
  await until(() => mirror.stats.openConnections === 1);
  equal(later.over(), undefined);
});

test('no more streams than the mirror takes, and more sessions for the rest', async () => {
  const settings = encodeSettings([[SETTING.maxConcurrentStreams, 2]]);
  await using server = await answering(() => {}, settings);
  await using mirror = open(server);
  const count = (index: number): number =>
    server.frames(index).filter(({ type }) => type === FRAME.headers).length;
  for (let index = 0; index < 5; index++) {
    beginCopy(mirror, GET);
    await until(() => server.sockets.length === Math.floor(index / 2) + 1);
    const last = server.sockets.length - 1;
    await until(() => count(last) === (index % 2) + 1);
  }
  deepEqual([count(0), count(1), count(2)], [2, 2, 1]);
});

test('a copy that waits for a place gets it when another is over', async () => {
  await using server = await openFrameServer({
    accepted: (socket) => void socket.write(encodeSettings([[SETTING.maxConcurrentStreams, 1]])),
  });
  await using mirror = open(server);
  const copies = [1, 2, 3].map(() => beginCopy(mirror, GET));
  for (const [i, { outcome }] of copies.entries()) {
    await until(() => server.frames(0).filter(({ type }) => type === FRAME.headers).length === i + 1);
    const [socket] = server.sockets;
    if (socket !== undefined) ok200(socket, 2 * i + 1);
    equal(wordOf(await outcome), '200');
  }
  equal(mirror.stats.connects, 1);
});

test('no more is sent than the windows of the stream and the session allow', async () => {
  await using server = await openFrameServer({
    accepted: (socket) => void socket.write(encodeSettings([[SETTING.initialWindowSize, 10]])),
  });
  await using mirror = open(server);
  const driven = beginCopy(mirror, `${CHUNKED}19\r\n${'x'.repeat(25)}\r\n0\r\n\r\n`);
  const sent = (): readonly number[] =>
    server.frames(0).flatMap(({ type, payload }) => (type === FRAME.data ? [payload.length] : []));
  await until(() => sent().length === 1);
  deepEqual(sent(), [10]);
  ok(mirror.stats.bufferedBytes >= 15);
  const [socket] = server.sockets;
  socket?.write(encodeNumber(FRAME.windowUpdate, 1, 1));
  await until(() => sent().length === 2);
  // Windows that are made smaller can be less than nothing.
  socket?.write(encodeSettings([[SETTING.initialWindowSize, 0]]));
  socket?.write(encodeNumber(FRAME.windowUpdate, 1, 10));
  socket?.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await until(() => server.frames(0).some(({ type }) => type === FRAME.ping));
  deepEqual(sent(), [10, 1]);
  socket?.write(encodeSettings([[SETTING.initialWindowSize, 100]]));
  await until(() =>
    server.frames(0).some(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream),
  );
  deepEqual(sent(), [10, 1, 14]);
  if (socket !== undefined) ok200(socket, 1);
  equal(wordOf(await driven.outcome), '200');
  equal(mirror.stats.bufferedBytes, 0);
});

test('the window of the session is shared, and what waits goes on when it is opened', async () => {
  await using server = await openFrameServer({
    accepted: (socket) => void socket.write(encodeSettings([[SETTING.initialWindowSize, 2 ** 20]])),
  });
  await using mirror = open(server);
  const body = 'x'.repeat(50_000);
  for (let i = 0; i < 2; i++)
    beginCopy(mirror, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n${body}`);
  const sent = (): number =>
    server.frames(0).reduce((sum, { type, payload }) => sum + (type === FRAME.data ? payload.length : 0), 0);
  await until(() => sent() === 65_535);
  for (let granted = 65_535; granted < 100_000; granted += 5_000) {
    await until(() => sent() === granted);
    server.sockets[0]?.write(encodeNumber(FRAME.windowUpdate, 0, 5_000));
  }
  await until(() => sent() === 100_000);
  const ends = server.frames(0).filter(({ type, flags }) => type === FRAME.data && flags === FLAG.endStream);
  deepEqual(
    ends.map(({ stream }) => stream),
    [1, 3],
  );
});

test('a mirror that opens no window runs into the timeout, and its bodies stay within the limit', async () => {
  const clock = new ManualClock();
  await using server = await openFrameServer({
    accepted: (socket) => void socket.write(encodeSettings([[SETTING.initialWindowSize, 0]])),
  });
  const bufferBytes = 100_000;
  await using mirror = open(server, {
    limits: { bodyBytes: 2 ** 30, bufferBytes, timeoutMs: 1_000 },
    options: { clock },
  });
  const small = beginCopy(mirror, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc');
  const large = beginCopy(mirror, CHUNKED);
  await until(() => server.frames(0).filter(({ type }) => type === FRAME.headers).length === 2);
  while (large.over() === undefined) begun(large).write(Buffer.alloc(10_000));
  equal(wordOf(await large.outcome), 'queue_full');
  clock.advance(1_000);
  equal(wordOf(await small.outcome), 'timeout');
  equal(mirror.stats.bufferedBytes, 0);
});

test('an answer before the whole request is the answer, and the rest is cancelled', async () => {
  await using server = await answering(
    (socket, stream) => void socket.write(encodeHeaders(stream, [[':status', '413']], true)),
  );
  await using mirror = open(server);
  const { copy, outcome } = beginCopy(mirror, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
  equal(wordOf(await outcome), '413');
  if (typeof copy === 'object') copy.write(Buffer.from('defghij'));
  await until(() => server.frames(0).some(({ type }) => type === FRAME.resetStream));
  ok(!server.frames(0).some(({ flags, type }) => type === FRAME.data && flags === FLAG.endStream));
});

test('interim heads are passed over, padding and priorities too, and trailers are kept', async () => {
  const outcome = await against((socket, stream) => {
    socket.write(
      encodeHeaders(
        stream,
        [
          [':status', '103'],
          ['link', '</a>'],
        ],
        false,
      ),
    );
    socket.write(encodeHeaders(stream, STATUS_200, false));
    socket.write(frame(FRAME.data, FLAG.padded, stream, Buffer.from('\x05ok\0\0\0\0\0', 'latin1')));
    socket.write(frame(FRAME.priority, 0, stream, Buffer.alloc(5)));
    socket.write(frame(0x55, 0, stream, Buffer.alloc(5)));
    socket.write(encodeHeaders(stream, [['grpc-status', '0']], true));
  });
  equal(bodyOf(outcome), 'ok');
  deepEqual(outcome.kind === 'answered' && outcome.answer.trailers, [['grpc-status', '0']]);
});

test('settings and pings are acknowledged, and nothing is indexed', async () => {
  await using server = await openFrameServer({
    accepted(socket) {
      socket.write(encodeSettings([[SETTING.headerTableSize, 0]]));
      socket.write(frame(FRAME.ping, 0, 0, Buffer.from('12345678')));
    },
    frame(socket, { type, stream }) {
      if (type === FRAME.headers) ok200(socket, stream);
    },
  });
  await using mirror = open(server);
  for (let i = 0; i < 2; i++) equal(wordOf(await copyOf(mirror, GET)), '200');
  await until(() => server.frames(0).some(({ type }) => type === FRAME.ping));
  const frames = server.frames(0);
  const control = frames.filter(({ type }) => type !== FRAME.headers);
  deepEqual(
    control.map(({ type, flags, payload }) => [type, flags, payload.length]),
    [
      [FRAME.settings, 0, 18],
      [FRAME.windowUpdate, 0, 4],
      [FRAME.settings, FLAG.ack, 0],
      [FRAME.ping, FLAG.ack, 8],
    ],
  );
  const heads = frames.filter(({ type }) => type === FRAME.headers);
  // RFC 7541 §4.2: a smaller table has to be acknowledged at the start of the next block.
  deepEqual(
    heads.map(({ payload }) => payload.startsWith('\x20')),
    [true, false],
  );
  equal(heads[0]?.payload.slice(1).replace(/t-\d+/, ''), heads[1]?.payload.replace(/t-\d+/, ''));
});

test('a head longer than a frame goes out in several', async () => {
  const long = 'x'.repeat(15_000);
  await using server = await answering(ok200);
  await using mirror = open(server);
  equal(wordOf(await copyOf(mirror, `GET / HTTP/1.1\r\nHost: h\r\nA: ${long}\r\nB: ${long}\r\n\r\n`)), '200');
  const [first, second] = server.frames(0).filter(({ stream }) => stream === 1);
  deepEqual([first?.type, first?.flags], [FRAME.headers, FLAG.endStream]);
  deepEqual([second?.type, second?.flags], [FRAME.continuation, FLAG.endHeaders]);
});

test('what comes within one turn of the event loop goes out in one write', async () => {
  const pieces: number[] = [];
  await using server = await answering(ok200);
  await using mirror = open(server);
  equal(wordOf(await copyOf(mirror, GET)), '200');
  server.sockets[0]?.on('data', (chunk: Buffer) => pieces.push(chunk.length));
  const copies = [GET, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello', GET].map((request) =>
    copyOf(mirror, request),
  );
  for (const outcome of await Promise.all(copies)) equal(wordOf(outcome), '200');
  equal(pieces.length, 1);
});

test('a mirror that does not read acknowledgements loses its session', async () => {
  const clock = new ManualClock();
  await using server = await openFrameServer({
    accepted(socket) {
      socket.pause();
      socket.write(EMPTY_SETTINGS, 'latin1');
    },
  });
  await using mirror = open(server, {
    limits: { bodyBytes: 2 ** 30, bufferBytes: 2 ** 30 },
    options: { clock },
  });
  const driven = beginCopy(mirror, CHUNKED);
  await until(() => server.sockets.length === 1 && mirror.stats.mirrored === 1);
  // Leave for more than the kernels hold.
  server.sockets[0]?.write(
    Buffer.concat([
      encodeNumber(FRAME.windowUpdate, 0, 2 ** 30),
      encodeNumber(FRAME.windowUpdate, 1, 2 ** 30),
    ]),
  );
  for (let i = 0; i < 512; i++) {
    begun(driven).write(Buffer.alloc(64 * 1024));
    await new Promise(setImmediate);
  }
  for (let i = 0; i < 10 && driven.over() === undefined; i++) {
    server.sockets[0]?.write(
      Buffer.concat(Array.from({ length: 1_000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))),
    );
    await new Promise(setImmediate);
  }
  equal(wordOf(await driven.outcome), 'malformed');
  equal(mirror.stats.bufferedBytes, 0);
});

test('an idle session is closed after a while, and a busy one is not', async () => {
  const clock = new ManualClock();
  await using server = await answering(ok200);
  await using mirror = open(server, { options: { clock } });
  await copyOf(mirror, GET);
  clock.advance(10_000);
  await copyOf(mirror, GET);
  equal(mirror.stats.connects, 1);
  for (let second = 0; second < 16; second++) clock.advance(1_000);
  await until(() => mirror.stats.openConnections === 0);
  clock.advance(100);
  equal(clock.pending, 0);
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(mirror.stats.connects, 2);
});
