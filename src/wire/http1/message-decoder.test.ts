import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  cutAt,
  recordRequests,
  recordResponses,
  requestRecording,
  responseRecording,
} from '../../../test/fixtures/http1-recorder.ts';
import { RequestDecoder, ResponseDecoder } from './decoder.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';
const CONNECT = 'CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\n';

const headOf = (bytes: number) => `GET /${'x'.repeat(bytes - 27)} HTTP/1.1\r\nHost: a\r\n\r\n`;
const fields = (count: number) => `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(count - 1)}\r\n`;
const post = (target: string) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n`;
const withTrailer = (name: string) =>
  latin1(`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${name}: 123456\r\n\r\n`);

/** CPU time for a head of about this size, microseconds. */
function octetByOctet(bytes: number): number {
  const stream = latin1(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(bytes)}\r\n\r\n`);
  const decoder = new RequestDecoder(requestRecording(), { headBytes: 1 << 20, trailerBytes: 0 });
  const before = process.cpuUsage();
  for (let i = 0; i < stream.length; i++) decoder.write(stream.subarray(i, i + 1));
  return process.cpuUsage(before).user;
}

describe('trailers', () => {
  const chunked = `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`;

  test('come with the end, without the white space around them', () => {
    const { messages } = recordRequests([latin1(`${chunked}X-Sum: 1 2 \r\nB:\r\n\r\n${GET}`)]);
    assert.deepEqual(messages[0]?.trailers, [
      ['X-Sum', '1 2'],
      ['B', ''],
    ]);
  });

  test('are undefined when there are none', () => {
    assert.equal(recordRequests([latin1(`${chunked}\r\n`)]).last.trailers, undefined);
  });
});

describe('limits', () => {
  const limits = { headBytes: 64, trailerBytes: 16 };
  test('a head of exactly the limit is taken', () => {
    assert.equal(headOf(64).length, 64);
    assert.equal(recordRequests([latin1(headOf(64))], { limits }).last.ended, true);
  });

  for (const [name, pieces] of [
    ['whole', [latin1(headOf(65))]],
    ['cut', [latin1(headOf(65).slice(0, 40)), latin1(headOf(65).slice(40))]],
    ['as far as the limit', [latin1(headOf(65).slice(0, 64))]],
  ] as const) {
    test(`a longer head is not, ${name}`, () => {
      assert.equal(recordRequests(pieces, { limits, close: false }).brokenBy, 'head_too_large');
    });
  }

  test('the empty line before a request does not count', () => {
    assert.equal(recordRequests([latin1(`\r\n${headOf(64)}`)], { limits }).last.ended, true);
  });

  test('the trailer section has its own', () => {
    const answer = { limits: { headBytes: 1024, trailerBytes: 16 } };
    assert.equal(recordResponses([withTrailer('abcd')], ['GET'], answer).last.ended, true);
    assert.equal(recordResponses([withTrailer('abcde')], ['GET'], answer).brokenBy, 'head_too_large');
  });

  test('1000 fields are taken, more are not', () => {
    assert.equal(recordRequests([latin1(fields(1000))]).last.fields.length, 1000);
    const { brokenBy, detail } = recordRequests([latin1(fields(1001))]);
    assert.deepEqual([brokenBy, detail], ['head_too_large', 'more than 1000 fields']);
  });

  test('a chunk line is refused past 4096 octets, wherever it is cut', () => {
    const head = latin1(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    const line = (bytes: number) => latin1(`1;a=${'b'.repeat(bytes - 6)}\r\nx\r\n0\r\n\r\n`);
    assert.equal(recordRequests([head, line(4096)]).last.ended, true);
    assert.equal(recordRequests([head, line(4097)]).brokenBy, 'bad_chunk');
    const endless = Array.from({ length: 5000 }, () => latin1('0'));
    assert.equal(recordRequests([head, ...endless]).brokenBy, 'bad_chunk');
  });
});

describe('gaps', () => {
  const length = latin1(`${POST}Content-Length: 10\r\n\r\nabc`);
  const chunked = latin1(`${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nab`);

  test('within a content length keep the framing', () => {
    const { messages } = recordRequests([length, 4, latin1(`hij${GET}`)]);
    assert.deepEqual(messages[0]?.content, ['abc', 4, 'hij']);
    assert.equal(messages[1]?.start, 'GET / HTTP/1.1');
  });

  test('may be the rest of a content length', () => {
    const { messages } = recordRequests([length, 7, latin1(GET)]);
    assert.deepEqual(messages[0]?.content, ['abc', 7]);
    assert.equal(messages[0]?.ended, true);
    assert.equal(messages[1]?.ended, true);
  });

  test('within chunk data keep the framing', () => {
    const { messages } = recordRequests([chunked, 3, latin1(`\r\n1\r\nz\r\n0\r\n\r\n${GET}`)]);
    assert.deepEqual(messages[0]?.content, ['ab', 3, 'z']);
    assert.equal(messages[1]?.ended, true);
  });

  test('within content until close keep the framing', () => {
    const { last } = recordResponses([latin1(`${OK}\r\nab`), 1000, latin1('c')], ['GET']);
    assert.deepEqual(last.content, ['ab', 1000, 'c']);
    assert.equal(last.ended, true);
  });

  test('within a tunnel are passed on', () => {
    assert.deepEqual(recordRequests([latin1(`${CONNECT}ab`), 7, latin1('c')]).tunnelled, ['ab', 7, 'c']);
  });

  for (const [name, pieces] of [
    ['past a content length', [length, 8]],
    ['past chunk data', [chunked, 4]],
    ['between messages', [latin1(GET), 1]],
    ['before anything', [1]],
    ['within a head', [latin1('GET'), 1]],
    ['between CR and LF', [latin1('\r'), 1]],
    ['within a chunk line', [latin1(`${POST}Transfer-Encoding: chunked\r\n\r\n5`), 1]],
    ['after chunk data', [chunked, latin1('cde'), 2]],
    ['within trailers', [latin1(`${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nA`), 1]],
  ] as const) {
    test(`${name} break the stream`, () => {
      const recording = recordRequests([...pieces, latin1(GET)]);
      assert.equal(recording.brokenBy, 'gap');
    });
  }

  test('of nothing are nothing', () => {
    const recording = recordRequests([0, latin1(GET), 0, Number.NaN, -1, latin1(GET)]);
    assert.equal(recording.messages.length, 2);
    assert.equal(recording.brokenBy, undefined);
  });
});

test('skippable and idle follow the stream', () => {
  const decoder = new RequestDecoder(requestRecording());
  const steps: [text: string, skippable: number, idle: boolean][] = [
    ['', 0, true],
    ['\r', 0, false],
    ['\n', 0, true],
    ['P', 0, false],
    [`${POST.slice(1)}Content-Length: 5\r\n\r\n`, 5, false],
    ['ab', 3, false],
    ['cde', 0, true],
    [`${POST}Transfer-Encoding: chunked\r\n\r\n`, 0, false],
    ['a\r\n', 10, false],
    ['0123456789', 0, false],
    ['\r\n0\r\n', 0, false],
    ['\r\n', 0, true],
    [CONNECT, 0, false],
  ];
  for (const [text, skippable, idle] of steps) {
    decoder.write(latin1(text));
    assert.deepEqual([decoder.skippable, decoder.idle], [skippable, idle], text);
  }
  decoder.tunnel();
  assert.equal(decoder.skippable, Infinity);
  decoder.reset();
  assert.deepEqual([decoder.skippable, decoder.idle], [0, true]);
  decoder.write(latin1('\0'));
  assert.deepEqual([decoder.skippable, decoder.idle], [0, false]);
});

test('content until close and an accepted tunnel can be skipped for ever', () => {
  for (const [method, head] of [
    ['GET', `${OK}\r\n`],
    ['CONNECT', `${OK}\r\n`],
    ['GET', 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ] as const) {
    const decoder = new ResponseDecoder(responseRecording(), () => method);
    decoder.write(latin1(head));
    assert.equal(decoder.skippable, Infinity, head);
  }
});

describe('tunnel()', () => {
  test('between messages takes effect at once', () => {
    const recording = requestRecording();
    const decoder = new RequestDecoder(recording);
    decoder.write(latin1(UPGRADE));
    decoder.tunnel();
    decoder.write(latin1('\x81\x05hello'));
    decoder.close();
    assert.deepEqual(recording.tunnelled, ['\x81\x05hello']);
    assert.equal(recording.brokenBy, undefined);
  });

  test('within a body takes effect after the message', () => {
    const recording = requestRecording();
    const decoder = new RequestDecoder(recording);
    decoder.write(latin1(`${POST}Upgrade: x\r\nContent-Length: 3\r\n\r\na`));
    decoder.tunnel();
    assert.equal(decoder.skippable, 2);
    decoder.write(latin1('bcraw'));
    assert.deepEqual(recording.last.content, ['abc']);
    assert.equal(recording.last.ended, true);
    assert.deepEqual(recording.tunnelled, ['raw']);
  });

  test('hands out what came early', () => {
    const recording = requestRecording();
    const decoder = new RequestDecoder(recording);
    decoder.write(latin1(`${UPGRADE}he`));
    decoder.write(latin1('ll'));
    decoder.tunnel();
    decoder.write(latin1('o'));
    assert.deepEqual(recording.tunnelled, ['hello']);
  });

  test('from within end() takes the rest of the chunk along', () => {
    const recording = requestRecording();
    const decoder: RequestDecoder = new RequestDecoder({
      head: (head, framing) => recording.head(head, framing),
      body: (chunk) => recording.body(chunk),
      bodyGap: (bytes) => recording.bodyGap(bytes),
      end(trailers) {
        recording.end(trailers);
        decoder.tunnel();
      },
      tunnel: (chunk) => recording.tunnel(chunk),
      broken: (reason, detail) => recording.broken(reason, detail),
    });
    decoder.write(latin1(`${UPGRADE}raw`));
    assert.deepEqual(recording.tunnelled, ['raw']);
  });
});

describe('reset()', () => {
  test('after a refused CONNECT takes HTTP up again', () => {
    const recording = requestRecording();
    const decoder = new RequestDecoder(recording);
    decoder.write(latin1(CONNECT));
    decoder.reset();
    decoder.write(latin1(GET));
    assert.deepEqual(recording.starts, ['CONNECT b:1 HTTP/1.1', 'GET / HTTP/1.1']);
  });

  test('ends the silence after a broken stream', () => {
    const recording = requestRecording();
    const decoder = new RequestDecoder(recording);
    decoder.write(latin1('\0'));
    decoder.write(latin1(GET));
    decoder.gap(5);
    decoder.close();
    decoder.tunnel();
    assert.deepEqual([recording.messages.length, recording.brokenBy], [0, 'not_http']);
    decoder.reset();
    decoder.write(latin1(GET));
    assert.equal(recording.messages.length, 1);
  });

  test('from within broken() drops the rest of that chunk', () => {
    const reasons: string[] = [];
    const starts: string[] = [];
    const decoder: RequestDecoder = new RequestDecoder({
      head: (head) => void starts.push(head.target),
      body: () => {},
      bodyGap: () => {},
      end: () => {},
      tunnel: () => {},
      broken(reason) {
        reasons.push(reason);
        decoder.reset();
      },
    });
    for (const bad of [
      '\0',
      '\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      `${POST}Transfer-Encoding: chunked\r\n\r\nx`,
    ]) {
      decoder.write(latin1(`${bad}${GET}${GET}`));
    }
    decoder.write(latin1('GET /next HTTP/1.1\r\nHost: a\r\n\r\n'));
    assert.deepEqual(reasons, ['not_http', 'bad_start_line', 'bad_header', 'bad_chunk']);
    assert.deepEqual(starts, ['/', '/next']);
  });

  test('from within head(), body() and bodyGap() begins a message with the octet after', () => {
    const starts: string[] = [];
    const ends: string[] = [];
    let resetIn: 'head' | 'body' | 'gap' | undefined;
    const decoder: RequestDecoder = new RequestDecoder({
      head(head) {
        starts.push(head.target);
        if (resetIn === 'head') decoder.reset();
      },
      body() {
        if (resetIn === 'body') decoder.reset();
      },
      bodyGap() {
        if (resetIn === 'gap') decoder.reset();
      },
      end: () => void ends.push('end'),
      tunnel: () => {},
      broken: (reason) => assert.fail(reason),
    });
    resetIn = 'head';
    decoder.write(latin1(`${post('/1')}${post('/2')}`));
    resetIn = 'body';
    decoder.write(latin1(`${post('/3')}abc${post('/4')}`));
    resetIn = 'gap';
    decoder.gap(3);
    decoder.write(latin1(`${post('/5')}`));
    assert.deepEqual(starts, ['/1', '/2', '/3', '/4', '/5']);
    assert.deepEqual(ends, []);
  });
});

test('a piece of a body is a view of what was written', () => {
  const views: Uint8Array[] = [];
  const decoder = new RequestDecoder({
    head: () => {},
    body: (chunk) => void views.push(chunk),
    bodyGap: () => {},
    end: () => {},
    tunnel: () => {},
    broken: (reason) => assert.fail(reason),
  });
  const chunk = latin1(`${POST}Content-Length: 6\r\n\r\nabc`);
  const rest = latin1('def');
  decoder.write(chunk);
  decoder.write(rest);
  assert.equal(views[0]?.buffer, chunk.buffer);
  assert.equal(views[1], rest);
});

test('the method that a response answers is asked for once per head', () => {
  let asked = 0;
  const decoder = new ResponseDecoder(responseRecording(), () => {
    asked++;
    return 'GET';
  });
  decoder.write(
    latin1(`HTTP/1.1 100 C\r\n\r\n${OK}Content-Length: 1\r\n\r\nx${OK}Content-Length: 0\r\n\r\n`),
  );
  assert.equal(asked, 3);
});

test('a large head is the same however it is cut', () => {
  const lines = Array.from({ length: 200 }, (_, i) => `x-${i}: ${'v'.repeat(i)}\r\n`).join('');
  const stream = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${GET}`);
  const whole = recordRequests([stream]).outcome();
  assert.equal(whole.messages[0]?.fields.length, 201);
  for (const size of [1, 7, 511, 512, 513, 1448, 20_000]) {
    const offsets = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => i * size);
    assert.deepEqual(recordRequests(cutAt(stream, offsets)).outcome(), whole);
  }
});

test('a large head cut into single octets costs time in proportion to its size', () => {
  // Looking at everything again with each octet would take hundreds of times as long.
  octetByOctet(20_000);
  assert.ok(octetByOctet(400_000) < 200 * octetByOctet(20_000));
});
