import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordRequests } from '../../../test/fixtures/http1-recorder.ts';
import { EncodeError, encodeChunk, encodeLastChunk, encodeRequestHead } from './encode.ts';

const HOST = ['Host', 'a'] as const;

function refuses(code: string, encode: () => unknown): void {
  assert.throws(
    encode,
    (error) => error instanceof EncodeError && error instanceof TypeError && error.code === code,
  );
}

describe('a request head', () => {
  test('is read back as what was given', () => {
    const fields = [
      ['host', 'h:1'],
      ['X-Empty', ''],
      ['x-octets', '\t\x80\xff'],
      ['x-empty', 'again'],
    ] as const;
    const { last } = recordRequests([encodeRequestHead('PATCH', '/a?b=c', fields, 'none')]);
    assert.equal(last.start, 'PATCH /a?b=c HTTP/1.1');
    assert.deepEqual(last.framing, { kind: 'none' });
    assert.deepEqual(last.fields, [
      ['host', 'h:1'],
      ['X-Empty', ''],
      ['x-octets', '\x80\xff'],
      ['x-empty', 'again'],
    ]);
  });

  test('holds the framing that was asked for', () => {
    for (const [body, framing] of [
      [0, { kind: 'length', bytes: 0 }],
      [Number.MAX_SAFE_INTEGER, { kind: 'length', bytes: Number.MAX_SAFE_INTEGER }],
      ['chunked', { kind: 'chunked' }],
    ] as const) {
      const { last } = recordRequests([encodeRequestHead('POST', '/', [HOST], body)]);
      assert.deepEqual(last.framing, framing);
    }
  });

  for (const [code, method, target, fields, body] of [
    ['bad_method', '', '/', [HOST], 'none'],
    ['bad_method', 'GET ', '/', [HOST], 'none'],
    ['bad_method', 'GET\r\n', '/', [HOST], 'none'],
    ['bad_method', 'G\u0145T', '/', [HOST], 'none'],
    ['bad_target', 'GET', '', [HOST], 'none'],
    ['bad_target', 'GET', '/ HTTP/1.1\r\nX: y', [HOST], 'none'],
    ['bad_target', 'GET', '/\u0120', [HOST], 'none'],
    ['bad_target', 'GET', '/\xfc', [HOST], 'none'],
    ['bad_target', 'GET', '/#x', [HOST], 'none'],
    ['bad_field_name', 'GET', '/', [HOST, ['', 'x']], 'none'],
    ['bad_field_name', 'GET', '/', [HOST, ['a:', 'x']], 'none'],
    ['bad_field_name', 'GET', '/', [HOST, ['a\r\nb', 'x']], 'none'],
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\r\ny: z']], 'none'],
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\ny']], 'none'],
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\ry']], 'none'],
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\0']], 'none'],
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\x7f']], 'none'],
    // Latin1 keeps the low octet only: U+010D U+010A would be CR LF on the wire.
    ['bad_field_value', 'GET', '/', [HOST, ['a', 'x\u010d\u010ay']], 'none'],
    ['bad_host', 'GET', '/', [], 'none'],
    ['bad_host', 'GET', '/', [HOST, ['hOST', 'b']], 'none'],
    ['framing_field', 'GET', '/', [HOST, ['Content-Length', '1']], 'none'],
    ['framing_field', 'GET', '/', [HOST, ['transfer-ENCODING', 'chunked']], 'chunked'],
    ['bad_length', 'GET', '/', [HOST], -1],
    ['bad_length', 'GET', '/', [HOST], 1.5],
    ['bad_length', 'GET', '/', [HOST], Number.NaN],
    ['bad_length', 'GET', '/', [HOST], 2 ** 53],
  ] as const) {
    test(`is refused with ${code}: ${JSON.stringify([method, target, ...fields, body])}`, () => {
      refuses(code, () => encodeRequestHead(method, target, fields, body));
    });
  }
});

describe('chunks', () => {
  test('are read back as what was given', () => {
    const pieces = ['', 'a', '', 'b'.repeat(16), 'c'.repeat(70_000)];
    const { last } = recordRequests([
      encodeRequestHead('POST', '/', [HOST], 'chunked'),
      ...pieces.map((piece) => encodeChunk(Buffer.from(piece))),
      encodeLastChunk([['X-Sum', 'y']]),
    ]);
    assert.deepEqual(last.content, [pieces.join('')]);
    assert.deepEqual(last.trailers, [['X-Sum', 'y']]);
  });

  test('hold a copy of shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(0x61);
    const chunk = encodeChunk(shared);
    shared.fill(0);
    assert.equal(chunk.toString('latin1'), '3\r\naaa\r\n');
  });

  test('end without trailers too', () => {
    assert.equal(encodeLastChunk().toString('latin1'), '0\r\n\r\n');
  });

  for (const [code, trailer] of [
    ['bad_field_value', ['a', 'b\r\n\r\nGET / HTTP/1.1']],
    ['bad_field_name', ['a b', 'c']],
    ['framing_field', ['Content-Length', '0']],
  ] as const) {
    test(`refuse a trailer with ${code}`, () => refuses(code, () => encodeLastChunk([trailer])));
  }
});
