import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { editDistance, nearest } from './suggestion.ts';

const KNOWN = ['listeners', 'policies', 'admin', 'log', 'observer', 'drain'];

for (const [word, wanted] of [
  ['polices', 'policies'],
  ['listener', 'listeners'],
  ['lisetners', 'listeners'],
  ['Admin', 'admin'],
  ['lgo', 'log'],
  ['logs', 'log'],
  ['tls', undefined],
  ['x', undefined],
  ['', undefined],
  ['l'.repeat(1000), undefined],
] as const) {
  test(`"${word.slice(0, 20)}" was meant to be ${wanted ?? 'none of them'}`, () => {
    assert.equal(nearest(word, KNOWN), wanted);
  });
}

for (const [a, b, distance] of [
  ['', '', 0],
  ['a', '', 1],
  ['abc', 'abc', 0],
  ['abc', 'acb', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
] as const) {
  test(`"${a}" and "${b}" are ${distance} apart`, () => assert.equal(editDistance(a, b), distance));
}

test('property: a distance is symmetric, and 0 only for the same word', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
    }),
  );
});
