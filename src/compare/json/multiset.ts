import type { JsonComparison } from './comparison.ts';

/** Elements with the same hash that are looked at for one match. More of them with unlike values are no accident. */
const TRIES = 4;

/** What found no equal on the other side. */
export interface Unmatched {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Matches equal elements of two arrays, each at most once, wherever they stand. */
export function matchByHash(
  comparison: JsonComparison,
  left: readonly number[],
  right: readonly number[],
): Unmatched {
  const byHash = new Map<number, number[]>();
  for (const node of right) {
    const hash = comparison.hash(comparison.other, node);
    const list = byHash.get(hash);
    if (list === undefined) byHash.set(hash, [node]);
    else list.push(node);
  }
  const used = new Set<number>();
  const rest = left.filter((node) => {
    const list = byHash.get(comparison.hash(comparison.primary, node));
    const at = list === undefined ? -1 : place(comparison, node, list);
    if (list === undefined || at === -1) return true;
    used.add(list[at] ?? 0);
    // The last takes the place of the one that is used up.
    list[at] = list.at(-1) ?? 0;
    list.pop();
    return false;
  });
  return { left: rest, right: right.filter((node) => !used.has(node)) };
}

/** Index of an equal one among the last few of a list. */
function place(comparison: JsonComparison, node: number, list: readonly number[]): number {
  comparison.trail.enterElement();
  let at = list.length - 1;
  const last = Math.max(0, list.length - TRIES);
  while (at >= last && !comparison.alike(node, list[at] ?? 0)) at--;
  comparison.trail.leave();
  return at < last ? -1 : at;
}
