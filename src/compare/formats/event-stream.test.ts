import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingContext, contentOf } from '../format-fixture.ts';
import { compareEventStream } from './event-stream.ts';
import type { CollectingOptions } from '../format-fixture.ts';

function differences(primary: string, other: string, options?: CollectingOptions) {
  const { context, shown } = collectingContext(options);
  return compareEventStream(contentOf(primary), contentOf(other), 'body', context) ?? shown();
}

for (const [fact, primary, other, expected] of [
  ['equal streams', 'data: a\n\n', 'data: a\n\n', []],
  ['other line ends', 'data: a\ndata:b\n\n', 'data:a\r\ndata: b\r\r', []],
  ['a byte order mark and comments', '\uFEFFdata: a\n\n', ': hello\ndata: a\n\n:\n\n', []],
  ['fields that mean nothing', 'data: a\nfoo: x\n\n', 'data: a\n\n', []],
  ['the default name', 'event: message\ndata: a\n\n', 'data: a\n\n', []],
  ['an event without data', 'event: a\n\ndata: b\n\n', 'data: b\n\n', []],
  ['an event cut off', 'data: a\n\ndata: b', 'data: a\n\n', []],
  ['another text', 'data: a\n\n', 'data: b\n\n', ['value body[].data:text/plain']],
  ['another leading space', 'data:  a\n\n', 'data: a\n\n', ['value body[].data:text/plain']],
  ['other lines', 'data: a\ndata: b\n\n', 'data: a b\n\n', ['value body[].data:text/plain']],
  ['other JSON', 'data: {"a":1}\n\n', 'data: {"a":2}\n\n', ['value body[].data:application/json']],
  ['another name', 'event: a\ndata: x\n\n', 'event: b\ndata: x\n\n', ['value body[].event']],
  ['another id', 'id: a\ndata: x\n\n', 'id: b\ndata: x\n\n', ['value body[].id']],
  ['no id', 'id: a\ndata: x\n\n', 'data: x\n\n', ['missing body[].id']],
  ['a time', 'data: x\n\n', 'retry: 100\ndata: x\n\n', ['added body[].retry']],
  ['a volatile id', 'id: 1795377021\ndata: x\n\n', 'id: 1795377029\ndata: x\n\n', []],
  ['an event gone', 'data: a\n\ndata: b\n\n', 'data: b\n\n', ['length body']],
] as const) {
  test(`compares ${fact}`, () => assert.deepEqual(differences(primary, other), expected));
}

test('more lines than the limit, and bytes that are no text, are faults', () => {
  assert.deepEqual(differences('data: a\ndata: b\ndata: c\n\n', '', { limits: { values: 2 } }), {
    primary: 'too_many_values',
    other: undefined,
  });
  const { context } = collectingContext();
  assert.deepEqual(compareEventStream(contentOf(Buffer.from([0xc3])), contentOf(''), 'body', context), {
    primary: 'invalid_encoding',
    other: undefined,
  });
});
