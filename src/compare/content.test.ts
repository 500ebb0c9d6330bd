import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createContent, joined, textFault } from './content.ts';

for (const [bytes, type, text] of [
  ['é', '', 'é'],
  ['\ufeffé', '', 'é'],
  ['é', 'text/plain; charset=UTF-8', 'é'],
  [[0xe9], 'text/plain; charset=latin1', 'é'],
  [[0xe9], 'text/plain; charset="iso-8859-1"', 'é'],
  [[0xe9, 0], 'text/plain; charset=utf-16le', 'é'],
  [[0xff, 0xfe, 0xe9, 0], 'text/plain; charset=utf-8', 'é'],
  [[0xfe, 0xff, 0, 0xe9], '', 'é'],
  [[0x82, 0xa0], 'text/plain; charset=shift_jis', 'あ'],
  [[0xe9], '', 'invalid_encoding'],
  [[0xe9], 'text/plain; charset=us-ascii', 'invalid_encoding'],
  [[0xff, 0xfe, 0xe9], '', 'invalid_encoding'],
  ['x', 'text/plain; charset=klingon', 'unknown_charset'],
  ['x', 'text/plain; charset=', 'x'],
] as const) {
  test(`${JSON.stringify(bytes)} as ${type || 'nothing'} is ${text}`, () => {
    const content = createContent(typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes), type);
    equal(content.text() ?? textFault(content), text);
  });
}

test('the media type is taken apart', () => {
  const content = createContent(Buffer.alloc(0), ' Text/HTML ; Charset="utf-8"; q="a;b"');
  deepEqual(
    [content.mediaType, content.parameter('charset'), content.parameter('q'), content.parameter('x')],
    ['text/html', 'utf-8', 'a;b', undefined],
  );
});

test('one piece is not copied', () => {
  const piece = Buffer.from('abc').subarray(1);
  equal(joined([piece]).buffer, piece.buffer);
  equal(joined([piece, Buffer.from('d')]).toString(), 'bcd');
  equal(joined([]).length, 0);
  // Neither zlib nor TextDecoder takes memory that others may write to.
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(0x61);
  equal(joined([shared]).buffer instanceof ArrayBuffer, true);
  equal(joined([shared]).toString(), 'aa');
});
