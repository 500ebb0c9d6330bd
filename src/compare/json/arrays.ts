import type { JsonComparison } from './comparison.ts';
import { inferredKey, keysOf } from './element-keys.ts';
import { matchByHash } from './multiset.ts';

type Nodes = readonly number[];

/**
 * Compares two arrays that are not byte-equal. By the configuration as sets, or by a key; by an obvious key where the
 * elements' keys stand in another sequence; else in order: what both have alike at their beginning and end is set aside,
 * and what is left is compared element by element, or is only in another order. Every way takes time linear in the
 * number of elements, and a match uses an element up.
 */
export function compareArrays(comparison: JsonComparison, left: number, right: number): void {
  const elements = comparison.primary.elements(left);
  const others = comparison.other.elements(right);
  const { context, trail } = comparison;
  const { path } = trail;
  if (context?.unordered(path) ?? false) {
    compareAsSet(comparison, elements, others);
    return;
  }
  const key = context?.keyOf(path);
  if (key !== undefined) {
    compareByKey(comparison, elements, others, key, false);
    return;
  }
  // Asked only for yes or no, order counts, and the first difference decides.
  if (comparison.probing || !comparison.thorough) compareInPlace(comparison, elements, others);
  else compareInOrder(comparison, elements, others);
}

function compareInOrder(comparison: JsonComparison, elements: Nodes, others: Nodes): void {
  const shorter = Math.min(elements.length, others.length);
  let from = 0;
  while (from < shorter && alike(comparison, elements[from], others[from])) from++;
  let back = 0;
  while (back < shorter - from && alike(comparison, elements.at(-1 - back), others.at(-1 - back))) back++;
  const left = elements.slice(from, elements.length - back);
  const right = others.slice(from, others.length - back);
  if (left.length === 0 && right.length === 0) return;
  if (left.length !== 1 || right.length !== 1) {
    const key = inferredKey(comparison, elements, others);
    if (key !== undefined) {
      compareByKey(comparison, elements, others, key, true);
      return;
    }
    if (left.length === right.length) {
      const match = matchByHash(comparison, left, right);
      if (match.left.length === 0) {
        addOrder(comparison, elements, others);
        return;
      }
    }
  }
  if (elements.length !== others.length) addLength(comparison, elements, others);
  compareElements(comparison, left, right);
}

function compareInPlace(comparison: JsonComparison, elements: Nodes, others: Nodes): void {
  if (elements.length !== others.length) addLength(comparison, elements, others);
  compareElements(comparison, elements, others);
}

function compareAsSet(comparison: JsonComparison, elements: Nodes, others: Nodes): void {
  comparison.expectSets();
  const rest = matchByHash(comparison, elements, others);
  const key = inferredKey(comparison, rest.left, rest.right);
  if (key !== undefined) compareByKey(comparison, rest.left, rest.right, key, false);
  else compareRest(comparison, rest.left, rest.right);
}

/** Elements with the same key are compared, wherever they stand; those without take part in their order. */
function compareByKey(
  comparison: JsonComparison,
  elements: Nodes,
  others: Nodes,
  key: string,
  orderCounts: boolean,
): void {
  const places = new Map<string, number[]>();
  const otherKeys = keysOf(comparison.other, others, key);
  // From the end, so that the first of several equal keys is the last in its list and is taken first.
  for (let index = others.length - 1; index >= 0; index--) {
    const text = otherKeys[index];
    if (text === undefined) continue;
    const list = places.get(text);
    if (list === undefined) places.set(text, [index]);
    else list.push(index);
  }
  const taken = new Uint8Array(others.length);
  const missing: number[] = [];
  const keyless: number[] = [];
  const pairs: number[] = [];
  let furthest = -1;
  let moved = false;
  const keys = keysOf(comparison.primary, elements, key);
  for (const [index, element] of elements.entries()) {
    const text = keys[index];
    const place = text === undefined ? undefined : places.get(text)?.pop();
    if (place === undefined) {
      (text === undefined ? keyless : missing).push(element);
      continue;
    }
    taken[place] = 1;
    moved ||= place < furthest;
    furthest = Math.max(furthest, place);
    pairs.push(element, others[place] ?? 0);
  }
  if (moved && orderCounts) addOrder(comparison, elements, others);
  comparison.trail.enterElement();
  for (let i = 0; i < pairs.length && !comparison.over; i += 2) {
    comparison.values(pairs[i] ?? 0, pairs[i + 1] ?? 0);
  }
  comparison.trail.leave();
  const free = (keyed: boolean) =>
    others.filter((_, index) => taken[index] === 0 && (otherKeys[index] !== undefined) === keyed);
  compareRest(comparison, keyless, free(false));
  addUnmatched(comparison, missing, free(true));
}

/** What no partner was found for: compared in order as far as there are two, the rest is missing or added. */
function compareRest(comparison: JsonComparison, left: Nodes, right: Nodes): void {
  compareElements(comparison, left, right);
  const both = Math.min(left.length, right.length);
  addUnmatched(comparison, left.slice(both), right.slice(both));
}

function compareElements(comparison: JsonComparison, left: Nodes, right: Nodes): void {
  const both = Math.min(left.length, right.length);
  comparison.trail.enterElement();
  for (let i = 0; i < both && !comparison.over; i++) comparison.values(left[i] ?? 0, right[i] ?? 0);
  comparison.trail.leave();
}

/** An element is data and no field, so one that is gone is of the risk of another value. */
function addUnmatched(comparison: JsonComparison, missing: Nodes, added: Nodes): void {
  comparison.trail.enterElement();
  for (const node of missing) {
    if (comparison.over) break;
    comparison.add('missing', 'medium', node, undefined);
  }
  for (const node of added) {
    if (comparison.over) break;
    comparison.add('added', 'low', undefined, node);
  }
  comparison.trail.leave();
}

function addLength(comparison: JsonComparison, elements: Nodes, others: Nodes): void {
  comparison.addText('length', 'medium', countText(elements.length), countText(others.length));
}

function countText(count: number): string {
  return count === 1 ? '1 element' : `${count} elements`;
}

/** Shows where the two sequences part. */
function addOrder(comparison: JsonComparison, elements: Nodes, others: Nodes): void {
  let at = 0;
  while (alike(comparison, elements[at], others[at])) at++;
  comparison.add('order', 'medium', elements[at], others[at]);
}

function alike(comparison: JsonComparison, left: number | undefined, right: number | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  if (comparison.sameBytes(left, right)) return true;
  comparison.trail.enterElement();
  const same = comparison.alike(left, right);
  comparison.trail.leave();
  return same;
}
