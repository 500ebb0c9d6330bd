import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { PARTS_LIMIT } from './multipart-parts.ts';
import { compareMultipart } from './multipart.ts';

/** Parts as `header lines|body`, joined by a boundary. */
function multipart(parts: readonly string[], boundary = 'xyz', type = 'mixed', end = '\r\n') {
  const texts = parts.map((part) => {
    const [header = '', body = ''] = part.split('|');
    const lines = header === '' ? '' : header.split('\n').join(end) + end;
    return `--${boundary}${end}${lines}${end}${body}${end}`;
  });
  return contentOf(
    `preamble${end}${texts.join('')}--${boundary}--${end}epilogue`,
    `multipart/${type}; boundary="${boundary}"`,
  );
}

function differences(primary: ReturnType<typeof multipart>, other: ReturnType<typeof multipart>) {
  const { context, shown } = collectingContext();
  return compareMultipart(primary, other, 'body', context) ?? shown();
}

const field = (name: string, body: string, more = '') =>
  `Content-Disposition: form-data; name="${name}"${more}|${body}`;
const form = (...parts: readonly string[]) => multipart(parts, 'b1', 'form-data');

test('boundaries and line ends say nothing', () =>
  assert.deepEqual(
    differences(multipart(['|a', '|b']), multipart(['|a', '|b'], 'other', 'mixed', '\n')),
    [],
  ));

for (const [fact, primary, other, expected] of [
  ['another part', ['|a', '|b'], ['|a', '|c'], ['value body[]:text/plain']],
  ['a part gone', ['|a', '|b', '|c'], ['|a', '|c'], ['length body']],
  [
    'a part of another type',
    ['Content-Type: application/json|1'],
    ['Content-Type: text/html|1'],
    ['header body[].@header.content-type'],
  ],
  [
    'a part by its type',
    ['Content-Type: application/json|1'],
    ['content-type: application/json|2'],
    ['value body[]:application/json'],
  ],
  ['a header gone', ['X-A: 1|a'], ['|a'], ['missing body[].@header.x-a']],
  ['a continued header', ['X-A: 1\n 2|a'], ['X-A: 1 2|a'], []],
] as const) {
  test(`finds ${fact}`, () => assert.deepEqual(differences(multipart(primary), multipart(other)), expected));
}

for (const [fact, primary, other, expected] of [
  [
    'fields in another order',
    form(field('a', '1'), field('b', '2')),
    form(field('b', '2'), field('a', '1')),
    [],
  ],
  ['another value', form(field('a', '1')), form(field('a', '2')), ['value body.a:text/plain']],
  ['a field gone', form(field('a', '1'), field('b', '2')), form(field('a', '1')), ['missing body.b']],
  ['a field more', form(field('a', '1')), form(field('a', '1'), field('b', '')), ['added body.b']],
  [
    'files by their names',
    form(field('f', 'x', '; filename="1"'), field('f', 'y', '; filename="2"')),
    form(field('f', 'y', '; filename="2"')),
    ['length body.f'],
  ],
  [
    'another file name',
    form(field('f', 'x', '; filename="1"')),
    form(field('f', 'x', '; filename="2"')),
    ['header body.f.@header.content-disposition'],
  ],
] as const) {
  test(`compares in a form ${fact}`, () => assert.deepEqual(differences(primary, other), expected));
}

const type = 'multipart/mixed; boundary=b';
for (const [fact, body, contentType, fault] of [
  ['without a boundary', '--b\r\n\r\na\r\n--b--', 'multipart/mixed', 'malformed'],
  ['cut off', '--b\r\n\r\na\r\n--b\r\n\r\nb', type, 'malformed'],
  ['cut off within a boundary', '--b\r\n\r\na\r\n--b-', type, 'malformed'],
  ['with no parts', '--b--', type, 'malformed'],
  ['with a part that has no end of its header', '--b\r\nX-A: 1\r\n--b--', type, 'malformed'],
  ['with nothing in it', '', type, 'malformed'],
  ['with too many parts', `${'--b\r\n\r\n\r\n'.repeat(PARTS_LIMIT + 2)}--b--`, type, 'too_many_values'],
] as const) {
  test(`a body ${fact} is ${fault}`, () => {
    const { context } = collectingContext();
    const good = contentOf('--b\n\na\n--b--', type);
    assert.deepEqual(compareMultipart(contentOf(body, contentType), good, 'body', context), {
      primary: fault,
      other: undefined,
    });
  });
}

test('a boundary within a line, and one that is longer, is none', () => {
  const one = contentOf('--b\r\n\r\nx --b\r\n--bc\r\n--b--', type);
  const two = contentOf('--b\r\n\r\nx --b\r\n--bd\r\n--b--', type);
  assert.deepEqual(differences(one, two), ['value body[]:text/plain']);
});
