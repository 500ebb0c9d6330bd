import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBlock, encodeHeaders, encodeNumber, encodeSettings, frame, frameHead } from './encode.ts';
import { FLAG, FRAME } from './frame.ts';
import { FrameDecoder, HTTP2_LIMITS } from './frame-decoder.ts';
import type { Http2Events, Http2Limits } from './frame-decoder.ts';
import type { Field } from './static-table.ts';

/** What came, in words; content that was cut differently reads the same. */
class Recorder implements Http2Events {
  readonly lines: string[] = [];
  readonly #content = new Map<number, string>();

  headers(stream: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    const text = fields?.map(([name, value]) => `${name}=${value}`).join(' ') ?? 'too large';
    this.#note(`headers ${stream} ${text}${endStream ? ' end' : ''}`);
  }
  data(stream: number, chunk: Uint8Array): void {
    assert.ok(chunk.length > 0);
    this.#content.set(stream, (this.#content.get(stream) ?? '') + Buffer.from(chunk).toString('latin1'));
  }
  dataGap(stream: number, bytes: number): void {
    this.#note(`gap ${stream} ${bytes}`);
  }
  end(stream: number): void {
    this.#note(`end ${stream}`);
  }
  reset(stream: number, code: number): void {
    this.#note(`reset ${stream} ${code}`);
  }
  setting(parameter: number, value: number): void {
    this.#note(`setting ${parameter} ${value}`);
  }
  settingsAcknowledged(): void {
    this.#note('settings acknowledged');
  }
  windowUpdate(stream: number, bytes: number): void {
    this.#note(`window ${stream} ${bytes}`);
  }
  ping(payload: Uint8Array, acknowledged: boolean): void {
    this.#note(`ping ${Buffer.from(payload).toString('hex')}${acknowledged ? ' acknowledged' : ''}`);
  }
  pushPromise(stream: number, promised: number): void {
    this.#note(`push ${stream} ${promised}`);
  }
  goAway(lastStream: number, code: number): void {
    this.#note(`go away ${lastStream} ${code}`);
  }
  fault(fault: string): void {
    this.#note(`fault ${fault}`);
  }

  finish(): readonly string[] {
    this.#flush();
    return this.lines;
  }

  #note(line: string): void {
    this.#flush();
    this.lines.push(line);
  }

  #flush(): void {
    for (const [stream, text] of this.#content) this.lines.push(`data ${stream} ${text}`);
    this.#content.clear();
  }
}

function decode(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  limits: Http2Limits = HTTP2_LIMITS,
): readonly string[] {
  const recorder = new Recorder();
  const decoder = new FrameDecoder(recorder, limits);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    // Bytes of its own for each call, written over afterwards: views are valid during the call only.
    const chunk = Uint8Array.from(bytes.subarray(from, cut));
    decoder.write(chunk);
    chunk.fill(0xee);
    from = cut;
  }
  return recorder.finish();
}

const GET: readonly Field[] = [
  [':method', 'GET'],
  [':path', '/'],
];
const GET_TEXT = ':method=GET :path=/';
const block = encodeBlock(GET);
const text = (content: string): Buffer => Buffer.from(content, 'latin1');
const padded = (octets: string, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(octets.length), content, text(octets)]);

interface Case {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: readonly string[];
}

const WHOLE: readonly Case[] = [
  {
    name: 'HEADERS and DATA',
    bytes: Buffer.concat([encodeHeaders(1, GET, false), frame(FRAME.data, FLAG.endStream, 1, text('hello'))]),
    expected: [`headers 1 ${GET_TEXT}`, 'data 1 hello', 'end 1'],
  },
  {
    name: 'HEADERS that end the stream',
    bytes: encodeHeaders(7, GET, true),
    expected: [`headers 7 ${GET_TEXT} end`],
  },
  {
    name: 'HEADERS with padding and priority',
    bytes: frame(
      FRAME.headers,
      FLAG.padded | FLAG.priority | FLAG.endHeaders,
      3,
      padded('pad', Buffer.concat([Buffer.of(0x80, 0, 0, 1, 15), block])),
    ),
    expected: [`headers 3 ${GET_TEXT}`],
  },
  {
    name: 'a block over CONTINUATION frames, one of them empty',
    bytes: Buffer.concat([
      frame(FRAME.headers, FLAG.endStream, 5, block.subarray(0, 1)),
      frame(FRAME.continuation, 0, 5, new Uint8Array()),
      frame(FRAME.continuation, FLAG.endHeaders, 5, block.subarray(1)),
    ]),
    expected: [`headers 5 ${GET_TEXT} end`],
  },
  {
    name: 'DATA with padding, with nothing but padding, and empty',
    bytes: Buffer.concat([
      frame(FRAME.data, FLAG.padded, 1, padded('....', text('ab'))),
      frame(FRAME.data, FLAG.padded, 1, padded('..', new Uint8Array())),
      frame(FRAME.data, FLAG.padded, 1, padded('', text('cd'))),
      frame(FRAME.data, 0, 1, new Uint8Array()),
      frame(FRAME.data, FLAG.endStream, 1, new Uint8Array()),
    ]),
    expected: ['data 1 abcd', 'end 1'],
  },
  {
    name: 'interleaved streams',
    bytes: Buffer.concat([
      frame(FRAME.data, 0, 1, text('a')),
      frame(FRAME.data, FLAG.endStream, 3, text('b')),
      frame(FRAME.data, FLAG.endStream, 1, text('c')),
    ]),
    expected: ['data 1 a', 'data 3 b', 'end 3', 'data 1 c', 'end 1'],
  },
  {
    name: 'frames of the connection',
    bytes: Buffer.concat([
      encodeSettings([
        [1, 100],
        [99, 4_294_967_295],
      ]),
      frame(FRAME.settings, FLAG.ack, 0, new Uint8Array()),
      frame(FRAME.ping, 0, 0, text('01234567')),
      frame(FRAME.ping, FLAG.ack, 0, text('76543210')),
      encodeNumber(FRAME.windowUpdate, 0, 65_535),
      encodeNumber(FRAME.resetStream, 9, 8),
      frame(FRAME.goAway, 0, 0, Buffer.concat([Buffer.of(0, 0, 0, 5, 0, 0, 0, 2), text('debug')])),
    ]),
    expected: [
      'setting 1 100',
      'setting 99 4294967295',
      'settings acknowledged',
      'ping 3031323334353637',
      'ping 3736353433323130 acknowledged',
      'window 0 65535',
      'reset 9 8',
      'go away 5 2',
    ],
  },
  {
    name: 'PRIORITY and unknown frames, passed over',
    bytes: Buffer.concat([
      frame(FRAME.priority, 0, 3, Buffer.of(0, 0, 0, 1, 7)),
      frame(0x0c, 0xff, 0, text('origin')),
      frame(0xfa, 0, 77, new Uint8Array()),
      frame(0x10, 0, 0, text('\0\0\0\x03u=1')),
      encodeHeaders(3, GET, true),
    ]),
    expected: [`headers 3 ${GET_TEXT} end`],
  },
  {
    name: 'PUSH_PROMISE, whose block keeps the table right',
    bytes: Buffer.concat([
      frame(
        FRAME.pushPromise,
        FLAG.padded | FLAG.endHeaders,
        1,
        padded('xx', Buffer.concat([Buffer.of(0, 0, 0, 2), text('\x40\x01a\x01b')])),
      ),
      frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.of(0xbe)),
    ]),
    expected: ['push 1 2', 'headers 1 a=b'],
  },
  {
    name: 'the reserved bit of a stream identifier, ignored',
    bytes: frame(FRAME.data, FLAG.endStream, 0x80000001, text('x')),
    expected: ['data 1 x', 'end 1'],
  },
  {
    name: 'a fault, and nothing after it',
    bytes: Buffer.concat([frame(FRAME.data, 0, 0, text('x')), encodeHeaders(1, GET, true)]),
    expected: ['fault malformed_frame'],
  },
];

for (const { name, bytes, expected } of WHOLE) {
  test(`decodes ${name}, however it is cut`, () => {
    assert.deepEqual(decode(bytes), expected);
    for (let cut = 1; cut < bytes.length; cut++)
      assert.deepEqual(decode(bytes, [cut]), expected, `cut at ${cut}`);
    const everywhere = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1);
    assert.deepEqual(decode(bytes, everywhere), expected);
  });
}

const empty = new Uint8Array();
const MALFORMED: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['DATA on stream 0', frame(FRAME.data, 0, 0, text('x'))],
  ['empty DATA on stream 0', frame(FRAME.data, 0, 0, empty)],
  ['HEADERS on stream 0', encodeHeaders(0, GET, false)],
  ['PUSH_PROMISE on stream 0', frame(FRAME.pushPromise, FLAG.endHeaders, 0, Buffer.of(0, 0, 0, 2, 0x82))],
  ['PRIORITY on stream 0', frame(FRAME.priority, 0, 0, Buffer.alloc(5))],
  ['RST_STREAM on stream 0', encodeNumber(FRAME.resetStream, 0, 1)],
  ['SETTINGS on a stream', frame(FRAME.settings, 0, 1, empty)],
  ['PING on a stream', frame(FRAME.ping, 0, 1, Buffer.alloc(8))],
  ['GOAWAY on a stream', frame(FRAME.goAway, 0, 1, Buffer.alloc(8))],
  ['CONTINUATION without HEADERS', frame(FRAME.continuation, FLAG.endHeaders, 1, block)],
  ['SETTINGS cut short', frame(FRAME.settings, 0, 0, Buffer.alloc(5))],
  ['an acknowledgement with settings', frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6))],
  ['PING of seven octets', frame(FRAME.ping, 0, 0, Buffer.alloc(7))],
  ['RST_STREAM of five octets', frame(FRAME.resetStream, 0, 1, Buffer.alloc(5))],
  ['WINDOW_UPDATE of three octets', frame(FRAME.windowUpdate, 0, 1, Buffer.alloc(3))],
  ['GOAWAY of seven octets', frame(FRAME.goAway, 0, 0, Buffer.alloc(7))],
  ['DATA with more padding than payload', frame(FRAME.data, FLAG.padded, 1, Buffer.of(3, 0, 0))],
  ['empty DATA with padding', frame(FRAME.data, FLAG.padded, 1, empty)],
  [
    'HEADERS with more padding than payload',
    frame(FRAME.headers, FLAG.padded | FLAG.endHeaders, 1, Buffer.of(2, 0x82)),
  ],
  ['empty HEADERS with padding', frame(FRAME.headers, FLAG.padded | FLAG.endHeaders, 1, empty)],
  [
    'HEADERS too short for its priority',
    frame(FRAME.headers, FLAG.priority | FLAG.endHeaders, 1, Buffer.alloc(4)),
  ],
  ['PUSH_PROMISE too short for its stream', frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(3))],
  ['DATA within a block', Buffer.concat([frame(FRAME.headers, 0, 1, block), frame(FRAME.data, 0, 1, empty)])],
  [
    'CONTINUATION of another stream',
    Buffer.concat([frame(FRAME.headers, 0, 1, block), frame(FRAME.continuation, 0, 3, block)]),
  ],
  [
    'an unknown frame within a block',
    Buffer.concat([frame(FRAME.headers, 0, 1, block), frame(99, 0, 1, empty)]),
  ],
];

for (const [name, bytes] of MALFORMED) {
  test(`${name} is a fault`, () => {
    assert.deepEqual(
      decode(bytes).filter((line) => !line.startsWith('push')),
      ['fault malformed_frame'],
    );
  });
}

test('compression that cannot be read is a fault of its own', () => {
  const bytes = frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.of(0xff));
  assert.deepEqual(decode(bytes), ['fault malformed_headers']);
});

test('a frame may be as long as the other side has allowed', () => {
  const bytes = frame(FRAME.data, FLAG.endStream, 1, Buffer.alloc(16_385, 'x'));
  assert.deepEqual(decode(bytes), ['fault oversized_frame']);
  const recorder = new Recorder();
  const decoder = new FrameDecoder(recorder);
  decoder.allowFrames(20_000);
  // What was sent before a lower limit arrived may come after it.
  decoder.allowFrames(16_384);
  decoder.write(bytes);
  assert.equal(recorder.finish().at(-1), 'end 1');
});

test('an unknown frame is never collected, however long it may be', () => {
  const decoder = new FrameDecoder(new Recorder());
  decoder.allowFrames(2 ** 24);
  decoder.write(frameHead(0xbb, 0, 0, 2 ** 24 - 1));
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 255; i++) decoder.write(new Uint8Array(65_536));
  decoder.write(new Uint8Array(65_535));
  assert.equal(decoder.over, false);
  assert.ok(process.memoryUsage().arrayBuffers - before < 48 * 1024 * 1024);
});

test('a CONTINUATION flood ends in a fault', () => {
  const small = Array.from({ length: 33 }, () => frame(FRAME.continuation, 0, 1, empty));
  assert.deepEqual(decode(Buffer.concat([frame(FRAME.headers, 0, 1, block), ...small])), [
    'fault header_flood',
  ]);
  const large = Array.from({ length: 5 }, () => frame(FRAME.continuation, 0, 1, Buffer.alloc(16_384, 0x82)));
  assert.deepEqual(decode(Buffer.concat([frame(FRAME.headers, 0, 1, block), ...large])), [
    'fault header_flood',
  ]);
});

test('a header list past the limit comes without its fields, and the next one whole', () => {
  const limits: Http2Limits = { ...HTTP2_LIMITS, hpack: { ...HTTP2_LIMITS.hpack, listBytes: 100 } };
  const bytes = Buffer.concat([
    encodeHeaders(1, [...GET, ['x', 'y'.repeat(100)]], true),
    encodeHeaders(3, GET, true),
  ]);
  assert.deepEqual(decode(bytes, [], limits), ['headers 1 too large end', `headers 3 ${GET_TEXT} end`]);
});

const IDLE: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['SETTINGS', encodeSettings([])],
  ['PING', frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['PRIORITY', frame(FRAME.priority, 0, 1, Buffer.alloc(5))],
  ['empty DATA', frame(FRAME.data, 0, 1, empty)],
  ['DATA of nothing but padding', frame(FRAME.data, FLAG.padded, 1, Buffer.of(1, 0))],
  ['unknown frames', frame(0xaa, 0, 0, text('grease'))],
];

for (const [name, bytes] of IDLE) {
  test(`${name} without end is a fault, but not over a longer time or between requests`, () => {
    const limits: Http2Limits = { ...HTTP2_LIMITS, idleFrames: 10 };
    const recorder = new Recorder();
    const decoder = new FrameDecoder(recorder, limits);
    const ten = Buffer.concat(Array.from({ length: 10 }, () => bytes));
    decoder.write(ten);
    decoder.calm();
    decoder.write(ten);
    decoder.write(encodeHeaders(3, GET, true));
    decoder.write(ten);
    assert.equal(decoder.over, false);
    decoder.write(bytes);
    assert.equal(recorder.finish().at(-1), 'fault control_flood');
  });
}

const content = frame(FRAME.data, FLAG.endStream | FLAG.padded, 1, padded('____', text('abcdefgh')));

test('a loss within content is survived, also where it takes padding with it', () => {
  const frames = Buffer.concat([content, encodeHeaders(3, GET, true)]);
  for (let from = 10; from < content.length; from++) {
    for (let to = from + 1; to <= content.length; to++) {
      const recorder = new Recorder();
      const decoder = new FrameDecoder(recorder);
      decoder.write(frames.subarray(0, from));
      decoder.gap(to - from);
      decoder.write(frames.subarray(to));
      const lines = recorder.finish();
      const lost = lines.find((line) => line.startsWith('gap'))?.split(' ')[2] ?? '0';
      const seen = lines
        .filter((line) => line.startsWith('data'))
        .join('')
        .replaceAll('data 1 ', '');
      assert.equal(Number(lost) + seen.length, 8, `${from}..${to}`);
      assert.deepEqual(lines.slice(-2), ['end 1', `headers 3 ${GET_TEXT} end`]);
    }
  }
});

const LOSSES: readonly (readonly [name: string, before: Uint8Array, bytes: number])[] = [
  ['between frames', content, 1],
  ['in the head of a frame', content.subarray(0, 5), 1],
  ['of the length of the padding', content.subarray(0, 9), 1],
  ['past the end of its frame', content.subarray(0, 12), content.length - 11],
  ['in a header block', encodeHeaders(1, GET, true).subarray(0, 10), 1],
];

for (const [name, before, bytes] of LOSSES) {
  test(`a loss ${name} ends the decoding`, () => {
    const recorder = new Recorder();
    const decoder = new FrameDecoder(recorder);
    decoder.write(before);
    decoder.gap(bytes);
    decoder.gap(bytes);
    decoder.write(content);
    assert.deepEqual(
      recorder.finish().filter((line) => line.startsWith('fault')),
      ['fault gap'],
    );
  });
}
