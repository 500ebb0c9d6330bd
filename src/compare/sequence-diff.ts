/** A region in which two sequences differ: `[primaryStart, primaryEnd)` became `[otherStart, otherEnd)`. */
export interface Hunk {
  readonly primaryStart: number;
  readonly primaryEnd: number;
  readonly otherStart: number;
  readonly otherEnd: number;
}

/**
 * Elements looked at in search of the shortest edits; past it elements that occur once on each side are what the
 * sequences are aligned by. At some 10 ns each this takes 20 ms at most.
 */
export const SEARCH_LIMIT = 2_000_000;
/** Edits searched for; what is remembered of the search grows with their square, to 2 MiB. */
const EDITS_LIMIT = 700;

/**
 * What differs between two sequences, in order; all between the hunks is equal. The hunks are the shortest edits (E. W.
 * Myers, An O(ND) Difference Algorithm and Its Variations, 1986) where these are found within the limits, and otherwise
 * those between unique common elements (the idea of B. Cohen's patience diff), which takes time n log n.
 */
export function sequenceDiff<Element extends string | number>(
  primary: readonly Element[],
  other: readonly Element[],
  searchLimit: number = SEARCH_LIMIT,
): readonly Hunk[] {
  const shorter = Math.min(primary.length, other.length);
  let start = 0;
  while (start < shorter && primary[start] === other[start]) start++;
  let tail = 0;
  while (tail < shorter - start && primary[primary.length - 1 - tail] === other[other.length - 1 - tail])
    tail++;
  const region: Hunk = {
    primaryStart: start,
    primaryEnd: primary.length - tail,
    otherStart: start,
    otherEnd: other.length - tail,
  };
  if (region.primaryStart === region.primaryEnd && region.otherStart === region.otherEnd) return [];
  if (region.primaryStart === region.primaryEnd || region.otherStart === region.otherEnd) return [region];
  const { left, right } = numbered(primary, other, region);
  const matches = shortestEdits(left, right, searchLimit) ?? uniqueMatches(left, right);
  return hunksBetween(matches, region);
}

/** Elements as small integers, equal ones the same. */
function numbered<Element>(
  primary: readonly Element[],
  other: readonly Element[],
  region: Hunk,
): { readonly left: Int32Array; readonly right: Int32Array } {
  const numbers = new Map<Element, number>();
  const number = (element: Element) => {
    const known = numbers.get(element) ?? numbers.size;
    if (known === numbers.size) numbers.set(element, known);
    return known;
  };
  return {
    left: Int32Array.from(primary.slice(region.primaryStart, region.primaryEnd), number),
    right: Int32Array.from(other.slice(region.otherStart, region.otherEnd), number),
  };
}

/** Pairs of indexes that are equal, ascending on both sides, as `left, right, left, right …`. */
type Matches = readonly number[];

/** Myers' greedy search with what it reached after each number of edits; undefined past the limits. */
function shortestEdits(left: Int32Array, right: Int32Array, searchLimit: number): Matches | undefined {
  const most = Math.min(left.length + right.length, EDITS_LIMIT);
  // reached[diagonal + most]: how far along `left` it got on that diagonal.
  const reached = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  let looked = 0;
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reached.slice(most + 1 - edits, most + 2 + edits));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = furthest(reached, most + 1 + diagonal, diagonal, edits);
      let y = x - diagonal;
      const from = x;
      while (x < left.length && y < right.length && left[x] === right[y]) {
        x++;
        y++;
      }
      looked += x - from + 1;
      reached[most + 1 + diagonal] = x;
      if (x >= left.length && y >= right.length) return wayBack(trace, left.length, right.length);
    }
    if (looked > searchLimit) return undefined;
  }
  return undefined;
}

/** Where a diagonal begins after one more edit: from the one below by insertion, or from the one above by deletion. */
function furthest(reached: Int32Array, at: number, diagonal: number, edits: number): number {
  if (edits === 0) return 0;
  const below = reached[at - 1] ?? 0;
  const above = reached[at + 1] ?? 0;
  const inserts = diagonal === -edits || (diagonal !== edits && below < above);
  return inserts ? above : below + 1;
}

function wayBack(trace: readonly Int32Array[], leftLength: number, rightLength: number): Matches {
  const matches: number[] = [];
  let x = leftLength;
  let y = rightLength;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    // Holds diagonals from -edits to edits, as they were before this edit.
    const before = trace[edits] ?? new Int32Array();
    const diagonal = x - y;
    const start = furthest(before, diagonal + edits, diagonal, edits);
    while (x > start && y > start - diagonal) {
      x--;
      y--;
      matches.push(y, x);
    }
    if (edits === 0) break;
    const below = before[diagonal + edits - 1] ?? 0;
    const above = before[diagonal + edits + 1] ?? 0;
    if (diagonal === -edits || (diagonal !== edits && below < above)) y--;
    else x--;
  }
  return matches.toReversed();
}

/** Longest ascending run of elements that occur once on each side. */
function uniqueMatches(left: Int32Array, right: Int32Array): Matches {
  const places = onceEach(left);
  const others = onceEach(right);
  // Patience sorting: the last element of the best run of each length, and what it follows.
  const piles: number[] = [];
  const rightOf = new Map<number, number>();
  const follows = new Map<number, number>();
  for (const [element, x] of places) {
    const y = others.get(element);
    if (y === undefined) continue;
    rightOf.set(x, y);
    let low = 0;
    let high = piles.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rightOf.get(piles[middle] ?? 0) ?? 0) < y) low = middle + 1;
      else high = middle;
    }
    const previous = piles[low - 1];
    if (previous !== undefined) follows.set(x, previous);
    piles[low] = x;
  }
  const matches: number[] = [];
  for (let x = piles.at(-1); x !== undefined; x = follows.get(x)) matches.push(rightOf.get(x) ?? 0, x);
  return matches.toReversed();
}

/** Elements that occur once, with their places, ascending. */
function onceEach(sequence: Int32Array): ReadonlyMap<number, number> {
  const once = new Map<number, number>();
  const often = new Set<number>();
  for (const [place, element] of sequence.entries()) {
    if (often.has(element)) continue;
    if (!once.has(element)) once.set(element, place);
    else {
      once.delete(element);
      often.add(element);
    }
  }
  return once;
}

function hunksBetween(matches: Matches, region: Hunk): readonly Hunk[] {
  const hunks: Hunk[] = [];
  let primaryStart = region.primaryStart;
  let otherStart = region.otherStart;
  for (let i = 0; i <= matches.length; i += 2) {
    const last = i === matches.length;
    const primaryEnd = last ? region.primaryEnd : region.primaryStart + (matches[i] ?? 0);
    const otherEnd = last ? region.otherEnd : region.otherStart + (matches[i + 1] ?? 0);
    if (primaryEnd > primaryStart || otherEnd > otherStart)
      hunks.push({ primaryStart, primaryEnd, otherStart, otherEnd });
    primaryStart = primaryEnd + 1;
    otherStart = otherEnd + 1;
  }
  return hunks;
}
