import assert from 'node:assert/strict';
import { test } from 'node:test';
import { align, isSameMultiset } from './sequence.ts';
import type { AlignBy } from './sequence.ts';

interface Element {
  readonly print: string;
}
const elements = (text: string): readonly Element[] => text.split('').map((print) => ({ print }));

function printed(list: readonly Element[]): string {
  return list.map(({ print }) => print).join('');
}

function aligned(primary: string, other: string, by: AlignBy): string {
  const found = align(elements(primary), elements(other), ({ print }) => print, by);
  const pairs = found.pairs.map(([one, two]) => one.print + two.print).join(' ');
  return `${pairs} -${printed(found.gone)} +${printed(found.come)}${found.reordered ? ' reordered' : ''}`;
}

for (const [primary, other, by, expected] of [
  ['abc', 'abc', 'order', 'aa bb cc - +'],
  ['abc', 'axc', 'order', 'aa bx cc - +'],
  ['abc', 'ac', 'order', 'aa cc -b +'],
  ['bc', 'abc', 'order', 'bb cc - +a'],
  ['abc', 'cab', 'order', 'aa bb cc - + reordered'],
  // One went and one came elsewhere: they are a pair, so that two sequences of one length cannot seem equal.
  ['abcd', 'bcdx', 'order', 'bb cc dd ax - +'],
  ['abc', '', 'order', ' -abc +'],
  ['abb', 'bxa', 'set', 'aa bb bx - +'],
  ['ab', 'bac', 'set', 'aa bb - +c'],
  ['abc', 'cxa', 'key', 'aa cc -b +x'],
] as const) {
  test(`${primary} and ${other} by ${by}: ${expected}`, () =>
    assert.equal(aligned(primary, other, by), expected));
}

test('multisets count', () => {
  assert.equal(isSameMultiset(['a', 'b', 'a'], ['b', 'a', 'a']), true);
  assert.equal(isSameMultiset(['a', 'b', 'a'], ['b', 'a', 'b']), false);
  assert.equal(isSameMultiset(['a'], ['a', 'a']), false);
});
