import { fieldPath } from '../path.ts';
import type { ProtobufComparison } from './comparison.ts';
import type { ValuePlan } from './plan.ts';
import { readScalar, wireOf } from './scalar.ts';
import type { Scalar, ScalarType } from './scalar.ts';
import { GROUP, LENGTH_DELIMITED, readMessage } from './wire-message.ts';
import type { WireField, WireMessage } from './wire-message.ts';
import { sameBytes } from './value.ts';
import type { Value } from './value.ts';

type MapPlan = Extract<ValuePlan, { kind: 'map' }>;

/** Values by key; undefined where the entry has none, which is the default. */
type Entries = ReadonlyMap<string, Value | undefined>;

/** Compares two maps by their keys: `body.labels.region`. Of entries with one key the last one counts. */
export function compareMaps(
  comparison: ProtobufComparison,
  one: WireMessage,
  lefts: readonly WireField[],
  two: WireMessage,
  rights: readonly WireField[],
  plan: MapPlan,
  path: string,
  depth: number,
): void {
  const entries = entriesOf(comparison, one, lefts, plan);
  const others = entriesOf(comparison, two, rights, plan);
  const { sink } = comparison.context;
  if (entries === undefined || others === undefined) {
    const text = (read: Entries | undefined) => (read === undefined ? 'not readable: malformed' : 'readable');
    if (entries === others) sink.add('value', path, 'medium', 'unlike entries', 'unlike entries');
    else sink.add('type', path, 'high', text(entries), text(others));
    return;
  }
  for (const [key, left] of entries) {
    if (sink.full) return;
    const below = fieldPath(path, key);
    const right = others.get(key);
    if (!others.has(key)) {
      if (left === undefined) sink.add('missing', below, 'high', initialText(plan.value), undefined);
      else comparison.missingOrAdded(left, undefined, plan.value, below, 'high');
    } else compareValues(comparison, left, right, plan.value, below, depth);
  }
  for (const [key, right] of others) {
    if (sink.full) return;
    if (entries.has(key)) continue;
    const below = fieldPath(path, key);
    if (right === undefined) sink.add('added', below, 'low', undefined, initialText(plan.value));
    else comparison.missingOrAdded(undefined, right, plan.value, below, 'high');
  }
}

function compareValues(
  comparison: ProtobufComparison,
  left: Value | undefined,
  right: Value | undefined,
  plan: ValuePlan,
  path: string,
  depth: number,
): void {
  if (left !== undefined && right !== undefined) {
    if (!sameBytes(left.bytes, left.field, right.bytes, right.field))
      comparison.values(left, right, plan, path, depth);
  } else if (plan.kind === 'scalar') {
    const value = (side: Value | undefined): Scalar =>
      side === undefined ? plan.initial : readScalar(side.bytes, side.field, plan.type);
    comparison.scalars(value(left), value(right), plan, path);
  } else if (plan.kind === 'message') {
    const { bytes } = left ?? right ?? { bytes: Buffer.alloc(0) };
    const none = bytes.subarray(0, 0);
    const inner = (side: Value | undefined) =>
      side === undefined ? none : side.bytes.subarray(side.field.start, side.field.end);
    comparison.messages(inner(left), inner(right), plan.message, path, depth + 1);
  }
}

function initialText(plan: ValuePlan): string {
  return plan.kind === 'scalar' ? String(plan.initial) : '{}';
}

function entriesOf(
  comparison: ProtobufComparison,
  { bytes }: WireMessage,
  fields: readonly WireField[],
  { key, value }: MapPlan,
): Entries | undefined {
  const entries = new Map<string, Value | undefined>();
  const keyWire = wireOf(key);
  const valueWire = value.kind === 'scalar' ? wireOf(value.type) : LENGTH_DELIMITED;
  for (const { wire, start, end } of fields) {
    const inner = bytes.subarray(start, end);
    const entry = wire === GROUP ? 'malformed' : readMessage(inner, comparison.budget, 1);
    if (typeof entry === 'string') return undefined;
    const name = entry.fields.get(1)?.findLast((field) => field.wire === keyWire);
    const found = entry.fields.get(2)?.filter((field) => field.wire === valueWire) ?? [];
    const last = found.at(-1);
    const text = String(name === undefined ? initialKey(key) : readScalar(inner, name, key));
    entries.set(text, last === undefined ? undefined : { bytes: inner, field: last });
  }
  return entries;
}

function initialKey(type: ScalarType): Scalar {
  if (type === 'string') return '';
  return type === 'bool' ? false : 0;
}
