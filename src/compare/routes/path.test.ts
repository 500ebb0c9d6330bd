import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { segmentsOf } from './path.ts';

const cases: readonly (readonly [what: string, path: string, segments: readonly string[]])[] = [
  ['the root', '/', ['']],
  ['a path', '/a/b', ['a', 'b']],
  ['a slash at the end', '/a/', ['a', '']],
  ['two slashes', '/a//b', ['a', '', 'b']],
  ['unreserved characters that are encoded', '/%61/%7e', ['a', '~']],
  ['other encoded ones, in upper case', '/a%2fb/%c3%a4', ['a%2Fb', '%C3%A4']],
  ['what is no encoding', '/100%/%zz', ['100%', '%zz']],
  ['dot segments', '/a/./b/../c', ['a', 'c']],
  ['encoded dot segments', '/a/%2e%2e/c', ['c']],
  ['more dot segments than there is to leave', '/../../a', ['a']],
  ['path parameters', '/a;jsessionid=17/b;v=1', ['a', 'b']],
  ['braces, which would look like a placeholder', '/{id}/%7Bid%7D', ['%7Bid%7D', '%7Bid%7D']],
  ['stars, which would look like a rest', '/**/a', ['%2A%2A', 'a']],
  ['controls and bytes', '/a\n\u00e4\u0000', ['a%0A%E4%00']],
  ['%00', '/a%00b', ['a%00b']],
  ['characters of other scripts', '/\u65e5', ['%E6%97%A5']],
  ['half a character', '/\ud800', ['%EF%BF%BD']],
];

for (const [what, path, segments] of cases)
  test(`segments: ${what}`, () => deepEqual(segmentsOf(path), segments));

test('what is too deep is a rest', () => {
  equal(segmentsOf('/a'.repeat(16)).length, 16);
  deepEqual(segmentsOf('/a'.repeat(17)), [...Array.from({ length: 16 }, () => 'a'), '**']);
  deepEqual(segmentsOf('/'.repeat(5000)), [...Array.from({ length: 16 }, () => ''), '**']);
});

test('what is too long is a rest, and no segment is cut', () => {
  deepEqual(segmentsOf(`/a/${'b'.repeat(2000)}/c`), ['a', '**']);
  deepEqual(segmentsOf(`/${'b'.repeat(2000)}`), ['**']);
});
