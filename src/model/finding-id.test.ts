import { equal, match, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { findingId } from './finding-id.ts';

test('a finding keeps its id over versions', () => {
  equal(findingId('v2', 'GET /orders/{id}', 'body.total', 'value'), '348d0de7698c995a');
});

test('an id is 16 hexadecimal digits, whatever the names are', () => {
  match(findingId('', '', '', 'status'), /^[0-9a-f]{16}$/);
  match(findingId('é', '\u0000', '\ud800'.repeat(10_000), 'header'), /^[0-9a-f]{16}$/);
});

const unlike: readonly (readonly [string, Parameters<typeof findingId>, Parameters<typeof findingId>])[] = [
  ['the mirror', ['a', 'r', 'p', 'value'], ['b', 'r', 'p', 'value']],
  ['the route', ['a', 'r', 'p', 'value'], ['a', 's', 'p', 'value']],
  ['the path', ['a', 'r', 'p', 'value'], ['a', 'r', 'q', 'value']],
  ['the kind', ['a', 'r', 'p', 'value'], ['a', 'r', 'p', 'type']],
  ['where a name ends', ['a', 'br', 'p', 'value'], ['ab', 'r', 'p', 'value']],
  ['a quote', ['a","b', 'c', 'p', 'value'], ['a', 'b","c', 'p', 'value']],
  ['half a character', ['a', 'r', '\ud800', 'value'], ['a', 'r', '\ud801', 'value']],
];
for (const [what, left, right] of unlike) {
  test(`another id follows from ${what}`, () => notEqual(findingId(...left), findingId(...right)));
}
