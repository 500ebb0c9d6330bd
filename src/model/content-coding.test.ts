import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { ALWAYS_ALLOWED_BYTES, decodeBody, RATIO_MAX } from './content-coding.ts';

const LIMIT = 8 * 1024 * 1024;
const TEXT = Buffer.from(
  JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ id, name: `n${id * 7919}` }))),
);

const CODED: readonly (readonly [codings: string, bytes: Buffer])[] = [
  ['', TEXT],
  ['identity', TEXT],
  ['gzip', gzipSync(TEXT)],
  ['X-GZIP', gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['deflate', deflateRawSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
  ['zstd', zstdCompressSync(TEXT)],
  ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
  ['deflate , identity, gzip,br', brotliCompressSync(gzipSync(deflateSync(TEXT)))],
];
for (const [codings, bytes] of CODED) {
  test(`${codings || 'nothing'} is taken off`, () => {
    const decoded = decodeBody(bytes, codings, LIMIT);
    equal(decoded.fault, undefined);
    ok(decoded.bytes.equals(TEXT));
  });
  if (codings === '' || codings === 'identity') continue;
  test(`${codings} that is cut is truncated, wherever it is cut`, () => {
    for (let end = 1; end < bytes.length; end += 13) {
      equal(decodeBody(bytes.subarray(0, end), codings, LIMIT).fault, 'truncated_coding', String(end));
    }
  });
}

const zeros = Buffer.alloc(ALWAYS_ALLOWED_BYTES * 8);
for (const [name, bytes, codings, limit, fault] of [
  ['an unknown coding', TEXT, 'compress', LIMIT, 'unknown_coding'],
  ['a known one upon an unknown one', gzipSync(TEXT), 'compress, gzip', LIMIT, 'unknown_coding'],
  ['four codings', TEXT, 'gzip, gzip, gzip, gzip', LIMIT, 'unknown_coding'],
  ['a thousand codings', TEXT, 'gzip,'.repeat(1000), LIMIT, 'unknown_coding'],
  ['no gzip', TEXT, 'gzip', LIMIT, 'malformed_coding'],
  ['no deflate', Buffer.alloc(64, 0xff), 'deflate', LIMIT, 'malformed_coding'],
  ['no br', Buffer.alloc(64, 0xff), 'br', LIMIT, 'malformed_coding'],
  ['no zstd', TEXT, 'zstd', LIMIT, 'malformed_coding'],
  ['more than the limit', gzipSync(TEXT), 'gzip', 100, 'bomb'],
  ['zeros', gzipSync(zeros), 'gzip', LIMIT, 'bomb'],
  ['zeros', brotliCompressSync(zeros), 'br', LIMIT, 'bomb'],
  ['zeros', zstdCompressSync(zeros), 'zstd', LIMIT, 'bomb'],
  ['zeros in zeros', gzipSync(gzipSync(zeros)), 'gzip, gzip', LIMIT, 'bomb'],
] as const) {
  test(`${name} as ${codings.slice(0, 30)} is ${fault}`, () => {
    const decoded = decodeBody(bytes, codings, limit);
    deepEqual([decoded.fault, decoded.bytes === bytes], [fault, true]);
  });
}

test('what the beginning of a cut body says is compared', () => {
  const fast = gzipSync(TEXT, { level: 0 });
  const named = Buffer.from(fast);
  // The time in the head of a gzip member says nothing (RFC 1952).
  named[4] = 7;
  const cut = decodeBody(fast.subarray(0, 2000), 'gzip', LIMIT);
  const other = decodeBody(named.subarray(0, 2000), 'gzip', LIMIT);
  ok(cut.bytes.length > 1000 && cut.bytes.equals(other.bytes));
});

test('no content has no coding', () => {
  deepEqual(decodeBody(Buffer.alloc(0), 'gzip', LIMIT), { bytes: Buffer.alloc(0), fault: undefined });
});

test('text may be repetitive', () => {
  const text = Buffer.from('{"available":true},'.repeat(100_000));
  const bytes = gzipSync(text);
  ok(text.length / bytes.length < RATIO_MAX);
  equal(decodeBody(bytes, 'gzip', LIMIT).fault, undefined);
});
