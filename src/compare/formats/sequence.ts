import { sequenceDiff } from '../sequence-diff.ts';

/** Which elements of two sequences belong together, and which have no counterpart. */
export interface Alignment<Element> {
  readonly pairs: readonly (readonly [primary: Element, other: Element])[];
  readonly gone: readonly Element[];
  readonly come: readonly Element[];
}

/**
 * `order`: equal elements belong together where that keeps their order, and between them what stands at the same place.
 * `set`: equal elements belong together wherever they stand, and of the rest those at the same place. `key`: elements
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
  for (const hunk of sequenceDiff(primary.map(print), other.map(print))) {
    pairUpTo(hunk.primaryStart, hunk.otherStart);
    pairUpTo(hunk.primaryEnd, hunk.otherEnd);
  }
  pairUpTo(primary.length, other.length);
  return { pairs, gone, come };
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
  for (const [index, one] of alone.slice(0, length).entries()) {
    const two = rest[index];
    if (two !== undefined) pairs.push([one, two]);
  }
  return { pairs, gone: alone.slice(length), come: rest.slice(length) };
}
