import type { Buffer } from 'node:buffer';
import { align } from '../formats/sequence.ts';
import { elementPath } from '../path.ts';
import type { ProtobufComparison } from './comparison.ts';
import type { ValuePlan } from './plan.ts';
import { printOf, printOfKey } from './print.ts';
import { shown } from './show.ts';
import { LENGTH_DELIMITED, readMessage } from './wire-message.ts';
import type { WireField, WireMessage } from './wire-message.ts';
import { sameBytes } from './value.ts';
import type { Value } from './value.ts';

/**
 * Compares the values of a repeated field: as a list (AS_LIST), as a set where the configuration says that order says
 * nothing (AS_SET), or by a key (TreatAsMap).
 *
 * @param plan undefined: by their wire types
 */
export function compareElements(
  comparison: ProtobufComparison,
  one: WireMessage,
  lefts: readonly WireField[],
  two: WireMessage,
  rights: readonly WireField[],
  plan: ValuePlan | undefined,
  path: string,
  depth: number,
): void {
  const { context } = comparison;
  const below = elementPath(path);
  const pair = (left: Value, right: Value) => {
    if (!context.sink.full) comparison.values(left, right, plan, below, depth);
  };
  const set = context.unordered(path);
  const mapLike = plan === undefined && isMapLike(one.bytes, lefts) && isMapLike(two.bytes, rights);
  const key = context.keyOf(path) ?? (mapLike && !set ? '#1' : undefined);
  const ordered = !set && key === undefined;
  if (ordered && lefts.length !== rights.length)
    context.sink.add('length', path, 'medium', countText(lefts.length), countText(rights.length));
  // What both have alike at their beginning and end need not be aligned.
  const [from, back] = ordered ? sharedEnds(one.bytes, lefts, two.bytes, rights) : [0, 0];
  const left = valuesOf(one.bytes, lefts.slice(from, lefts.length - back));
  const right = valuesOf(two.bytes, rights.slice(from, rights.length - back));
  const [first] = left;
  const [counterpart] = right;
  if (ordered && left.length <= 1 && right.length <= 1) {
    if (first !== undefined && counterpart !== undefined) pair(first, counterpart);
    return;
  }
  const unkeyed: Value[][] = [[], []];
  const prints = new Map<Value, string>();
  for (const [side, values] of [left, right].entries()) {
    for (const value of values) {
      const print =
        key === undefined ? printOf(comparison, value, plan, below, depth) : printOfKey(value, plan, key);
      if (print === undefined) unkeyed[side]?.push(value);
      else prints.set(value, print);
    }
  }
  const keyed = (values: readonly Value[]) => values.filter((value) => prints.has(value));
  const { pairs, gone, come, reordered } = align(
    keyed(left),
    keyed(right),
    (value) => prints.get(value) ?? '',
    set ? 'set' : key === undefined ? 'order' : 'key',
  );
  if (reordered && first !== undefined && counterpart !== undefined)
    context.sink.add('order', path, 'medium', shownIn(first, plan), shownIn(counterpart, plan));
  for (const [value, match] of pairs) pair(value, match);
  const [keyless = [], others = []] = unkeyed;
  for (let i = 0; i < Math.max(keyless.length, others.length); i++) {
    const [value, match] = [keyless[i], others[i]];
    if (value !== undefined && match !== undefined) pair(value, match);
    else comparison.missingOrAdded(value, match, plan, below, 'medium');
  }
  if (ordered) return;
  for (const value of gone) comparison.missingOrAdded(value, undefined, plan, below, 'medium');
  for (const value of come) comparison.missingOrAdded(undefined, value, plan, below, 'medium');
}

/**
 * Whether values that no type is known of look like the entries of a map: messages with at most a key (1) and a value
 * (2), no two with the same key. Many programs write maps in another order each time, so that order says nothing there.
 */
function isMapLike(bytes: Buffer, fields: readonly WireField[]): boolean {
  const keys = new Set<string>();
  for (const { wire, start, end } of fields) {
    if (wire !== LENGTH_DELIMITED || start === end) return false;
    const entry = readMessage(bytes.subarray(start, end), { values: 2, bytes: end - start }, 1);
    if (typeof entry === 'string' || [...entry.fields.values()].some(({ length }) => length > 1))
      return false;
    for (const number of entry.fields.keys()) if (number > 2) return false;
    const key = entry.fields.get(1)?.[0];
    const print = key === undefined ? '' : `${key.wire}${entry.bytes.toString('latin1', key.start, key.end)}`;
    if (keys.has(print)) return false;
    keys.add(print);
  }
  return true;
}

function valuesOf(bytes: Buffer, fields: readonly WireField[]): readonly Value[] {
  return fields.map((field) => ({ bytes, field }));
}

function shownIn({ bytes, field }: Value, plan: ValuePlan | undefined): string {
  return shown(bytes, field, plan);
}

function sharedEnds(
  one: Buffer,
  lefts: readonly WireField[],
  two: Buffer,
  rights: readonly WireField[],
): readonly [from: number, back: number] {
  const same = (left: WireField | undefined, right: WireField | undefined) =>
    left !== undefined && right !== undefined && left.wire === right.wire && sameBytes(one, left, two, right);
  const shorter = Math.min(lefts.length, rights.length);
  let from = 0;
  while (from < shorter && same(lefts[from], rights[from])) from++;
  let back = 0;
  while (back < shorter - from && same(lefts.at(-1 - back), rights.at(-1 - back))) back++;
  return [from, back];
}

function countText(count: number): string {
  return count === 1 ? '1 element' : `${count} elements`;
}
