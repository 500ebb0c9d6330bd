import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareForm } from './form.ts';
import type { CollectingOptions } from '../format-fixture.ts';

function differences(primary: string, other: string, options?: CollectingOptions) {
  const { context, shown } = collectingContext(options);
  return compareForm(contentOf(primary), contentOf(other), 'body', context) ?? shown();
}

for (const [fact, primary, other, expected] of [
  ['equal fields', 'a=1&b=2', 'b=2&a=1', []],
  ['other escapes', 'a=x+y&b=%c3%a9', 'a=x%20y&b=%C3%A9', []],
  ['empty parts', 'a=1&&b=', '&a=1&b', []],
  ['a question mark', '?a=1', 'a=1', ['missing body.?a', 'added body.a']],
  ['another value', 'a=1', 'a=2', ['value body.a']],
  ['a field gone', 'a=1&b=2', 'a=1', ['missing body.b']],
  ['a field more', 'a=1', 'a=1&b=2', ['added body.b']],
  ['values in another order', 'a=1&a=2', 'a=2&a=1', ['value body.a[]', 'value body.a[]']],
  ['a value less', 'a=1&a=2', 'a=1', ['length body.a']],
  ['names with brackets', 'user[name]=1', 'user[name]=2', ['value body["user[name]"]']],
  ['volatile values', 't=1795377021', 't=1795377022', []],
  ['broken escapes', 'a=%zz', 'a=%zy', ['value body.a']],
] as const) {
  test(`compares ${fact}`, () => assert.deepEqual(differences(primary, other), expected));
}

test('values in an order that says nothing', () =>
  assert.deepEqual(differences('a=1&a=2', 'a=2&a=1', { unordered: ['body.a'] }), []));

test('more fields than the limit are a fault', () =>
  assert.deepEqual(differences('a=1', 'a=1&b=2&c=3', { limits: { values: 2 } }), {
    primary: undefined,
    other: 'too_many_values',
  }));
