import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareNdjson } from './ndjson.ts';
import type { CollectingOptions } from '../format-fixture.ts';

function differences(
  primary: string,
  other: string,
  options?: CollectingOptions,
  type = 'application/x-ndjson',
) {
  const { context, shown } = collectingContext(options);
  const faults = compareNdjson(contentOf(primary, type), contentOf(other, type), 'body', context);
  return faults ?? shown();
}

const nested = 'value body[]:application/json';

for (const [fact, primary, other, expected] of [
  ['equal records', '{"a":1}\n{"b":2}\n', '{"a":1}\n{"b":2}', []],
  ['empty lines and CRLF', '{"a":1}\r\n\r\n{"b":2}', '\n{"a":1}\n{"b":2}\n', []],
  ['a record that changed', '1\n2\n3', '1\n4\n3', [nested]],
  ['a record gone', '1\n2\n3', '1\n3', ['length body']],
  ['a record more at the beginning', '2\n3', '1\n2\n3', ['length body']],
  ['one gone, one changed', '1\n2\n3\n4', '2\n3\n5', ['length body', nested]],
  ['another order', '1\n2\n3', '3\n1\n2', ['order body']],
  ['one gone, and one come elsewhere', '1\n2\n3', '4\n2\n1', [nested, nested]],
  ['nothing left', '1', '', ['length body']],
] as const) {
  test(`finds ${fact}`, () => assert.deepEqual(differences(primary, other), expected));
}

test('records behind record separators', () => {
  const type = 'application/json-seq';
  assert.deepEqual(differences('\u001E{\n}\n\u001E2\n', '\u001E{\n}\n\u001E3\n', {}, type), [nested]);
  assert.deepEqual(differences('\u001E1\n\u001E2\n', '\u001E1\u001E2', {}, type), []);
});

test('records in an order that says nothing', () => {
  assert.deepEqual(differences('1\n2\n2\n3', '3\n2\n1\n2', { unordered: ['body'] }), []);
  assert.deepEqual(differences('1\n2\n2\n3', '3\n2\n1\n4', { unordered: ['body'] }), [nested]);
});

test('more records than the limit are a fault', () =>
  assert.deepEqual(differences('1\n2\n3', '1', { limits: { values: 2 } }), {
    primary: 'too_many_values',
    other: undefined,
  }));
