import { equal, match, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '../model/exchange.ts';
import { createMarker, isOwnCopy } from './marker.ts';

const key = Buffer.from('0123456789abcdef');
const MINUTE = 60_000;
const NOW = 29_000_000 * MINUTE;

function headOf(lines: string): RequestHead {
  const fields = lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
  return {
    method: 'GET',
    target: '/',
    path: '/',
    query: '',
    authority: '',
    header: (name) => fields.find(([field]) => field.toLowerCase() === name)?.[1],
    headers: () => fields,
  };
}

test('writes two whole header lines', () => {
  match(
    createMarker(key, 'orders-v2', 'v2')('w1-7f', NOW),
    /^x-understudy-mirror: orders-v2\/v2\r\nx-understudy-id: w1-7f\.[0-9a-z]+-[\w-]{16}\r\n$/,
  );
});

test('recognises its own copies, and those of an instance with the same key', () => {
  equal(isOwnCopy(headOf(createMarker(key, 'p', 'm')('id', NOW)), Buffer.from(key), NOW), true);
  equal(isOwnCopy(headOf(createMarker(key, 'p', 'm')('id.with.dots', NOW)), key, NOW), true);
});

test('names that are no header characters are escaped', () => {
  const marker = createMarker(key, 'ä/b\r\nx: y', 'm')('1', NOW);
  equal(marker.split('\r\n').length, 3);
  equal(isOwnCopy(headOf(marker), key, NOW), true);
});

test('is valid for ten minutes, and tolerates clocks that differ a little', () => {
  const head = headOf(createMarker(key, 'p', 'm')('id', NOW));
  equal(isOwnCopy(head, key, NOW + 10 * MINUTE), true);
  equal(isOwnCopy(head, key, NOW + 11 * MINUTE), false);
  equal(isOwnCopy(head, key, NOW - 2 * MINUTE), true);
  equal(isOwnCopy(head, key, NOW - 3 * MINUTE), false);
});

test('the tag changes with the minute, also for the same mirror', () => {
  const write = createMarker(key, 'p', 'm');
  equal(write('a', NOW), write('a', NOW + MINUTE - 1));
  notEqual(write('a', NOW), write('a', NOW + MINUTE));
});

const genuine = createMarker(key, 'p', 'm')('id', NOW);
const FORGED: readonly (readonly [string, string])[] = [
  ['another key', createMarker(Buffer.from('another'), 'p', 'm')('id', NOW)],
  ['a tag of another mirror', genuine.replace('p/m', 'p/n')],
  ['a changed tag', genuine.replace(/.\r\n$/, (end) => (end.startsWith('A') ? 'B\r\n' : 'A\r\n'))],
  ['a longer tag', genuine.replace(/\r\n$/, 'A\r\n')],
  ['no tag', 'x-understudy-mirror: p/m\r\nx-understudy-id: id\r\n'],
  ['no mirror', genuine.slice(genuine.indexOf('\r\n') + 2)],
  ['no id', genuine.slice(0, genuine.indexOf('\r\n') + 2)],
  ['nothing at all', ''],
];

for (const [what, lines] of FORGED) {
  test(`does not recognise ${what}`, () => equal(isOwnCopy(headOf(lines), key, NOW), false));
}
