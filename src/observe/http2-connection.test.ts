import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackWriter } from '../../test/fixtures/hpack-writer.ts';
import { ObservedTap } from '../../test/fixtures/observed-tap.ts';
import { zeroCounts } from '../kit/counts.ts';
import { HTTP2_FAULT_REASONS } from '../model/status.ts';
import type { Http2FaultReason } from '../model/status.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { encodeHeaders, encodeNumber, encodeSettings, frame } from '../wire/http2/encode.ts';
import { CLIENT_PREFACE, FLAG, FRAME, SETTING } from '../wire/http2/frame.ts';
import type { Field } from '../wire/http2/static-table.ts';

const SETTINGS = text(encodeSettings([]));
const PING = text(frame(FRAME.ping, FLAG.ack, 0, Buffer.alloc(8)));
const CANCEL = 8;

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function headers(stream: number, fields: readonly Field[], end = false): string {
  return text(encodeHeaders(stream, fields, end));
}

function request(stream: number, target: string, end = true, more: readonly Field[] = []): string {
  const method = end ? 'GET' : 'POST';
  const start: readonly Field[] = [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'shop.example'],
    [':path', target],
  ];
  return headers(stream, [...start, ...more], end);
}

function answer(stream: number, status = 200, end = false, more: readonly Field[] = []): string {
  return headers(stream, [[':status', String(status)], ...more], end);
}

function data(stream: number, content: string, end = false): string {
  return text(frame(FRAME.data, end ? FLAG.endStream : 0, stream, Buffer.from(content, 'latin1')));
}

function reset(stream: number, code = CANCEL): string {
  return text(encodeNumber(FRAME.resetStream, stream, code));
}

function goAway(lastStream: number): string {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(lastStream);
  return text(frame(FRAME.goAway, 0, 0, payload));
}

/** A ping of the wrong length. */
function frameOf99(): string {
  return text(frame(FRAME.ping, 0, 0, Buffer.alloc(99)));
}

function opened(options: ConstructorParameters<typeof ObservedTap>[0] = {}): ObservedTap {
  return new ObservedTap(options)
    .open()
    .client(CLIENT_PREFACE + SETTINGS)
    .primary(SETTINGS);
}

function faults(tap: ObservedTap): readonly string[] {
  return HTTP2_FAULT_REASONS.filter((fault) => tap.counts.http2Faults[fault] > 0);
}

test('sees a request and its answer, with bodies, trailers and times', () => {
  const tap = opened()
    .client(request(1, '/orders?x=1', false))
    .client(data(1, 'ab') + data(1, 'cd'))
    .client(headers(1, [['checksum', '7']], true))
    .primary(answer(1, 103))
    .primary(answer(1, 201, false, [['content-length', '5']]) + data(1, 'hel'))
    .primary(data(1, 'lo') + headers(1, [['grpc-status', '0']], true))
    .close();
  const { exchange, ...seen } = tap.only;
  assert.deepEqual(tap.story, ['POST /orders?x=1 201']);
  assert.equal(exchange.request.authority, 'shop.example');
  assert.deepEqual(
    [seen.requestBody, seen.responseBody, seen.trailers, exchange.responseTrailers],
    ['abcd', 'hello', [['checksum', '7']], [['grpc-status', '0']]],
  );
  assert.deepEqual([exchange.requestBodyBytes, exchange.responseBodyBytes], [4, 5]);
  assert.deepEqual(exchange.times, {
    requestStart: 1003,
    requestEnd: 1005,
    responseStart: 1007,
    responseEnd: 1008,
  });
  assert.deepEqual([tap.counts.http2Requests, tap.counts.http1Requests, tap.counts.exchanges], [1, 0, 1]);
  assert.deepEqual([tap.counts.opaque, tap.givenUp], [{ tls: 0, other: 0 }, []]);
});

test('keeps streams apart, in whatever order they are answered', () => {
  const tap = opened()
    .client(request(1, '/a') + request(3, '/b', false) + request(5, '/c'))
    .primary(answer(5) + answer(3) + data(5, 'c') + data(3, 'b1'))
    .client(data(3, 'x', true))
    .primary(answer(1, 204, true) + data(3, 'b2', true) + data(5, 'c', true));
  assert.deepEqual(tap.story, ['GET /a 204', 'POST /b 200', 'GET /c 200']);
  assert.deepEqual(
    tap.sink.seen.map(({ responseBody }) => responseBody),
    ['', 'b1b2', 'cc'],
  );
});

test('an answer that is whole before its request is over when the request is', () => {
  const tap = opened()
    .client(request(1, '/up', false))
    .primary(answer(1, 413, true));
  assert.deepEqual(tap.story, ['POST /up 413 open']);
  tap.client(data(1, 'rest', true));
  assert.deepEqual(tap.story, ['POST /up 413']);
});

test('a request that the primary stops after its answer is incomplete, and what comes late is passed over', () => {
  const tap = opened()
    .client(request(1, '/up', false))
    .primary(answer(1, 413, true) + reset(1, 0));
  tap.client(data(1, 'late') + headers(1, [['late', '1']], true));
  assert.deepEqual(tap.story, ['POST /up 413 primary_closed']);
  assert.deepEqual([tap.counts.http2Requests, tap.counts.exchanges], [1, 1]);
});

test('a primary that sends its settings before the client has said anything', () => {
  const tap = new ObservedTap().open();
  for (const octet of SETTINGS) tap.primary(octet);
  tap
    .client(CLIENT_PREFACE.slice(0, 10))
    .primary(SETTINGS)
    .client(CLIENT_PREFACE.slice(10) + SETTINGS);
  tap.client(request(1, '/')).primary(answer(1, 200, true));
  assert.deepEqual(tap.story, ['GET / 200']);
});

test('settings without a client that speaks HTTP/2 are something else', () => {
  const tap = new ObservedTap().open().primary(SETTINGS).client('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.deepEqual([tap.counts.opaque.other, tap.givenUp], [1, [1]]);
});

test('a primary that goes on before its client speaks is kept only so long', () => {
  const tap = new ObservedTap().open();
  for (let i = 0; i < 500; i++) tap.primary(SETTINGS);
  assert.deepEqual([tap.counts.opaque.other, tap.givenUp], [1, [1]]);
});

const upgrade = (fields: string): string =>
  `GET /first HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n${fields}\r\n`;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n';

test('an upgrade: the request of HTTP/1.1 is answered on stream 1', () => {
  const tap = new ObservedTap()
    .open()
    .client(upgrade('http2-settings: AAMAAABkAAQAAP__\r\n'))
    .primary(SWITCH + SETTINGS)
    .client(CLIENT_PREFACE + SETTINGS + request(3, '/second'))
    .primary(answer(1) + data(1, 'one', true) + answer(3, 404, true))
    .close();
  assert.deepEqual(tap.story, ['GET /first 200', 'GET /second 404']);
  assert.equal(tap.sink.seen[0]?.responseBody, 'one');
  assert.deepEqual([tap.counts.http1Requests, tap.counts.http2Requests, tap.counts.exchanges], [1, 1, 2]);
  assert.equal(tap.counts.incomplete.client_closed, 0);
  assert.deepEqual([tap.skips, tap.givenUp], [[], []]);
});

test('the settings in the upgrade are those of the client', () => {
  // SETTINGS_HEADER_TABLE_SIZE = 8192: the primary may say that its table is as large.
  const field = encodeSettings([[SETTING.headerTableSize, 8192]])
    .subarray(9)
    .toString('base64url');
  const grown = text(
    frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.of(0x3f, 0xe1, 0x3f, 0x88)),
  );
  const agreed = new ObservedTap()
    .open()
    .client(upgrade(`http2-settings: ${field}\r\n`))
    .primary(SWITCH + grown);
  assert.deepEqual(agreed.story, ['GET /first 200']);
  const not = new ObservedTap()
    .open()
    .client(upgrade('http2-settings: \r\n'))
    .primary(SWITCH + grown);
  assert.deepEqual([not.story, faults(not)], [['GET /first - ambiguous'], ['malformed_headers']]);
});

test('an upgrade that is not taken stays HTTP/1.1', () => {
  const tap = new ObservedTap()
    .open()
    .client(upgrade('http2-settings: \r\n'))
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    .client('GET /2 HTTP/1.1\r\nhost: a\r\n\r\n')
    .primary('HTTP/1.1 204 No Content\r\n\r\n');
  assert.deepEqual(tap.story, ['GET /first 200', 'GET /2 204']);
  assert.equal(tap.counts.http2Requests, 0);
});

test('an upgraded connection whose client then says something else is given up', () => {
  const tap = new ObservedTap()
    .open()
    .client(upgrade('http2-settings: \r\n'))
    .primary(SWITCH)
    .client('hello');
  assert.deepEqual([tap.story, faults(tap)], [['GET /first - ambiguous'], ['malformed_frame']]);
});

test('a tunnel over a stream is an exchange whose bodies are what passes', () => {
  const open: readonly Field[] = [
    [':method', 'CONNECT'],
    [':protocol', 'connect-udp'],
    [':scheme', 'http'],
    [':authority', 'shop.example'],
    [':path', '/chat'],
  ];
  const tap = opened()
    .client(headers(1, open))
    .primary(answer(1) + data(1, 'welcome'))
    .client(data(1, 'hello') + request(3, '/beside'))
    .primary(answer(3, 200, true) + data(1, ' bye', true))
    .client(data(1, '', true));
  assert.deepEqual(tap.story, ['CONNECT /chat 200', 'GET /beside 200']);
  const [tunnel] = tap.sink.seen;
  assert.deepEqual([tunnel?.requestBody, tunnel?.responseBody], ['hello', 'welcome bye']);
});

test('a loss within content leaves one exchange incomplete', () => {
  const tap = opened()
    .client(request(1, '/a', false) + request(3, '/b'))
    .client(data(1, 'abcdef').slice(0, 11));
  tap
    .gap(FROM_CLIENT, 4)
    .client(data(1, 'gh', true))
    .primary(answer(1, 200, true));
  tap.primary(answer(3) + data(3, '0123456789').slice(0, 11));
  tap
    .gap(FROM_PRIMARY, 8)
    .primary(data(3, 'x', true))
    .client(request(5, '/c'))
    .primary(answer(5, 200, true));
  assert.deepEqual(tap.story, ['POST /a 200 tape_gap', 'GET /b 200 tape_gap', 'GET /c 200']);
  const [a, b] = tap.sink.seen;
  assert.deepEqual([a?.requestGaps, a?.exchange.requestBodyBytes, a?.requestBody], [1, 8, 'abgh']);
  assert.deepEqual([b?.exchange.responseBodyBytes, b?.responseBody], [11, '01x']);
});

for (const direction of [FROM_CLIENT, FROM_PRIMARY] as const) {
  test(`a loss between frames ends what is under way, direction ${direction}, and the connection is taken up again`, () => {
    const tap = opened().client(request(1, '/a')).gap(direction, 1);
    assert.deepEqual([tap.story, faults(tap)], [['GET /a - tape_gap'], ['gap']]);
    const other = direction === FROM_CLIENT ? FROM_PRIMARY : FROM_CLIENT;
    const say = (side: Direction, bytes: string) =>
      side === FROM_CLIENT ? tap.client(bytes) : tap.primary(bytes);
    say(direction, 'in the midst of something').gap(direction, 9);
    say(other, PING);
    assert.equal(tap.counts.resynchronised, 0);
    say(direction, PING)
      .client(request(5, '/b'))
      .primary(answer(5))
      .client(request(7, '/c'))
      .primary(answer(7, 200, true));
    assert.deepEqual([tap.story, tap.counts.resynchronised], [['GET /a - tape_gap', 'GET /c 200'], 1]);
    assert.deepEqual([tap.counts.givenUp, tap.givenUp, tap.skips], [0, [], []]);
    assert.deepEqual(
      [tap.counts.http2Requests, tap.counts.exchanges, tap.counts.incomplete.tape_gap],
      [3, 3, 2],
    );
  });
}

test('a loss within the preface, or behind settings that came early', () => {
  const cut = new ObservedTap().open().client(CLIENT_PREFACE.slice(0, 9)).gap(FROM_CLIENT, 3);
  const early = new ObservedTap().open().primary(SETTINGS).gap(FROM_PRIMARY, 3);
  for (const tap of [cut, early]) {
    tap
      .client('HTTP/2')
      .client(request(1, '/a'))
      .primary(answer(1, 200, true));
    tap.client(request(3, '/b')).primary(answer(3, 200, true));
    assert.deepEqual(tap.story, ['GET /b 200']);
  }
});

/** Requests whose fields are in a dynamic table, as most clients send them. */
function indexed(writer: HpackWriter, stream: number, fields: readonly Field[]): string {
  const { bytes } = writer.block(fields);
  return text(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, bytes));
}

const target = (path: string): readonly Field[] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'shop.example'],
  [':path', path],
  ['x-env', 'prod'],
];

test('a connection that was left out is taken in again: what needs lost fields is counted, the rest is seen', () => {
  const tap = opened();
  const [client, primary] = [new HpackWriter(), new HpackWriter()];
  const ask = (stream: number, path: string) => tap.client(indexed(client, stream, target(path)));
  const reply = (stream: number) =>
    tap.primary(
      indexed(primary, stream, [
        [':status', '200'],
        ['server', 'shop'],
      ]),
    );
  ask(1, '/a');
  reply(1);
  ask(3, '/b');
  tap.observer.leave(1);
  assert.deepEqual([tap.story, tap.givenUp, tap.spared], [['GET /a 200', 'GET /b - tape_gap'], [], [1]]);
  tap.open(1, { midstream: true, offsets: [200, 100] });
  // The answers name a field that was lost; the requests two.
  ask(5, '/c');
  reply(5);
  assert.deepEqual([tap.story.length, tap.counts.unreadableHeads, tap.spared], [2, 2, [1, 1]]);
  // Both sides put them into their tables again.
  client.resize(0);
  primary.resize(0);
  const grown = Buffer.concat([client.resize(0), client.resize(4096), client.block(target('/d')).bytes]);
  tap.client(text(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 7, grown)));
  const cleared = Buffer.concat([primary.resize(0), primary.resize(4096)]);
  const { bytes } = primary.block([
    [':status', '200'],
    ['server', 'shop'],
  ]);
  tap.primary(
    text(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 7, Buffer.concat([cleared, bytes]))),
  );
  for (let stream = 9; stream < 209; stream += 2) {
    ask(stream, `/${stream}`);
    reply(stream);
  }
  assert.equal(tap.counts.unreadableHeads, 2);
  assert.deepEqual(tap.story.slice(2, 4), ['GET /d 200', 'GET /9 200']);
  assert.equal(tap.story.length, 2 + 101);
  assert.ok(tap.story.slice(2).every((line) => line.endsWith(' 200')));
});

test('an answer that cannot be read leaves its exchange incomplete', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  const lost = text(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 3, Buffer.of(0xbe)));
  tap.client(request(1, '/a')).primary(answer(1)).client(request(3, '/b')).primary(lost);
  tap.client(request(5, '/c')).primary(answer(5, 200, true));
  assert.deepEqual(tap.story, ['GET /b - tape_gap', 'GET /c 200']);
  assert.deepEqual([tap.counts.unreadableHeads, tap.counts.incomplete.tape_gap], [1, 2]);
});

test('nothing is followed before both directions are read again and the primary has answered', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  tap
    .client(request(1, '/a'))
    .client(request(3, '/b'))
    .primary('content')
    .primary(answer(1, 200, true));
  tap
    .client(request(5, '/c'))
    .primary(answer(3, 200, true))
    .client(request(7, '/d'))
    .primary(answer(7, 200, true));
  assert.deepEqual([tap.story, tap.counts.exchanges], [['GET /c - open', 'GET /d 200'], 3]);
});

test('content that looks like requests is found out by the frames behind it', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  const fake = request(2 ** 31 - 1, '/fake');
  tap.primary(PING);
  // The end of a DATA frame whose beginning was lost.
  tap.client(fake).client('and more of it').primary(answer(5));
  for (let stream = 7; stream < 13; stream += 2)
    tap.client(request(stream, `/${stream}`)).primary(answer(stream, 200, true));
  assert.deepEqual([tap.story, faults(tap)], [['GET /9 200', 'GET /11 200'], ['oversized_frame']]);
});

test('a connection whose frames turn out to be none is given up at the ninth time', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  tap.primary(PING);
  for (let times = 0; times < 8; times++) tap.client(PING).client(frameOf99());
  assert.deepEqual([tap.givenUp, tap.counts.http2Faults.malformed_frame], [[], 8]);
  tap.client(PING).client(frameOf99());
  assert.deepEqual([tap.givenUp, tap.counts.givenUp], [[1], 1]);
});

test('trailers of a request whose head was lost are no request', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  tap.client(headers(1, [['x-checksum', '1']], true)).primary(answer(1, 200, true));
  assert.deepEqual([tap.counts.http2Requests, tap.counts.incomplete.ambiguous], [0, 0]);
});

test('a client that takes a request back ends it, and its copies', () => {
  const tap = opened()
    .client(request(1, '/a') + request(3, '/b'))
    .client(reset(1))
    .primary(answer(1) + answer(3, 200, true));
  assert.deepEqual(tap.story, ['GET /a - client_closed', 'GET /b 200']);
  assert.deepEqual(
    tap.sink.seen.map(({ requestGaps }) => requestGaps),
    [1, 0],
  );
});

test('a primary that refuses a stream leaves its request without an answer', () => {
  const tap = opened()
    .client(request(1, '/a'))
    .primary(reset(1, 7))
    .client(request(3, '/b'))
    .primary(answer(3, 200, true));
  assert.deepEqual(tap.story, ['GET /a - primary_closed', 'GET /b 200']);
});

test('requests behind the last one of GOAWAY go nowhere, those before are answered', () => {
  const tap = opened()
    .client(request(1, '/a') + request(3, '/b'))
    .primary(goAway(2 ** 31 - 1) + goAway(1));
  tap.client(request(5, '/c')).primary(answer(1, 200, true));
  assert.deepEqual(tap.story, ['GET /a 200', 'GET /b - primary_closed']);
  assert.deepEqual(
    [tap.counts.http2Requests, tap.counts.exchanges, tap.counts.incomplete.primary_closed],
    [3, 3, 2],
  );
});

test('pushed answers are passed over', () => {
  const promise = Buffer.concat([
    Buffer.of(0, 0, 0, 2),
    encodeHeaders(2, [[':method', 'GET']], true).subarray(9),
  ]);
  const tap = opened()
    .client(request(1, '/'))
    .primary(
      text(frame(FRAME.pushPromise, FLAG.endHeaders, 1, promise)) +
        answer(1) +
        answer(2) +
        data(2, 'css', true),
    )
    .primary(data(1, 'html', true));
  assert.deepEqual([tap.story, tap.only.responseBody, faults(tap)], [['GET / 200'], 'html', []]);
});

test('what is under way ends with the connection, and by whom', () => {
  const byPrimary = opened().client(request(1, '/a')).end(FROM_PRIMARY);
  assert.deepEqual(byPrimary.story, ['GET /a - primary_closed']);
  const byClient = opened().client(request(1, '/a')).end(FROM_CLIENT);
  assert.deepEqual(byClient.story, ['GET /a - open']);
  assert.deepEqual(byClient.end(FROM_PRIMARY).story, ['GET /a - client_closed']);
  assert.deepEqual(opened().client(request(1, '/a')).close(FROM_PRIMARY).story, ['GET /a - primary_closed']);
  assert.deepEqual(opened().client(request(1, '/a')).close().story, ['GET /a - client_closed']);
});

interface Ambiguity {
  readonly name: string;
  readonly client: string;
  readonly primary?: string;
  readonly story: readonly string[];
}

/** Of one exchange; the next one on the connection is seen all the same. */
const AMBIGUITIES: readonly Ambiguity[] = [
  { name: 'a request without a path', client: headers(1, [[':method', 'GET']], true), story: [] },
  {
    name: 'more content than was announced',
    client: request(1, '/a', false, [['content-length', '3']]) + data(1, 'abcd'),
    story: ['POST /a - ambiguous'],
  },
  {
    name: 'less content than was announced',
    client: request(1, '/a', false, [['content-length', '3']]) + data(1, 'ab', true),
    story: ['POST /a - ambiguous'],
  },
  {
    name: 'no content where some was announced',
    client: request(1, '/a', true, [['content-length', '3']]),
    story: [],
  },
  { name: 'content behind the end', client: request(1, '/a') + data(1, 'x'), story: ['GET /a - ambiguous'] },
  {
    name: 'a second end',
    client: request(1, '/a') + headers(1, [['x', 'y']], true),
    story: ['GET /a - ambiguous'],
  },
  {
    name: 'trailers without an end',
    client: request(1, '/a', false) + headers(1, [['x', 'y']]),
    story: ['POST /a - ambiguous'],
  },
  {
    name: 'trailers with a pseudo-header',
    client: request(1, '/a', false) + headers(1, [[':path', '/b']], true),
    story: ['POST /a - ambiguous'],
  },
  {
    name: 'an answer without a status',
    client: request(1, '/a'),
    primary: headers(1, [['x', 'y']]),
    story: ['GET /a - ambiguous'],
  },
  {
    name: '101, which HTTP/2 does not have',
    client: request(1, '/a'),
    primary: answer(1, 101),
    story: ['GET /a - ambiguous'],
  },
  {
    name: 'an interim answer that ends',
    client: request(1, '/a'),
    primary: answer(1, 103, true),
    story: ['GET /a - ambiguous'],
  },
  {
    name: 'content before its head',
    client: request(1, '/a'),
    primary: data(1, 'x'),
    story: ['GET /a - ambiguous'],
  },
  {
    name: 'an answer shorter than announced',
    client: request(1, '/a'),
    primary: answer(1, 200, false, [['content-length', '3']]) + data(1, 'ab', true),
    story: ['GET /a 200 ambiguous'],
  },
  {
    name: 'an answer that goes on behind its end',
    client: request(1, '/a', false),
    primary: answer(1, 200, true) + data(1, 'x'),
    story: ['POST /a 200 ambiguous'],
  },
];

for (const { name, client, primary = '', story } of AMBIGUITIES) {
  test(`${name} makes one exchange ambiguous`, () => {
    const tap = opened().client(client);
    if (primary !== '') tap.primary(primary);
    tap.client(request(3, '/next')).primary(answer(3, 200, true));
    assert.deepEqual(tap.story, [...story, 'GET /next 200']);
    assert.deepEqual(
      [tap.counts.http2Requests, tap.counts.exchanges, tap.counts.incomplete.ambiguous],
      [2, 2, 1],
    );
    assert.deepEqual(faults(tap), []);
  });
}

test('an answer to HEAD, and one that says "not modified", announce what they do not have', () => {
  const length: readonly Field[] = [['content-length', '3']];
  const tap = opened()
    .client(
      headers(
        1,
        [
          [':method', 'HEAD'],
          [':scheme', 'http'],
          [':path', '/h'],
        ],
        true,
      ),
    )
    .client(request(3, '/n'))
    .primary(answer(1, 200, true, length) + answer(3, 304, true, length));
  assert.deepEqual(tap.story, ['HEAD /h 200', 'GET /n 304']);
});

const FAULTS: readonly (readonly [name: string, client: string, primary: string, fault: Http2FaultReason])[] =
  [
    ['a stream that a server would open', request(2, '/a'), '', 'malformed_frame'],
    [
      'a push by a client',
      text(frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.of(0, 0, 0, 2))),
      '',
      'malformed_frame',
    ],
    ['a frame longer than the primary takes', data(1, 'x'.repeat(16_385)), '', 'oversized_frame'],
    [
      'a block of too many frames',
      text(frame(FRAME.headers, 0, 1, Buffer.of(0x82))) +
        text(frame(FRAME.continuation, 0, 1, Buffer.alloc(0))).repeat(33),
      '',
      'header_flood',
    ],
    ['settings without end', SETTINGS.repeat(10_001), '', 'control_flood'],
    [
      'a table larger than agreed',
      '',
      text(frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.of(0x3f, 0xe1, 0x3f))),
      'malformed_headers',
    ],
  ];

for (const [name, client, primary, fault] of FAULTS) {
  test(`${name} ends what is seen of a connection: ${fault}`, () => {
    const tap = opened().client(request(1, '/before'));
    if (client !== '') tap.client(client);
    if (primary !== '') tap.primary(primary);
    tap.client(request(9, '/after')).primary(answer(1, 200, true));
    assert.deepEqual(tap.counts.http2Faults, { ...zeroCounts(HTTP2_FAULT_REASONS), [fault]: 1 });
    assert.equal(tap.story.length, 1);
    assert.match(tap.story[0] ?? '', /^GET \/before - (ambiguous|too_large)$/);
    assert.deepEqual([tap.counts.givenUp, tap.givenUp], [1, [1]]);
  });
}

test('what both sides have agreed on is followed: frames and a table larger than the usual', () => {
  const tap = opened()
    .primary(
      text(
        encodeSettings([
          [SETTING.maxFrameSize, 20_000],
          [SETTING.headerTableSize, 8192],
        ]),
      ),
    )
    .client(request(1, '/a', false) + data(1, 'x'.repeat(17_000), true))
    .client(
      text(
        frame(
          FRAME.headers,
          FLAG.endHeaders | FLAG.endStream,
          3,
          Buffer.of(0x3f, 0xe1, 0x3f, 0x82, 0x86, 0x84),
        ),
      ),
    )
    .primary(answer(1, 200, true) + answer(3, 200, true));
  assert.deepEqual([tap.story, faults(tap)], [['POST /a 200', 'GET / 200'], []]);
});

test('a rapid reset is bounded and flagged', () => {
  const tap = opened();
  let stream = 1;
  for (; tap.givenUp.length === 0 && stream < 10_000; stream += 2)
    tap.client(request(stream, '/') + reset(stream));
  assert.deepEqual(faults(tap), ['rapid_reset']);
  assert.equal(tap.counts.http2Requests, 1001);
});

test('requests that are taken back over a longer time, or after an answer has begun, are no attack', () => {
  const tap = opened();
  let stream = 1;
  for (let i = 0; i < 2000; i++, stream += 2) {
    tap.client(request(stream, '/slow') + reset(stream));
    tap.micros += 50_000;
  }
  for (let i = 0; i < 2000; i++, stream += 2)
    tap.client(request(stream, '/watch')).primary(answer(stream)).client(reset(stream));
  assert.deepEqual([faults(tap), tap.counts.exchanges], [[], 4000]);
});

test('pings over a longer time are no flood', () => {
  const tap = opened();
  const ping = text(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  for (let i = 0; i < 30; i++) {
    tap.client(ping.repeat(1000));
    tap.micros += 500_000;
  }
  assert.deepEqual(faults(tap), []);
});

test('requests past the number that may be under way are not followed; those after them are', () => {
  const tap = opened();
  for (let i = 0; i < 1030; i++) tap.client(request(2 * i + 1, '/'));
  assert.equal(tap.sink.seen.length, 1024);
  assert.equal(tap.counts.incomplete.too_large, 6);
  tap
    .primary(answer(1, 200, true))
    .primary(answer(2 * 1029 + 1, 200, true))
    .client(request(2101, '/again'));
  assert.equal(tap.sink.seen.length, 1025);
  assert.deepEqual([tap.givenUp, tap.counts.http2Requests], [[], 1031]);
});

test('memory for requests that wait is bounded over all connections, and given back', () => {
  const tap = opened({ waitingBytes: 10_000 });
  tap.open(2).client(CLIENT_PREFACE + SETTINGS, 2);
  for (let i = 0; i < 10; i++) tap.client(request(2 * i + 1, '/'), 1 + (i % 2));
  assert.equal(tap.sink.seen.length, 4);
  assert.equal(tap.counts.incomplete.too_large, 6);
  tap.close(undefined, 1).close(undefined, 2);
  tap
    .open(3)
    .client(
      CLIENT_PREFACE + SETTINGS + request(1, '/') + request(3, '/') + request(5, '/') + request(7, '/'),
      3,
    );
  assert.equal(tap.sink.seen.length, 8);
});

test('a head longer than the limit is counted, and the next one seen', () => {
  const tap = opened()
    .client(request(1, '/', true, [['x', 'y'.repeat(5000)]]))
    .client(request(3, '/next'));
  tap.primary(answer(1, 200, true) + answer(3, 200, true));
  assert.deepEqual([tap.story, tap.counts.incomplete.too_large], [['GET /next 200'], 1]);
});

test('bodies that nobody wants are not handed on, and counted all the same', () => {
  const tap = opened({ follow: false })
    .client(request(1, '/a', false) + data(1, 'abc', true))
    .primary(answer(1) + data(1, 'x', true));
  const { exchange, requestBody, responseBody } = tap.only;
  assert.deepEqual(
    [exchange.requestBodyBytes, exchange.responseBodyBytes, requestBody, responseBody],
    [3, 1, '', ''],
  );
});

test('octet by octet it is the same', () => {
  const tap = new ObservedTap().open();
  const client =
    CLIENT_PREFACE + SETTINGS + request(1, '/a', false) + data(1, 'abc', true) + request(3, '/b');
  for (const octet of client) tap.client(octet);
  for (const octet of SETTINGS + answer(3, 200, true) + answer(1) + data(1, 'hello', true))
    tap.primary(octet);
  assert.deepEqual(tap.story, ['POST /a 200', 'GET /b 200']);
  assert.equal(tap.sink.seen[0]?.responseBody, 'hello');
});
