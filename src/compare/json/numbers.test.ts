import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalNumber, near } from './numbers.ts';

for (const [text, canonical] of [
  ['0', '0'],
  ['-0', '0'],
  ['0.000', '0'],
  ['0e5', '0'],
  ['1', '1'],
  ['-1.0', '-1'],
  ['10', '1e1'],
  ['1e1', '1e1'],
  ['1E+0001', '1e1'],
  ['0.1e2', '1e1'],
  ['12.50', '125e-1'],
  ['0.00125', '125e-5'],
  ['12345678901234567890', '1234567890123456789e1'],
  ['1e-0', '1'],
  ['1e999999999', '1e999999999'],
  ['1e99999999999999999999', '1e99999999999999999999+0'],
] as const) {
  test(`${text} is ${canonical}`, () => equal(canonicalNumber(text), canonical));
}

for (const [left, right, absolute, relative, expected] of [
  ['1', '1.4', 0.5, 0, true],
  ['1', '1.6', 0.5, 0, false],
  ['100', '101', 0, 0.01, true],
  ['-100', '100', 0, 0.01, false],
  ['9007199254740993', '9007199254740995', 1, 0, false],
  ['9007199254740993', '9007199254740994', 1, 0, true],
  ['1e400', '2e400', 1, 0.5, false],
  ['0', '0.0', 0, 0, true],
] as const) {
  test(`${left} is ${expected ? '' : 'not '}within ${absolute} or ${relative} of ${right}`, () =>
    equal(near(left, right, { absolute, relative }), expected));
}

test('a million digits are no work', () => {
  const digits = '7'.repeat(1_000_000);
  equal(canonicalNumber(`${digits}.0`), digits);
  equal(near(digits, `${digits}1`, { absolute: 1, relative: 0 }), false);
});
