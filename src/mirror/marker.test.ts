import { equal, match, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '../model/exchange.ts';
import { createMarker, isOwnCopy } from './marker.ts';

const key = Buffer.from('0123456789abcdef');
const MINUTE = 60_000;
const NOW = 29_000_000 * MINUTE;

/** The header lines of a copy. */
function linesOf(secret: Uint8Array, policy: string, mirror: string, id: string): string {
  const marker = createMarker(secret, policy, mirror);
  return `X-Understudy-Mirror: ${marker.mirror}\r\nx-understudy-id: ${marker.id(id, NOW)}\r\n`;
}

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

test('names policy and mirror, and signs the id', () => {
  const marker = createMarker(key, 'orders-v2', 'v2');
  equal(marker.mirror, 'orders-v2/v2');
  match(marker.id('w1-7f', NOW), /^w1-7f\.[0-9a-z]+-[\w-]{16}$/);
});

test('recognises its own copies, and those of an instance with the same key', () => {
  equal(isOwnCopy(headOf(linesOf(key, 'p', 'm', 'id')), Buffer.from(key), NOW), true);
  equal(isOwnCopy(headOf(linesOf(key, 'p', 'm', 'id.with.dots')), key, NOW), true);
});

test('names that are no header characters are escaped', () => {
  equal(createMarker(key, 'ä/b\r\nx: y', 'm').mirror, '%C3%A4%2Fb%0D%0Ax%3A%20y/m');
  equal(isOwnCopy(headOf(linesOf(key, 'ä/b\r\nx: y', 'm', '1')), key, NOW), true);
});

test('is valid for ten minutes, and tolerates clocks that differ a little', () => {
  const head = headOf(linesOf(key, 'p', 'm', 'id'));
  equal(isOwnCopy(head, key, NOW + 10 * MINUTE), true);
  equal(isOwnCopy(head, key, NOW + 11 * MINUTE), false);
  equal(isOwnCopy(head, key, NOW - 2 * MINUTE), true);
  equal(isOwnCopy(head, key, NOW - 3 * MINUTE), false);
});

test('the tag changes with the minute, also for the same mirror', () => {
  const marker = createMarker(key, 'p', 'm');
  equal(marker.id('a', NOW), marker.id('a', NOW + MINUTE - 1));
  notEqual(marker.id('a', NOW), marker.id('a', NOW + MINUTE));
});

const genuine = linesOf(key, 'p', 'm', 'id');
const FORGED: readonly (readonly [string, string])[] = [
  ['another key', linesOf(Buffer.from('another'), 'p', 'm', 'id')],
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
