import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { elementPath, fieldPath, NAME_CHARS, pathSteps } from './path.ts';

for (const [name, path] of [
  ['price', 'body.price'],
  ['content-type', 'body.content-type'],
  ['größe', 'body.größe'],
  ['$ref', 'body.$ref'],
  ['', 'body[""]'],
  ['odd name', 'body["odd name"]'],
  ['a.b', 'body["a.b"]'],
  ['*', 'body["*"]'],
  ['[]', 'body["[]"]'],
  ['say "x"', 'body["say \\"x\\""]'],
  ['\u0000', 'body["\\u0000"]'],
  ['\u007f', 'body["\\u007f"]'],
] as const) {
  test(`the path of the field ${JSON.stringify(name)} is ${path}, and is read again`, () => {
    equal(fieldPath('body', name), path);
    const steps = pathSteps(path);
    equal(steps?.length, 2);
    equal(steps[1]?.replace(/^"/, ''), name);
  });
}

test('long names are cut, and stay apart', () => {
  const left = fieldPath('body', `${'x'.repeat(1000)}1`);
  ok(left.length <= 'body.'.length + NAME_CHARS);
  notEqual(left, fieldPath('body', `${'x'.repeat(1000)}2`));
});

for (const [text, steps] of [
  ['body', ['body']],
  ['body.items[].price', ['body', 'items', '[]', 'price']],
  ['body[][]', ['body', '[]', '[]']],
  ['header.content-type', ['header', 'content-type']],
  ['body["plain"]', ['body', 'plain']],
  ['body["*"].*', ['body', '"*', '*']],
  ['body["[]"][]', ['body', '"[]', '[]']],
  ['body.**', ['body', '**']],
  ['**', ['**']],
  ['body..x', undefined],
  ['body.', undefined],
  ['body[0]', undefined],
  ['body["x]', undefined],
  ['body["\\x"]', undefined],
] as const) {
  test(`${text} has the steps ${steps?.join(' ') ?? 'of no path'}`, () => deepEqual(pathSteps(text), steps));
}

test('elements are folded', () => equal(elementPath('body.items'), 'body.items[]'));
