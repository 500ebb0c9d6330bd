import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackWriter } from '../../test/fixtures/hpack-writer.ts';
import { GET, OK, ObservedTap, POST } from '../../test/fixtures/observed-tap.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { frame } from '../wire/http2/encode.ts';
import { FLAG, FRAME } from '../wire/http2/frame.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const REQUEST = '\0\0\x01\x01\x05\0\0\0\x07\x82';
const ANSWER = '\0\0\x01\x01\x05\0\0\0\x07\x88';
const CLIENT_HELLO = '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00';

const protocols: readonly (readonly [name: string, first: string, counted: 'tls' | 'other'])[] = [
  ['a ClientHello', CLIENT_HELLO, 'tls'],
  ['something else', '\x00\x01\x02', 'other'],
];
for (const [name, first, counted] of protocols) {
  test(`${name} is opaque, counted once, and left off the tape`, () => {
    const tap = new ObservedTap().open().client(first).client(GET()).primary(OK()).close();
    assert.deepEqual(tap.counts.opaque, { tls: 0, other: 0, [counted]: 1 });
    assert.deepEqual([tap.story, tap.givenUp], [[], [1]]);
    assert.deepEqual(
      tap.skips.map(({ direction, bytes }) => [direction, bytes]),
      [
        [FROM_CLIENT, Infinity],
        [FROM_PRIMARY, Infinity],
      ],
    );
  });

  test(`${name} is told in pieces of one octet too`, () => {
    const tap = new ObservedTap().open();
    for (const octet of first) tap.client(octet);
    assert.equal(tap.counts.opaque[counted], 1);
  });
}

test('an HTTP/2 connection that is taken in on its way is told by its frames', () => {
  for (const first of [PREFACE, REQUEST]) {
    const tap = new ObservedTap().open(1, { midstream: true, offsets: [500, 700] });
    tap.client(first).client(REQUEST).primary(ANSWER);
    assert.deepEqual([tap.spared, tap.givenUp, tap.counts.resynchronised], [[1], [], 1]);
  }
  // Content of an upload comes before the first of them.
  const later = new ObservedTap().open(1, { midstream: true, offsets: [500, 700] });
  later.client('content').primary(ANSWER).client('more').primary(ANSWER);
  assert.deepEqual([later.spared, later.givenUp], [[], []]);
  later.client(REQUEST).primary(ANSWER);
  assert.deepEqual(later.spared, [1]);
});

test('one that has shown to be HTTP/1.1 is never taken for HTTP/2', () => {
  const tap = new ObservedTap().open(1, { midstream: true });
  tap
    .client(GET())
    .primary(OK())
    .client(POST('/', REQUEST.repeat(2)))
    .primary(OK())
    .client(REQUEST);
  assert.deepEqual(tap.spared, []);
});

test('a request whose first bytes come one by one', () => {
  const tap = new ObservedTap().open();
  for (const octet of GET('/slow')) tap.client(octet);
  tap.primary(OK());
  assert.deepEqual(tap.story, ['GET /slow 200']);
  assert.equal(tap.only.exchange.times.requestStart, 1001);
});

test('a method that begins like the HTTP/2 preface', () => {
  const tap = new ObservedTap()
    .open()
    .client('PR')
    .client('OPFIND / HTTP/1.1\r\nhost: a\r\n\r\n')
    .primary(OK());
  assert.deepEqual(tap.story, ['PROPFIND / 200']);
});

test('a server that speaks first speaks no HTTP', () => {
  const tap = new ObservedTap().open().primary('220 mail.example ESMTP\r\n').client('EHLO a\r\n');
  assert.deepEqual([tap.counts.opaque.other, tap.givenUp], [1, [1]]);
});

test('a primary that answers before the client has said enough to tell its protocol', () => {
  const tap = new ObservedTap()
    .open()
    .client('G')
    .primary('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n')
    .end(FROM_PRIMARY)
    .close();
  assert.deepEqual([tap.story, tap.sink.ambiguities, tap.counts.opaque.other], [[], [], 0]);
  assert.deepEqual(tap.givenUp, []);
});

test('offsets hold when bytes are lost before the protocol is known', () => {
  const tap = new ObservedTap({ follow: false }).open().client('G').gap(FROM_CLIENT, 99).primary('x');
  const upload = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n';
  tap.client(upload);
  assert.deepEqual(tap.skips[0]?.offset, 100 + upload.length);
});

test('a connection taken in at mid-stream begins with a request', () => {
  const tap = new ObservedTap()
    .open(1, { midstream: true, offsets: [70, 90] })
    .client(GET())
    .primary(OK());
  assert.deepEqual([tap.story, tap.counts.resynchronised], [['GET / 200'], 1]);
});

test('one taken in within an upload waits for the next request', () => {
  const tap = new ObservedTap()
    .open(1, { midstream: true, offsets: [70, 90] })
    .client('\x00\x01 the middle of a file')
    .primary(OK())
    .client(GET())
    .primary(OK());
  assert.deepEqual([tap.story, tap.counts.opaque.other], [['GET / 200'], 0]);
});

test('a connection that is left out ends what is under way', () => {
  const tap = new ObservedTap().open().client(GET());
  tap.observer.leave(1);
  assert.deepEqual([tap.story, tap.observer.connections], [['GET / - tape_gap'], 0]);
  tap
    .open(1, { midstream: true, offsets: [500, 500] })
    .client(GET('/again'))
    .primary(OK());
  assert.deepEqual(tap.story, ['GET / - tape_gap', 'GET /again 200']);
  assert.deepEqual(tap.givenUp, []);
});

test('one that has pipelined is not to be taken in again', () => {
  const tap = new ObservedTap().open().client(GET() + GET());
  tap.observer.leave(1);
  assert.deepEqual(tap.givenUp, [1]);
});

test('a connection whose end was lost makes room for the next one in its slot', () => {
  const tap = new ObservedTap({ connections: 1 }).open(1, { slot: 0 }).client(GET('/old'));
  tap.open(2, { slot: 0 }).client(GET('/new'), 2).primary(OK(), 2);
  assert.deepEqual(tap.story, ['GET /old - tape_gap', 'GET /new 200']);
  assert.deepEqual([tap.observer.connections, tap.counts.tooMany], [1, 0]);
  tap.close(undefined, 1);
  assert.equal(tap.observer.connections, 1, 'an end that comes late touches nobody else');
});

test('a number that is used again, as by a live worker that was restarted, is another connection', () => {
  const tap = new ObservedTap().open(1, { slot: 0 }).client(GET('/old'));
  tap.open(1, { slot: 3 }).client(GET('/new')).primary(OK());
  tap.open(2, { slot: 0 }).client(GET('/other'), 2).primary(OK(), 2);
  assert.deepEqual(tap.story, ['GET /old - tape_gap', 'GET /new 200', 'GET /other 200']);
  assert.equal(tap.observer.connections, 2);
});

test('more connections than may be followed are counted and left off the tape', () => {
  const tap = new ObservedTap({ connections: 2 }).open(1).open(2).open(3);
  tap.client(GET(), 3).primary(OK(), 3).gap(FROM_CLIENT, 5, 'lost', 3).end(FROM_CLIENT, 3);
  assert.deepEqual([tap.story, tap.counts.tooMany, tap.observer.connections], [[], 1, 2]);
  assert.deepEqual(tap.givenUp, [3]);
  assert.equal(tap.skips.filter(({ id, bytes }) => id === 3 && bytes === Infinity).length, 2);
  tap.close(undefined, 3).close(undefined, 1).open(4).client(GET(), 4).primary(OK(), 4);
  assert.deepEqual([tap.story, tap.counts.tooMany], [['GET / 200'], 1]);
});

test('exchanges have ids of their own, which say whose they are', () => {
  const tap = new ObservedTap({ idPrefix: 'p' }).open(1).open(2);
  tap.client(GET(), 1).client(GET(), 2).primary(OK(), 1).client(GET(), 1);
  const ids = tap.sink.seen.map(({ exchange }) => exchange.id);
  assert.deepEqual(ids, ['p-1', 'p-2', 'p-3']);
});

test('everything under way ends when the observer does', () => {
  const tap = new ObservedTap().open(1).open(2).open(3);
  tap.client(GET('/1'), 1).client('GET', 2).client(GET('/3'), 3).primary('HTTP/1.1 200 OK\r\n', 3);
  tap.observer.abandon();
  assert.deepEqual(tap.story, ['GET /1 - tape_gap', 'GET /3 - tape_gap']);
  assert.equal(tap.observer.connections, 0);
});

test('records of connections that nobody knows are ignored', () => {
  const tap = new ObservedTap().client(GET(), 9).gap(FROM_CLIENT, 9, 'lost', 9).end(FROM_CLIENT, 9);
  tap.close(undefined, 9);
  tap.observer.leave(9);
  assert.deepEqual(tap.story, []);
});

test('many connections at once do not get mixed up', () => {
  const tap = new ObservedTap();
  for (let id = 1; id <= 50; id++) tap.open(id);
  for (let id = 1; id <= 50; id++) tap.client(GET(`/${id}`).slice(0, id % 30), id);
  for (let id = 1; id <= 50; id++) tap.client(GET(`/${id}`).slice(id % 30), id);
  for (let id = 50; id >= 1; id--) tap.primary(OK(`answer ${id}`), id);
  assert.deepEqual(tap.counts.incomplete, {
    tape_gap: 0,
    ambiguous: 0,
    client_closed: 0,
    primary_closed: 0,
    too_large: 0,
  });
  for (const { exchange, responseBody } of tap.sink.seen) {
    assert.equal(responseBody, `answer ${exchange.connection.id}`);
    assert.equal(exchange.request.target, `/${exchange.connection.id}`);
  }
  assert.equal(tap.counts.exchanges, 50);
});

test('HTTP/2 requests that there is no time for are counted and passed over, and those after them are read', () => {
  let chance = 0.9;
  const tap = new ObservedTap({ random: () => chance })
    .open()
    .client(PREFACE)
    .primary('\0\0\0\x04\0\0\0\0\0');
  const writer = new HpackWriter();
  const ask = (stream: number, path: string) => {
    const { bytes } = writer.block([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', path],
    ]);
    tap.client(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, bytes).toString('latin1'));
    tap.primary(frame(FRAME.headers, FLAG.endHeaders, stream, Buffer.of(0x88)).toString('latin1'));
    tap.primary(frame(FRAME.data, FLAG.endStream, stream, Buffer.from('content')).toString('latin1'));
  };
  tap.observer.keep = 0.5;
  ask(1, '/shed');
  chance = 0.4;
  ask(3, '/kept');
  tap.observer.keep = 1;
  chance = 0.9;
  ask(5, '/shed');
  assert.deepEqual(tap.story, ['GET /kept 200', 'GET /shed 200']);
  assert.deepEqual([tap.counts.http2Requests, tap.counts.exchanges, tap.sink.passedOver], [3, 2, 1]);
  tap.observer.keep = 0.5;
  const other = tap.open(2).client(GET(), 2).primary(OK(), 2);
  assert.equal(other.story.at(-1), 'GET / 200', 'HTTP/1.1 connections are left out as a whole');
});
