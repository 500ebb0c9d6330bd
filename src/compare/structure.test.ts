import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createContent } from './content.ts';
import { claimedStructure, sharedStructures } from './structure.ts';

for (const [mediaType, structure] of [
  ['application/json', 'json'],
  ['text/json', 'json'],
  ['application/problem+json', 'json'],
  ['application/vnd.api+json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['application/json-seq', 'ndjson'],
  ['text/event-stream', 'event-stream'],
  ['application/x-www-form-urlencoded', 'form'],
  ['multipart/form-data', 'multipart'],
  ['text/html', 'markup'],
  ['application/xhtml+xml', 'markup'],
  ['application/xml', 'markup'],
  ['image/svg+xml', 'markup'],
  ['text/csv', 'text'],
  ['application/javascript', 'text'],
  ['application/yaml', 'text'],
  ['image/png', 'octets'],
  ['application/octet-stream', 'octets'],
  ['text/plain', undefined],
  ['', undefined],
] as const) {
  test(`${mediaType || 'nothing'} says ${structure ?? 'nothing'}`, () =>
    equal(claimedStructure(mediaType), structure));
}

const JSON_TEXT = '\ufeff \n{"a":1}';
const BYTES = '\u0000\u0001\u0002';
for (const [left, leftType, right, rightType, structures] of [
  [JSON_TEXT, 'application/json', 'x', 'application/json', ['json']],
  [JSON_TEXT, 'application/json', 'x', 'text/json', ['json']],
  [JSON_TEXT, '', JSON_TEXT, '', ['json', 'text', 'octets']],
  [JSON_TEXT, 'text/plain', JSON_TEXT, 'text/plain', ['json', 'text', 'octets']],
  [JSON_TEXT, 'application/json', JSON_TEXT, 'text/html', ['json', 'text', 'octets']],
  [JSON_TEXT, 'application/json', '<p>', 'text/html', ['text', 'octets']],
  ['x', '', 'y', '', ['text', 'octets']],
  [BYTES, '', 'y', '', ['octets']],
  [BYTES, '', BYTES, '', ['octets']],
  ['x', 'image/png', 'y', 'text/html', ['octets']],
] as const) {
  test(`${JSON.stringify([left, leftType])} and ${JSON.stringify([right, rightType])} are compared as ${structures.join(', ')}`, () => {
    const primary = createContent(Buffer.from(left), leftType);
    const other = createContent(Buffer.from(right), rightType);
    deepEqual(sharedStructures(primary, other), structures);
  });
}
