import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { PARAMETERS_LIMIT, parseParameters, splitOutsideQuotes } from './field-parameters.ts';

for (const [text, value, parameters] of [
  ['text/html', 'text/html', {}],
  ['text/html; charset=utf-8', 'text/html', { charset: 'utf-8' }],
  ['text/html ;Charset = "utf-8" ; x', 'text/html', { charset: 'utf-8' }],
  ['form-data; name="a;b\\"c"; filename=x.png', 'form-data', { name: 'a;b"c', filename: 'x.png' }],
  ['multipart/mixed; boundary=a; boundary=b', 'multipart/mixed', { boundary: 'a' }],
  ['; charset=x', '', { charset: 'x' }],
  ['a; b="open', 'a', { b: '"open' }],
  ['a; b="x\\', 'a', { b: '"x\\' }],
  ['', '', {}],
] as const) {
  test(`reads ${JSON.stringify(text)}`, () => {
    const read = parseParameters(text);
    equal(read.value, value);
    deepEqual(Object.fromEntries(read.parameters), parameters);
  });
}

for (const [text, members] of [
  ['a, b,,c ', ['a', 'b', 'c']],
  ['Basic realm="a, b", Bearer', ['Basic realm="a, b"', 'Bearer']],
  [' , ', []],
] as const) {
  test(`splits ${JSON.stringify(text)}`, () => deepEqual(splitOutsideQuotes(text, ','), members));
}

test('reads a bounded number of parameters', () => {
  const text = Array.from({ length: 1000 }, (_, i) => `p${i}=1`).join(';');
  equal(parseParameters(`a;${text}`).parameters.size, PARAMETERS_LIMIT);
});
