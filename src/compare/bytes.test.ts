import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBodies } from './bytes.ts';

const cut = (...pieces: readonly string[]) => pieces.map((piece) => Buffer.from(piece));

test('bodies are equal however they are cut', () => {
  for (const [left, right, equal] of [
    [[], [], true],
    [[''], [], true],
    [['abc'], ['a', '', 'bc'], true],
    [['ab', 'c'], ['a', 'bc'], true],
    [['abc'], ['abd'], false],
    [['abc'], ['ab'], false],
    [['ab'], ['abc'], false],
    [[], ['x'], false],
  ] as const) {
    assert.equal(equalBodies(cut(...left), cut(...right)), equal, JSON.stringify([left, right]));
  }
});
