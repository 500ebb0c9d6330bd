import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareText } from './text.ts';
import type { CollectingOptions } from '../format-fixture.ts';

function differences(primary: string, other: string, options: CollectingOptions = {}) {
  const { context, found } = collectingContext(options);
  assert.equal(compareText(contentOf(primary), contentOf(other), 'body', context), undefined);
  return found.map(({ kind, risk, primary: one, other: two }) => [kind, risk, one, two]);
}

const cases: readonly (readonly [
  fact: string,
  primary: string,
  other: string,
  expected: readonly (readonly [string, string, string | undefined, string | undefined])[],
])[] = [
  ['equal texts', 'a\nb', 'a\nb', []],
  ['a line replaced', 'a\nb\nc\n', 'a\nx\nc\n', [['value', 'medium', 'b', 'x']]],
  ['a line gone', 'a\nb\nc\n', 'a\nc\n', [['missing', 'medium', 'b', undefined]]],
  ['a line more', 'a\nc\n', 'a\nb\nc\n', [['added', 'low', undefined, 'b']]],
  ['everything gone', 'a', '', [['missing', 'medium', 'a', undefined]]],
  [
    'two places',
    'a\nb\nc\nd\ne',
    'A\nb\nc\nd\nE',
    [
      ['value', 'medium', 'a', 'A'],
      ['value', 'medium', 'e', 'E'],
    ],
  ],
  ['another order', 'a\nb\nc', 'c\na\nb', [['order', 'medium', 'a', 'c']]],
  ['line ends', 'a\r\nb\r\n', 'a\nb\n', [['value', 'low', 'line ends CRLF', 'line ends LF']]],
  [
    'a last line without its end',
    'a\nb\n',
    'a\nb',
    [['value', 'low', 'line ends LF', 'line ends LF, none at the end']],
  ],
  ['volatile parts of lines', 'made 2026-11-22T19:50:21Z\nx', 'made 2026-11-22T19:50:22Z\nx', []],
  [
    'a volatile line beside one that changed',
    'at 1795377021\nx',
    'at 1795377022\ny',
    [['value', 'medium', 'x', 'y']],
  ],
];
for (const [fact, primary, other, expected] of cases) {
  test(`finds ${fact}`, () => assert.deepEqual(differences(primary, other), expected));
}

test('texts with more lines than the limit are only told apart', () => {
  const text = 'a\n'.repeat(20);
  assert.equal(differences(`${text}x\ny`, `${text}X\nY`, { limits: { values: 10 } }).length, 1);
});

test('an order that says nothing is none', () =>
  assert.deepEqual(differences('a\nb', 'b\na', { unordered: ['body'] }), []));

test('bytes that are no text are a fault of their side', () => {
  const { context, found } = collectingContext();
  const faults = compareText(contentOf(Buffer.from([0xff])), contentOf('a'), 'body', context);
  assert.deepEqual(faults, { primary: 'invalid_encoding', other: undefined });
  const strange = contentOf('a', 'text/plain; charset=none-such');
  assert.deepEqual(compareText(strange, contentOf('b'), 'body', context), {
    primary: 'unknown_charset',
    other: undefined,
  });
  assert.deepEqual(found, []);
});
