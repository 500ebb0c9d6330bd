import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern, fits, PathRules } from './path-pattern.ts';
import { pathSteps } from './path.ts';

const CASES: readonly (readonly [pattern: string, path: string, fits: boolean])[] = [
  ['body.price', 'body.price', true],
  ['body.price', 'body.price.net', false],
  ['body.price.net', 'body.price', false],
  ['body.*', 'body.price', true],
  ['body.*', 'body["odd name"]', true],
  ['body.*', 'body', false],
  ['body.*', 'body[]', false],
  ['body.*', 'body.a.b', false],
  ['body.**', 'body.a[].b', true],
  ['body.**', 'body', true],
  ['body.a.**', 'body.ab', false],
  ['**', 'status', true],
  ['**', 'body.x', true],
  ['body.items[].price', 'body.items[].price', true],
  ['body.items[].*', 'body.items[].price', true],
  ['body.*[].price', 'body.items[].price', true],
  ['header.*', 'header.x-build', true],
  ['header.*', 'trailer.x-build', false],
  ['*.x', 'trailer.x', true],
  ['body["*"]', 'body.x', false],
  ['body["*"]', 'body["*"]', true],
  ['body["x"]', 'body.x', true],
  ['body["[]"]', 'body[]', false],
];
for (const [text, path, expected] of CASES) {
  test(`${text} ${expected ? 'fits' : 'does not fit'} ${path}`, () => {
    const pattern = compilePattern(text);
    equal(pattern !== undefined && fits(pattern, pathSteps(path) ?? []), expected);
  });
}

test('the first rule that fits counts, asked once or often', () => {
  const rules = new PathRules<number>([
    ['body.a', 1],
    ['body.*', 2],
    ['no path[', 3],
  ]);
  for (let i = 0; i < 2; i++) {
    equal(rules.find('body.a'), 1);
    equal(rules.find('body.b'), 2);
    deepEqual(rules.all('body.a'), [1, 2]);
    equal(rules.find('body'), undefined);
  }
});

test('what is remembered is bounded, and stays right', () => {
  const rules = new PathRules<number>([['body.*', 1]]);
  for (let i = 0; i < 10_000; i++) equal(rules.find(`body.k${i}`), 1);
  equal(rules.find('header.x'), undefined);
});
