import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GET, OK, ObservedTap, POST } from '../../test/fixtures/observed-tap.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';

const CHUNKED = 'transfer-encoding: chunked\r\n';
const BINARY = 'x'.repeat(100);

const answerHead = (bytes: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`;

function opened(follow = true): ObservedTap {
  return new ObservedTap({ follow }).open();
}

test('one exchange: heads, bodies, trailers and times', () => {
  const tap = opened()
    .client(`POST /a?b=1 HTTP/1.1\r\nhost: example.org\r\n${CHUNKED}\r\n5;x=y\r\nhel`)
    .client('lo\r\n0\r\nx-sum: 1\r\n\r\n')
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n')
    .primary('done');
  const { exchange, requestBody, responseBody, trailers, requestEnded, done } = tap.only;
  assert.deepEqual(tap.story, ['POST /a?b=1 200']);
  assert.deepEqual([requestBody, responseBody, requestEnded, done], ['hello', 'done', true, true]);
  assert.deepEqual(trailers, [['x-sum', '1']]);
  assert.deepEqual(exchange.times, {
    requestStart: 1001,
    requestEnd: 1002,
    responseStart: 1003,
    responseEnd: 1004,
  });
  assert.deepEqual(
    [exchange.requestBody, exchange.requestBodyBytes, exchange.responseBodyBytes],
    ['chunked', 5, 4],
  );
  assert.equal(exchange.connection.source.ip, '192.0.2.1');
});

test("an answer's trailers are the exchange's", () => {
  const tap = opened().client('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  tap.primary(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n0\r\nx-sum: 1\r\n\r\n`);
  assert.deepEqual(tap.only.exchange.responseTrailers, [['x-sum', '1']]);
});

test('an exchange is known before its bodies are whole', () => {
  const tap = opened().client('POST / HTTP/1.1\r\nhost: example.org\r\ncontent-length: 9\r\n\r\nabc');
  assert.deepEqual([tap.story, tap.only.requestBody], [['POST / - open'], 'abc']);
});

test('one connection carries many exchanges, each with its own times', () => {
  const tap = opened().client(GET('/1')).primary(OK('a')).client(GET('/2')).primary(OK('b'));
  assert.deepEqual(tap.story, ['GET /1 200', 'GET /2 200']);
  assert.deepEqual(
    tap.sink.seen.map(({ exchange }) => exchange.times.requestStart),
    [1001, 1003],
  );
  assert.deepEqual([tap.counts.http1Requests, tap.counts.exchanges], [2, 2]);
});

test('pipelined requests are paired with their answers in order, however these are cut', () => {
  const tap = opened().client(GET('/1') + POST('/2', 'two') + GET('/3'));
  const answers = OK('a') + OK('b') + OK('c');
  for (const octet of answers) tap.primary(octet);
  assert.deepEqual(tap.story, ['GET /1 200', 'POST /2 200', 'GET /3 200']);
  assert.deepEqual(
    tap.sink.seen.map(({ responseBody }) => responseBody),
    ['a', 'b', 'c'],
  );
  for (const { exchange } of tap.sink.seen) {
    const { requestStart, requestEnd, responseStart, responseEnd } = exchange.times;
    assert.ok(requestStart <= requestEnd && requestEnd <= responseStart && responseStart <= responseEnd);
  }
});

const bodiless: readonly (readonly [name: string, request: string, answer: string, story: string])[] = [
  [
    'HEAD with a length',
    GET().replace('GET', 'HEAD'),
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n',
    'HEAD / 200',
  ],
  ['204', GET(), 'HTTP/1.1 204 No Content\r\n\r\n', 'GET / 204'],
  ['304 with a length', GET(), 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n', 'GET / 304'],
];
for (const [name, request, answer, story] of bodiless) {
  test(`no body follows: ${name}`, () => {
    const tap = opened().client(request).primary(answer).client(GET('/next')).primary(OK());
    assert.deepEqual(tap.story, [story, 'GET /next 200']);
  });
}

test('interim answers belong to the exchange and are not its answer', () => {
  const tap = opened()
    .client('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n')
    .primary('HTTP/1.1 100 Continue\r\n\r\n')
    .client('ab')
    .primary('HTTP/1.1 103 Early Hints\r\nlink: </s>\r\n\r\n')
    .primary(OK('x'));
  assert.deepEqual(tap.story, ['POST / 200']);
  assert.equal(tap.only.responseBody, 'x');
  assert.equal(tap.only.exchange.times.responseStart, 1005, 'the first byte of the final answer');
});

test('101 ends HTTP: what follows is opaque, and the tape is told to leave it out', () => {
  const tap = opened()
    .client(GET('/chat', 'connection: upgrade\r\nupgrade: websocket\r\n'))
    .primary(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x05hello',
    )
    .client('GET /not-a-request HTTP/1.1\r\nhost: a\r\n\r\n')
    .primary('HTTP/1.1 200 OK\r\n\r\n')
    .close();
  assert.deepEqual(tap.story, ['GET /chat 101']);
  assert.deepEqual([tap.givenUp, tap.counts.givenUp], [[1], 0], 'not taken in again, and no loss');
  assert.ok(tap.skips.some(({ direction, bytes }) => direction === FROM_CLIENT && bytes === Infinity));
  assert.ok(tap.skips.some(({ direction, bytes }) => direction === FROM_PRIMARY && bytes === Infinity));
});

test('what is pipelined behind an upgrade may be the other protocol: the connection is given up', () => {
  const upgrade = GET('/chat', 'connection: upgrade\r\nupgrade: websocket\r\n');
  const tap = opened().client(upgrade + GET('/admin'));
  assert.deepEqual(tap.story, ['GET /chat - ambiguous']);
  assert.equal(tap.sink.ambiguities.length, 1);
  assert.deepEqual(tap.givenUp, [1]);
});

test('CONNECT with 2xx is a tunnel', () => {
  const tap = opened()
    .client('CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n')
    .primary('HTTP/1.1 200 OK\r\n\r\n')
    .client(GET('/inside'))
    .primary(OK());
  assert.deepEqual(tap.story, ['CONNECT a.example:443 200']);
  const { requestStart, requestEnd, responseStart, responseEnd } = tap.only.exchange.times;
  assert.ok(requestStart <= requestEnd && requestEnd <= responseStart && responseStart <= responseEnd);
});

test('a refused CONNECT is an exchange like others, and HTTP goes on', () => {
  const tap = opened()
    .client('CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n')
    .primary('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 3\r\n\r\nno!')
    .client(GET('/next'))
    .primary(OK());
  assert.deepEqual(tap.story, ['CONNECT a.example:443 407', 'GET /next 200']);
});

test('bytes sent behind a CONNECT that was then refused are not guessed at', () => {
  const tap = opened()
    .client('CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n')
    .client(GET('/tunnelled-or-not'))
    .primary('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    .primary(OK())
    .client(GET('/next'))
    .primary(OK());
  assert.deepEqual(tap.story, ['CONNECT a.example:443 403 ambiguous']);
  assert.deepEqual(tap.givenUp, [1]);
});

test('a body that ends with the connection', () => {
  const tap = opened()
    .client(GET())
    .primary('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc')
    .primary('def')
    .end(FROM_PRIMARY)
    .close();
  assert.deepEqual([tap.story, tap.only.responseBody], [['GET / 200'], 'abcdef']);
});

test('a body that would have ended with the connection is not whole when that was reset', () => {
  const tap = opened()
    .client(GET())
    .primary('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc')
    .close(FROM_PRIMARY);
  assert.deepEqual(tap.story, ['GET / 200 primary_closed']);
});

test('an answer that is over before its request', () => {
  const tap = opened()
    .client('POST /large HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc')
    .primary('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n');
  assert.deepEqual(tap.story, ['POST /large 413 open']);
  tap.client('def').client(GET('/next')).primary(OK());
  assert.deepEqual(tap.story, ['POST /large 413', 'GET /next 200']);
});

test('an early answer and a client that then gives up', () => {
  const tap = opened()
    .client('POST /large HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc')
    .primary('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n')
    .close(FROM_CLIENT);
  assert.deepEqual(tap.story, ['POST /large 413 client_closed']);
});

test('a client that closes within its request; the answer may still come', () => {
  const tap = opened().client('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc').end(FROM_CLIENT);
  assert.equal(tap.only.requestGaps, 1, 'copies are told');
  tap.primary('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n').close();
  assert.deepEqual(tap.story, ['POST / 400 client_closed']);
});

const closings: readonly (readonly [name: string, act: (tap: ObservedTap) => void, reason: string])[] = [
  ['the client resets', (tap) => tap.close(FROM_CLIENT), 'client_closed'],
  ['the primary resets', (tap) => tap.close(FROM_PRIMARY), 'primary_closed'],
  ['the primary closes', (tap) => tap.end(FROM_PRIMARY).close(), 'primary_closed'],
  [
    'the client closes, the primary then too',
    (tap) => tap.end(FROM_CLIENT).end(FROM_PRIMARY).close(),
    'client_closed',
  ],
];
for (const [name, act, reason] of closings) {
  test(`a request without an answer: ${name}`, () => {
    const tap = opened().client(GET());
    act(tap);
    assert.deepEqual(tap.story, [`GET / - ${reason}`]);
    assert.equal(tap.counts.incomplete[reason as 'client_closed'], 1);
  });
}

test('a primary that closes within its answer', () => {
  const tap = opened()
    .client(GET('/1') + GET('/2'))
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')
    .end(FROM_PRIMARY)
    .close();
  assert.deepEqual(tap.story, ['GET /1 200 primary_closed', 'GET /2 - primary_closed']);
});

test('half a close: the client ends its side and still gets its answer', () => {
  const tap = opened().client(GET()).end(FROM_CLIENT).primary(OK()).end(FROM_PRIMARY).close();
  assert.deepEqual(tap.story, ['GET / 200']);
});

test('an idle connection that closes leaves nothing behind', () => {
  const tap = opened().client(GET()).primary(OK()).end(FROM_PRIMARY).end(FROM_CLIENT).close();
  assert.deepEqual([tap.story, tap.observer.connections], [['GET / 200'], 0]);
  assert.equal(tap.counts.exchanges, 1);
});

test('an answer that nobody asked for, such as 408 on an idle connection, makes no exchange', () => {
  const tap = opened()
    .client(GET())
    .primary(OK())
    .primary('HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    .end(FROM_PRIMARY)
    .close();
  assert.deepEqual([tap.story, tap.counts.incomplete.tape_gap], [['GET / 200'], 0]);
});

const hostile: readonly (readonly [name: string, request: string])[] = [
  [
    'both lengths',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
  ['a bare LF', 'GET / HTTP/1.1\nhost: a\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n'],
  ['an oversized head', GET('/', `x: ${'y'.repeat(5000)}\r\n`)],
  ['two hosts', GET('/', 'host: b\r\n')],
];
for (const [name, request] of hostile) {
  test(`ambiguous: ${name}; counted, no exchange, and nothing after it is looked at`, () => {
    const tap = opened().client(GET('/before')).primary(OK()).client(request);
    assert.deepEqual(tap.story, ['GET /before 200']);
    assert.equal(tap.sink.ambiguities.length, 1);
    assert.deepEqual(tap.givenUp, [1]);
    assert.deepEqual(
      [tap.counts.http1Requests, tap.counts.exchanges, tap.counts.incomplete.ambiguous, tap.counts.givenUp],
      [2, 2, 1, 1],
    );
    // What the tape held already when it was told.
    tap.primary('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n').client(GET('/after')).primary(OK());
    assert.deepEqual(tap.story, ['GET /before 200']);
    assert.equal(tap.counts.givenUp, 1);
  });
}

test('ambiguous chunks: the exchange is flagged, and not counted a second time', () => {
  const tap = opened().client(`POST / HTTP/1.1\r\nhost: a\r\n${CHUNKED}\r\n3 \r\nabc`);
  assert.deepEqual(tap.story, ['POST / - ambiguous']);
  assert.deepEqual(
    [tap.counts.http1Requests, tap.counts.exchanges, tap.counts.incomplete.ambiguous],
    [1, 1, 1],
  );
  assert.equal(tap.sink.ambiguities.length, 0, 'it has its reason by the exchange');
});

test('an ambiguous answer flags the exchanges, and says nothing against their requests', () => {
  const tap = opened()
    .client(GET('/1') + GET('/2'))
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc');
  assert.deepEqual(tap.story, ['GET /1 - ambiguous', 'GET /2 - ambiguous']);
  assert.deepEqual([tap.sink.ambiguities.length, tap.givenUp], [0, [1]]);
});

test('a client that pipelines without end is given up, also within one piece of its stream', () => {
  const tap = opened().client(GET().repeat(300));
  assert.equal(tap.sink.seen.length, 256);
  assert.ok(tap.story.every((line) => line === 'GET / - too_large'));
  assert.deepEqual([tap.givenUp, tap.counts.givenUp, tap.counts.incomplete.too_large], [[1], 1, 256]);
  tap.primary(OK()).client(GET('/next')).primary(OK());
  assert.equal(tap.sink.seen.length, 256);
});

test('a gap in a request body: the exchange is incomplete, and the framing is kept', () => {
  const tap = opened()
    .client('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nab')
    .gap(FROM_CLIENT, 6)
    .client(`cd${GET('/next')}`)
    .primary(OK('1') + OK('2'));
  assert.deepEqual(tap.story, ['POST / 200 tape_gap', 'GET /next 200']);
  assert.deepEqual([tap.sink.seen[0]?.requestGaps, tap.sink.seen[0]?.exchange.requestBodyBytes], [1, 10]);
});

test('a gap in an answer body: the exchange is incomplete, and the framing is kept', () => {
  const tap = opened()
    .client(GET())
    .primary('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab')
    .gap(FROM_PRIMARY, 8)
    .client(GET('/next'))
    .primary(OK());
  assert.deepEqual(tap.story, ['GET / 200 tape_gap', 'GET /next 200']);
  assert.equal(tap.counts.incomplete.tape_gap, 1);
});

test('a gap in a chunk keeps the framing, one that goes past it does not', () => {
  const begin = `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n8\r\nab`;
  const kept = opened().client(GET()).primary(begin).gap(FROM_PRIMARY, 6).primary('\r\n0\r\n\r\n');
  assert.deepEqual(kept.story, ['GET / 200 tape_gap']);
  const lost = opened().client(GET()).primary(begin).gap(FROM_PRIMARY, 7).primary('\n0\r\n\r\n');
  assert.deepEqual([lost.story, lost.counts.resynchronised], [['GET / 200 tape_gap'], 0]);
  lost.client(GET('/next')).primary(OK());
  assert.deepEqual(lost.story, ['GET / 200 tape_gap', 'GET /next 200']);
  assert.equal(lost.counts.resynchronised, 1);
});

test('bytes left out because nobody wanted them leave the exchange whole', () => {
  const tap = opened(false)
    .client(GET())
    .primary(`HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n${BINARY}`)
    .gap(FROM_PRIMARY, 99_900, 'skip');
  assert.deepEqual([tap.story, tap.only.exchange.responseBodyBytes], [['GET / 200'], 100_000]);
});

test('a lost head: waits until the client sends after an answer', () => {
  const tap = opened()
    .client('GET /lost HTT')
    .gap(FROM_CLIENT, 50)
    .client('\r\nx: y\r\n\r\n')
    .client(GET('/no-turn-yet'))
    .primary(OK('answer to the lost one'));
  assert.deepEqual([tap.story, tap.counts.resynchronised], [[], 0]);
  tap.client(GET('/seen')).primary(OK());
  assert.deepEqual([tap.story, tap.counts.resynchronised], [['GET /seen 200'], 1]);
});

for (const [what, line, counted] of [
  ['has the form of a request line', 'GET /a b HTTP/1.1\r\n\r\n', 1],
  ['only begins like one', 'GET x y z\r\n\r\n', 0],
  ['is nothing known', '\u0000\u0001', 0],
] as const) {
  test(`what is no request at mid-stream, and ${what}, is counted ${counted} times`, () => {
    const tap = new ObservedTap({ follow: false }).open(1, { midstream: true }).client(line);
    assert.deepEqual(
      [tap.story, tap.counts.http1Requests, tap.counts.incomplete.ambiguous],
      [[], counted, counted],
    );
    // It is no reason to give the rest up.
    tap.primary(OK()).client(GET('/seen')).primary(OK());
    assert.deepEqual(tap.story, ['GET /seen 200']);
  });
}

test('a gap right before what the client sends is no turn: that may be the rest of a body', () => {
  const tap = opened()
    .client(GET('/1'))
    .primary(OK())
    .gap(FROM_CLIENT, 500)
    .primary('HTTP/1.1 100 Continue\r\n\r\n')
    .gap(FROM_CLIENT, 20)
    .client(GET('/within-a-body'))
    .primary(OK())
    .client(GET('/2'))
    .primary(OK());
  assert.deepEqual(tap.story, ['GET /1 200', 'GET /2 200']);
});

test('an answer whose request was lost is paired with nothing', () => {
  const tap = opened().client(GET('/1')).primary(OK('1')).primary(OK('lost'));
  assert.deepEqual(tap.story, ['GET /1 200']);
  tap.gap(FROM_CLIENT, 60).client(GET('/3')).primary(OK('3')).client(GET('/4')).primary(OK('4'));
  assert.deepEqual(tap.story, ['GET /1 200', 'GET /4 200']);
  assert.deepEqual(tap.sink.seen.at(-1)?.responseBody, '4');
});

test('an answer within the head of a request is no turn: the head may go on', () => {
  const tap = opened()
    .client('POST /a HTTP/1.1\r\nx: ')
    .primary('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n')
    .client(GET('/lure'))
    .primary(OK())
    .client(GET('/real'))
    .primary(OK());
  assert.deepEqual(tap.story, ['GET /real 200']);
});

test('after a loss nothing is given out until both directions begin properly', () => {
  const tap = opened().client(GET('/1')).gap(FROM_PRIMARY, 10).primary('tail');
  assert.deepEqual(tap.story, ['GET /1 - tape_gap']);
  tap.client('not a request').primary('HTTP/1.1 200 OK\r\n\r\n');
  assert.equal(tap.counts.incomplete.ambiguous, 0, 'what follows a loss is not held against the client');
  tap.client(GET('/2')).primary('not an answer');
  assert.deepEqual(tap.story, ['GET /1 - tape_gap', 'GET /2 - tape_gap']);
  tap.client(GET('/3')).primary(OK());
  assert.deepEqual(tap.story.at(-1), 'GET /3 200');
  assert.equal(tap.counts.givenUp, 0);
});

test('a connection that pipelined is given up after a loss', () => {
  const tap = opened()
    .client(GET('/1') + GET('/2'))
    .primary(OK() + OK())
    .client(GET('/3'))
    .gap(FROM_PRIMARY, 30)
    .client(GET('/4'))
    .primary(OK());
  assert.deepEqual(tap.story, ['GET /1 200', 'GET /2 200', 'GET /3 - tape_gap']);
  assert.deepEqual([tap.givenUp, tap.counts.givenUp], [[1], 1]);
});

test('a connection whose client sends on while an answer is due, into a gap, has pipelined', () => {
  const tap = opened()
    .client(GET('/1'))
    .gap(FROM_CLIENT, 80)
    .client(GET('/4'))
    .primary(OK('1'))
    .client(GET('/5'))
    .primary(OK('2'));
  assert.deepEqual(tap.story, ['GET /1 - tape_gap']);
  assert.deepEqual(tap.givenUp, [1]);
});

test('pipelining right after a loss gives the connection up: the answers may belong to others', () => {
  const tap = opened()
    .client(GET('/1'))
    .gap(FROM_PRIMARY, 10)
    .primary('tail')
    .client(GET('/2') + GET('/3'))
    .primary(OK() + OK());
  assert.deepEqual(tap.story, ['GET /1 - tape_gap', 'GET /2 - tape_gap']);
  assert.deepEqual(tap.givenUp, [1]);
});

test('a connection that is whole between its losses is taken up again however often', () => {
  const tap = opened();
  for (let loss = 1; loss <= 100; loss++) {
    tap
      .client(GET(`/${loss}`))
      .gap(FROM_PRIMARY, 10)
      .primary('tail')
      .client(GET('/whole'))
      .primary(OK());
  }
  assert.equal(tap.story.filter((line) => line === 'GET /whole 200').length, 100);
  assert.deepEqual([tap.givenUp, tap.counts.resynchronised], [[], 100]);
});

test('a connection is taken up again eight times in a row, and then given up', () => {
  const tap = opened();
  for (let loss = 1; loss <= 9; loss++) {
    assert.deepEqual(tap.givenUp, [], `after ${loss - 1} losses`);
    tap
      .client(GET(`/${loss}`))
      .gap(FROM_PRIMARY, 10)
      .primary('tail');
  }
  assert.deepEqual(tap.givenUp, [1]);
  tap.client(GET('/after')).primary(OK());
  assert.equal(tap.sink.seen.length, 9);
  assert.deepEqual([tap.counts.resynchronised, tap.counts.givenUp], [8, 1]);
});

test('the tape is told to leave out a large body that nobody follows, up to its end', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n';
  const tap = opened(false)
    .client(GET())
    .primary(head + BINARY);
  assert.deepEqual(tap.skips, [
    { id: 1, direction: FROM_PRIMARY, offset: head.length + 100, bytes: 100_000 - 100 },
  ]);
});

test('nothing is left out of a body that is followed, or that is small', () => {
  assert.deepEqual(opened().client(GET()).primary(answerHead(100_000)).skips, []);
  assert.deepEqual(opened(false).client(GET()).primary(answerHead(20_000)).skips, []);
});

test('offsets count what was lost or left out, on a connection that was taken in at mid-stream too', () => {
  const tap = new ObservedTap({ follow: false }).open(1, { midstream: true, offsets: [2 ** 32 - 10, 500] });
  const upload = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n';
  tap.client(upload);
  assert.deepEqual(tap.skips[0], {
    id: 1,
    direction: FROM_CLIENT,
    offset: upload.length - 10,
    bytes: 100_000,
  });
  tap.gap(FROM_CLIENT, 100_000, 'skip').primary(OK()).client(upload);
  assert.equal(tap.skips[1]?.offset, 2 * upload.length + 100_000 - 10);
});

test('a decoder that served another connection brings nothing along', () => {
  const tap = opened()
    .client('POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc')
    .primary('HTTP/1.1 200 OK\r\ncontent-le')
    .close();
  tap.open(2).client(GET('/b'), 2).primary(OK('b'), 2).close(undefined, 2);
  tap.open(3).client(GET('/1').repeat(300), 3).close(undefined, 3);
  tap.open(4).client(GET('/d'), 4).primary(OK('d'), 4);
  assert.deepEqual(tap.story.slice(0, 2), ['POST /a - client_closed', 'GET /b 200']);
  assert.deepEqual(tap.story.at(-1), 'GET /d 200');
  assert.equal(tap.sink.seen.at(-1)?.responseBody, 'd');
});
