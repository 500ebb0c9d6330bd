import { sequenceDiff } from '../sequence-diff.ts';

/** Which elements of two sequences belong together, and which have no counterpart. */
export interface Alignment<Element> {
  readonly pairs: readonly (readonly [primary: Element, other: Element])[];
  readonly gone: readonly Element[];
  readonly come: readonly Element[];
  /** The same elements in another order, which counts; pairs are those that are equal. */
  readonly reordered: boolean;
}

/**
 * Two sequences without what one of them lacks only because it was cut. A side that is whole and shorter nevertheless is
 * shorter.
 */
export function commonRecords<Element>(
  primary: readonly Element[],
  other: readonly Element[],
  truncated: { readonly primary: boolean; readonly other: boolean },
): readonly [readonly Element[], readonly Element[]] {
  return [
    truncated.other ? primary.slice(0, other.length) : primary,
    truncated.primary ? other.slice(0, primary.length) : other,
  ];
}

/**
 * `order`: equal elements belong together where that keeps their order, and of the rest those that stand at the same
 * place between them; when all are there in another order, equal ones belong together. `set`: equal elements belong together wherever they stand, and of the rest those at the same place. `key`: elements
 * with the same print belong together, and no others.
 */
export type AlignBy = 'order' | 'set' | 'key';

/**
 * Aligns two sequences, in time n log n and, for `order`, what `sequenceDiff` takes.
 *
 * @param print equal elements have equal ones; unequal ones may, since all pairs are compared afterwards
 */
export function align<Element>(
  primary: readonly Element[],
  other: readonly Element[],
  print: (element: Element) => string | number,
  by: AlignBy,
): Alignment<Element> {
  return by === 'order'
    ? alignOrdered(primary, other, print)
    : alignSets(primary, other, print, by === 'set');
}

function alignOrdered<Element>(
  primary: readonly Element[],
  other: readonly Element[],
  print: (element: Element) => string | number,
): Alignment<Element> {
  const lefts = primary.map(print);
  const rights = other.map(print);
  const hunks = sequenceDiff(lefts, rights);
  if (hunks.length > 0 && isSameMultiset(lefts, rights))
    return { ...alignSets(primary, other, print, true), reordered: true };
  const pairs: (readonly [Element, Element])[] = [];
  const gone: Element[] = [];
  const come: Element[] = [];
  let left = 0;
  let right = 0;
  const pairUpTo = (leftEnd: number, rightEnd: number) => {
    while (left < leftEnd || right < rightEnd) {
      const one = left < leftEnd ? primary[left++] : undefined;
      const two = right < rightEnd ? other[right++] : undefined;
      if (one !== undefined && two !== undefined) pairs.push([one, two]);
      else if (one !== undefined) gone.push(one);
      else if (two !== undefined) come.push(two);
    }
  };
  for (const hunk of hunks) {
    pairUpTo(hunk.primaryStart, hunk.otherStart);
    pairUpTo(hunk.primaryEnd, hunk.otherEnd);
  }
  pairUpTo(primary.length, other.length);
  // What went at one place and came at another is one that changed: else two sequences of one length would not differ.
  const changed = Math.min(gone.length, come.length);
  for (const pair of zip(gone, come)) pairs.push(pair);
  return { pairs, gone: gone.slice(changed), come: come.slice(changed), reordered: false };
}

/** Whether two lists hold the same, each as often. */
export function isSameMultiset(
  left: readonly (string | number)[],
  right: readonly (string | number)[],
): boolean {
  if (left.length !== right.length) return false;
  const counts = new Map<string | number, number>();
  for (const print of left) counts.set(print, (counts.get(print) ?? 0) + 1);
  for (const print of right) {
    const count = counts.get(print) ?? 0;
    if (count === 0) return false;
    counts.set(print, count - 1);
  }
  return true;
}

/** Elements at the same places of two lists, as far as the shorter one goes. */
function* zip<Element>(
  left: readonly Element[],
  right: readonly Element[],
): Generator<readonly [Element, Element]> {
  for (const [index, one] of left.entries()) {
    const two = right[index];
    if (two === undefined) return;
    yield [one, two];
  }
}

function alignSets<Element>(
  primary: readonly Element[],
  other: readonly Element[],
  print: (element: Element) => string | number,
  pairRest: boolean,
): Alignment<Element> {
  const free = new Map<string | number, Element[]>();
  // The last of a list is taken first, so it is filled from the end.
  for (const element of other.toReversed()) {
    const key = print(element);
    const same = free.get(key);
    if (same === undefined) free.set(key, [element]);
    else same.push(element);
  }
  const taken = new Set<Element>();
  const pairs: (readonly [Element, Element])[] = [];
  const alone: Element[] = [];
  for (const element of primary) {
    const match = free.get(print(element))?.pop();
    if (match === undefined) alone.push(element);
    else {
      taken.add(match);
      pairs.push([element, match]);
    }
  }
  const rest = other.filter((element) => !taken.has(element));
  const length = pairRest ? Math.min(alone.length, rest.length) : 0;
  if (pairRest) for (const pair of zip(alone, rest)) pairs.push(pair);
  return { pairs, gone: alone.slice(length), come: rest.slice(length), reordered: false };
}
