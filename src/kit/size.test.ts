import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { assert, maxSafeNat, property } from 'fast-check';
import { UserError } from './errors.ts';
import { formatSize, parseSize } from './size.ts';

const readCases: readonly (readonly [string, number])[] = [
  ['0', 0],
  ['512', 512],
  ['512B', 512],
  ['64KiB', 65_536],
  ['64 KiB', 65_536],
  ['1MiB', 1_048_576],
  ['2GB', 2_000_000_000],
  ['1.5kB', 1500],
  ['3GiB', 3_221_225_472],
];
for (const [text, bytes] of readCases) {
  test(`reads "${text}" as ${bytes} bytes`, () => equal(parseSize(text), bytes));
}

for (const text of [
  '',
  '-1',
  '1 XB',
  'KiB',
  '1K',
  '1kib',
  '1e3',
  '1MiB2',
  'toString',
  '1toString',
  '1constructor',
  '1__proto__',
]) {
  test(`refuses ${JSON.stringify(text)} and says how to write it`, () => {
    throws(
      () => parseSize(text),
      (error) => error instanceof UserError && error.hint !== undefined,
    );
  });
}

test('writes the largest binary unit that keeps it exact', () => {
  equal(formatSize(0), '0B');
  equal(formatSize(1000), '1000B');
  equal(formatSize(1024), '1KiB');
  equal(formatSize(1_048_576), '1MiB');
  equal(formatSize(1_049_600), '1025KiB');
  equal(formatSize(1024 ** 3), '1GiB');
});

test('reads what it writes', () => {
  assert(property(maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
});
