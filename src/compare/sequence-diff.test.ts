import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { sequenceDiff } from './sequence-diff.ts';
import type { Hunk } from './sequence-diff.ts';

const letters = (text: string) => text.split('');

/** The other sequence, made from the primary one and what the hunks bring. */
function patched(primary: readonly string[], other: readonly string[], hunks: readonly Hunk[]) {
  const made: string[] = [];
  let at = 0;
  for (const hunk of hunks) {
    made.push(...primary.slice(at, hunk.primaryStart), ...other.slice(hunk.otherStart, hunk.otherEnd));
    at = hunk.primaryEnd;
  }
  return [...made, ...primary.slice(at)];
}

const edits = (hunks: readonly Hunk[]) =>
  hunks.reduce((sum, hunk) => sum + hunk.primaryEnd - hunk.primaryStart + hunk.otherEnd - hunk.otherStart, 0);

for (const [primary, other, fewest] of [
  ['', '', 0],
  ['a', '', 1],
  ['', 'a', 1],
  ['abc', 'abc', 0],
  ['abc', 'axc', 2],
  ['abcabba', 'cbabac', 5],
  ['abcdef', 'abxcdef', 1],
  ['abcdef', 'fabcde', 2],
  ['aaaa', 'aa', 2],
  ['abcd', 'dcba', 6],
] as const) {
  test(`${primary} becomes ${other} with ${fewest} edits`, () => {
    const hunks = sequenceDiff(letters(primary), letters(other));
    equal(edits(hunks), fewest);
    equal(patched(letters(primary), letters(other), hunks).join(''), other);
  });
}

test('without a search it aligns by what is unique, and is still right', () => {
  const primary = letters('xaxbxcxd');
  const other = letters('yyaybycydd');
  const hunks = sequenceDiff(primary, other, 0);
  deepEqual(patched(primary, other, hunks), other);
  ok(hunks.length > 1);
});

test('sequences that share nothing take no quadratic time', () => {
  const primary = Array.from({ length: 100_000 }, (_, i) => i);
  const other = primary.map((i) => -1 - i);
  deepEqual(sequenceDiff(primary, other), [
    { primaryStart: 0, primaryEnd: 100_000, otherStart: 0, otherEnd: 100_000 },
  ]);
});
