import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { assert, constantFrom, nat, property, string } from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';
import { UserError } from './errors.ts';

const readCases: readonly (readonly [string, number])[] = [
  ['250ms', 250],
  ['5s', 5000],
  ['1m30s', 90_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['0', 0],
  ['0s', 0],
  ['1.5s', 1500],
  [' 10s ', 10_000],
];
for (const [text, ms] of readCases) {
  test(`reads "${text}" as ${ms} ms`, () => equal(parseDuration(text), ms));
}

for (const text of [
  '',
  ' ',
  '5',
  '-5s',
  '5 s',
  '5S',
  's',
  '1e3s',
  '5s?',
  'five',
  '.5s',
  '1m 30s',
  'NaN',
  '5s\n5s',
]) {
  test(`refuses ${JSON.stringify(text)} and says how to write it`, () => {
    throws(
      () => parseDuration(text),
      (error) => error instanceof UserError && error.hint !== undefined,
    );
  });
}

const writeCases: readonly (readonly [number, string])[] = [
  [0, '0s'],
  [250, '250ms'],
  [90_000, '1m30s'],
  [86_400_000, '1d'],
  [90_061_001, '1d1h1m1s1ms'],
];
for (const [ms, text] of writeCases) {
  test(`writes ${ms} ms as ${text}`, () => equal(formatDuration(ms), text));
}

test('reads what it writes', () => {
  assert(property(nat({ max: 10 ** 12 }), (ms) => parseDuration(formatDuration(ms)) === ms));
});

test('no text makes it hang or throw anything but a user error', () => {
  assert(
    property(
      string({ unit: constantFrom('1', '9', '.', 'm', 's', 'h', ' ', '-', 'x'), maxLength: 40 }),
      (text) => {
        try {
          return Number.isFinite(parseDuration(text));
        } catch (error) {
          return error instanceof UserError;
        }
      },
    ),
  );
});
