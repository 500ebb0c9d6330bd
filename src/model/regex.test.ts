import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../kit/errors.ts';
import { MAX_PATTERN_LENGTH, MAX_SUBJECT_LENGTH, compilePattern } from './regex.ts';

const cases: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['/v[0-9]+', '/v12', true],
  ['/v[0-9]+', '/v12/x', false],
  ['/v[0-9]+', 'x/v12', false],
  ['/v[0-9]+.*', '/v12/x', true],
  ['a|b', 'ab', false],
  ['^a$', 'a', true],
  ['(?i)abc', 'ABC', true],
  ['', '', true],
  ['', 'a', false],
  [String.raw`\p{Greek}+`, 'αβγ', true],
];

for (const [pattern, text, matches] of cases) {
  test(`${pattern} ${matches ? 'matches' : 'does not match'} the whole of "${text}"`, () => {
    assert.equal(compilePattern(pattern)(text), matches);
  });
}

for (const pattern of [
  '(',
  'a**',
  '(?=a)',
  String.raw`(a)\1`,
  '[z-a]',
  '(((a{1000}){1000}){1000}',
  'a'.repeat(MAX_PATTERN_LENGTH + 1),
  '(a{30}){40}',
]) {
  test(`refuses ${pattern.slice(0, 30)}`, () => {
    assert.throws(() => compilePattern(pattern), UserError);
  });
}

test('does not look at texts over the limit', () => {
  const matches = compilePattern('a*');
  assert.equal(matches('a'.repeat(MAX_SUBJECT_LENGTH)), true);
  assert.equal(matches('a'.repeat(MAX_SUBJECT_LENGTH + 1)), false);
});

test('takes time in proportion to the text where backtracking takes exponential time', () => {
  for (const pattern of ['(a|a)*b', '(a*)*b', '(a|aa)+b', '(x+x+)+y']) {
    const text = pattern.includes('x') ? 'x'.repeat(MAX_SUBJECT_LENGTH) : 'a'.repeat(MAX_SUBJECT_LENGTH);
    const start = performance.now();
    assert.equal(compilePattern(pattern)(text), false);
    assert.ok(performance.now() - start < 2000);
  }
});
