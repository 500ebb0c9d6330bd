import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createDeflateRaw, constants, deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { closePayload, encodeClientFrame, OPCODE } from './frame.ts';
import { MessageDecoder } from './message-decoder.ts';
import type { MessageDecoderOptions } from './message-decoder.ts';

const LIMITS = { messageBytes: 100_000, frames: 100 };
const MASK = Buffer.from([1, 2, 250, 4]);

function reader(part: Partial<MessageDecoderOptions> = {}) {
  const seen: string[] = [];
  const decoder = new MessageDecoder(
    { sender: 'server', deflate: undefined, limits: LIMITS, ...part },
    {
      message: (kind, payload) => seen.push(`${kind} ${payload.toString('latin1')}`),
      lost: () => seen.push('lost'),
      ping: (payload) => seen.push(`ping ${Buffer.from(payload).toString()}`),
      close: (code, reason) => seen.push(`close ${code} ${reason}`),
      fault: (reason) => seen.push(reason),
    },
  );
  return { decoder, seen };
}

function frame(first: number, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload as string);
  if (bytes.length < 126) return Buffer.concat([Buffer.from([first, bytes.length]), bytes]);
  const length = Buffer.alloc(4);
  length[0] = first;
  length[1] = 126;
  length.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([length, bytes]);
}

test('reads messages in any pieces, with control frames between their fragments', () => {
  const stream = Buffer.concat([
    frame(0x01, 'Hel'),
    frame(0x89, 'are you there'),
    frame(0x80, 'lo'),
    frame(0x82, Buffer.from([0, 255])),
    frame(0x81, 'x'.repeat(300)),
    frame(0x88, closePayload(1001, 'bye')),
    frame(0x81, 'behind the end'),
  ]);
  const expected = [
    'ping are you there',
    'text Hello',
    'binary \0\u00ff',
    `text ${'x'.repeat(300)}`,
    'close 1001 bye',
  ];
  for (const size of [1, 2, 7, stream.length]) {
    const { decoder, seen } = reader();
    for (let at = 0; at < stream.length; at += size) decoder.write(stream.subarray(at, at + size));
    deepEqual(seen, expected);
  }
});

test('ends at what RFC 6455 has a peer fail the connection for', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['a reserved bit', frame(0xa1, 'x'), 'malformed'],
    ['compression that was not agreed on', frame(0xc1, 'x'), 'malformed'],
    ['a reserved opcode', frame(0x83, 'x'), 'malformed'],
    ['a fragmented ping', frame(0x09, 'x'), 'malformed'],
    ['a long ping', frame(0x89, 'x'.repeat(126)), 'malformed'],
    ['a mask from a server', encodeClientFrame(OPCODE.text, Buffer.from('x'), MASK), 'malformed'],
    ['a continuation of nothing', frame(0x80, 'x'), 'malformed'],
    ['a message within a message', Buffer.concat([frame(0x01, 'x'), frame(0x81, 'y')]), 'malformed'],
    ['a length that is not the shortest', Buffer.from([0x81, 126, 0, 5]), 'malformed'],
    ['a length of 2^63', Buffer.from([0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0]), 'malformed'],
    ['text that is no UTF-8', frame(0x81, Buffer.from([0xff])), 'malformed'],
    ['half a close code', frame(0x88, 'x'), 'malformed'],
    ['a close code for programs only', frame(0x88, Buffer.from([0x03, 0xed])), 'malformed'],
    ['a message that is too long', Buffer.from([0x82, 127, 0, 0, 0, 0, 0x7f, 0, 0, 0]), 'too_large'],
    [
      'frames without end',
      Buffer.concat([frame(0x01, ''), ...Array(100).fill(frame(0x00, ''))]),
      'too_large',
    ],
  ];
  for (const [name, bytes, fault] of cases) {
    const { decoder, seen } = reader();
    decoder.write(bytes);
    decoder.write(frame(0x81, 'more'));
    deepEqual(seen, [fault], name);
  }
});

test('an empty close has code 1005', () => {
  const { decoder, seen } = reader();
  decoder.write(frame(0x88, ''));
  deepEqual(seen, ['close 1005 ']);
});

test('a gap within a payload costs that message, and any other the rest', () => {
  const first = frame(0x81, 'abcdef');
  const { decoder, seen } = reader();
  decoder.write(first.subarray(0, 4));
  decoder.gap(4);
  decoder.write(frame(0x81, 'next'));
  decoder.write(first.subarray(0, 4));
  decoder.gap(5);
  decoder.write(frame(0x81, 'never'));
  deepEqual(seen, ['lost', 'text next', 'gap']);
});

test('a gap in a ping costs nothing, and in a Close frame the end', () => {
  const { decoder, seen } = reader();
  decoder.write(frame(0x01, 'a'));
  decoder.write(frame(0x89, 'ping').subarray(0, 2));
  decoder.gap(4);
  decoder.write(frame(0x80, 'b'));
  decoder.write(frame(0x88, closePayload(1000)).subarray(0, 3));
  decoder.gap(1);
  deepEqual(seen, ['text ab', 'gap']);
});

test('inflates messages that refer to earlier ones', async () => {
  for (const windowBits of [9, 12, 15]) {
    const deflater = createDeflateRaw({ windowBits });
    const chunks: Buffer[] = [];
    deflater.on('data', (chunk: Buffer) => chunks.push(chunk));
    const { decoder, seen } = reader({ deflate: { takeover: true } });
    const texts = [
      '{"name":"first","list":[1,2,3]}',
      '{"name":"second","list":[1,2,3]}',
      'z'.repeat(50_000),
      'zzzz',
    ];
    for (const text of texts) {
      deflater.write(text);
      await new Promise<void>((resolve) => {
        deflater.flush(constants.Z_SYNC_FLUSH, resolve);
      });
      const whole = Buffer.concat(chunks.splice(0));
      decoder.write(frame(0xc1, whole.subarray(0, -4)));
    }
    deepEqual(
      seen,
      texts.map((text) => `text ${text}`),
    );
  }
});

test('a lost message costs those after it where they refer to it, and no others', () => {
  const compressed = deflateRawSync('hello hello hello', { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
    0,
    -4,
  );
  for (const [takeover, expected] of [
    [true, ['gap']],
    [false, ['lost', 'text hello hello hello']],
  ] as const) {
    const { decoder, seen } = reader({ deflate: { takeover } });
    decoder.write(frame(0xc1, compressed).subarray(0, 5));
    decoder.gap(compressed.length - 3);
    decoder.write(frame(0xc1, compressed));
    deepEqual(seen, expected);
  }
});

test('refuses what inflates to more than the limit, and what cannot be inflated', () => {
  const sync = { finishFlush: constants.Z_SYNC_FLUSH };
  const bomb = deflateRawSync(Buffer.alloc(10_000_000), sync).subarray(0, -4);
  for (const [payload, fault] of [
    [bomb, 'too_large'],
    [Buffer.from([0x06, 0xff, 0xff]), 'malformed_deflate'],
    [
      Buffer.concat([deflateRawSync('last block'), Buffer.from('and something behind it')]),
      'malformed_deflate',
    ],
  ] as const) {
    const { decoder, seen } = reader({ deflate: { takeover: true } });
    decoder.write(frame(0xc2, payload));
    deepEqual(seen, [fault]);
  }
  const { decoder, seen } = reader({ deflate: { takeover: true } });
  // RFC 7692 §7.2.3.4: a block that says it is the last one.
  decoder.write(frame(0xc1, Buffer.from([0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00])));
  deepEqual(seen, ['text Hello']);
});

test('what is encoded is read back', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70_000 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      (payload, mask) => {
        const { decoder, seen } = reader({ sender: 'client' });
        decoder.write(encodeClientFrame(OPCODE.binary, payload, mask));
        equal(seen[0], `binary ${Buffer.from(payload).toString('latin1')}`);
      },
    ),
    { numRuns: 30 },
  );
});

test('any bytes in any pieces with any gaps come to an end, and to the same as in one piece', () => {
  const bytes = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(0x01, 0x81, 0x82, 0x80, 0xc1, 0x88, 0x89), fc.string({ maxLength: 20 }))
        .map(([first, text]) => frame(first, text)),
    ),
  );
  fc.assert(
    fc.property(bytes, fc.nat(20), fc.boolean(), (parts, size, takeover) => {
      const stream = Buffer.concat(parts);
      const whole = reader({ deflate: { takeover } });
      whole.decoder.write(stream);
      const pieces = reader({ deflate: { takeover } });
      for (let at = 0; at < stream.length; at += size + 1)
        pieces.decoder.write(stream.subarray(at, at + size + 1));
      deepEqual(pieces.seen, whole.seen);
      const holed = reader({ deflate: { takeover } });
      for (const [at, part] of parts.entries()) {
        if (at % 3 === 1) holed.decoder.gap(part.length);
        else holed.decoder.write(part);
      }
    }),
    { numRuns: 300 },
  );
});
