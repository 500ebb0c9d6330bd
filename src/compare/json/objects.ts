import type { JsonComparison } from './comparison.ts';
import { STRIDE } from './document.ts';
import type { JsonDocument } from './document.ts';

/**
 * Compares two objects field by field, whatever their order. A key that stands several times is compared with its
 * namesakes in order when both sides repeat it alike; otherwise that is a difference, and the last ones are compared,
 * since they are what most readers take.
 */
export function compareObjects(comparison: JsonComparison, left: number, right: number): void {
  if (sameKeys(comparison, left, right)) {
    const { primary, other } = comparison;
    const end = primary.next(left);
    let otherKey = right + STRIDE;
    for (let key = left + STRIDE; key < end && !comparison.over; key = primary.next(key + STRIDE)) {
      field(comparison, key, otherKey);
      otherKey = other.next(otherKey + STRIDE);
    }
    return;
  }
  compareByKey(comparison, left, right);
}

/** Whether both objects have the same keys in the same order, as answers of the same program have. */
function sameKeys(comparison: JsonComparison, left: number, right: number): boolean {
  const { primary, other } = comparison;
  if (primary.count(left) !== other.count(right)) return false;
  const end = primary.next(left);
  let otherKey = right + STRIDE;
  for (let key = left + STRIDE; key < end; key = primary.next(key + STRIDE)) {
    if (!comparison.sameBytes(key, otherKey) && !comparison.sameString(key, otherKey)) return false;
    otherKey = other.next(otherKey + STRIDE);
  }
  return true;
}

function compareByKey(comparison: JsonComparison, left: number, right: number): void {
  const { primary, other, trail } = comparison;
  const fields = fieldsOf(primary, left);
  const otherFields = fieldsOf(other, right);
  for (const [name, keys] of fields) {
    const otherKeys = otherFields.get(name);
    if (otherKeys === undefined) {
      trail.enterField(primary, lastOf(keys));
      comparison.add('missing', 'high', lastOf(keys) + STRIDE, undefined);
      trail.leave();
    } else if (typeof keys === 'number' && typeof otherKeys === 'number') {
      field(comparison, keys, otherKeys);
    } else {
      repeated(comparison, listOf(keys), listOf(otherKeys));
    }
    if (comparison.over) return;
  }
  for (const [name, keys] of otherFields) {
    if (fields.has(name)) continue;
    trail.enterField(other, lastOf(keys));
    comparison.add('added', 'low', undefined, lastOf(keys) + STRIDE);
    trail.leave();
    if (comparison.over) return;
  }
}

function repeated(comparison: JsonComparison, keys: readonly number[], otherKeys: readonly number[]): void {
  if (keys.length === otherKeys.length) {
    for (const [index, key] of keys.entries()) field(comparison, key, otherKeys[index] ?? 0);
    return;
  }
  comparison.trail.enterField(comparison.primary, lastOf(keys));
  comparison.addText('value', 'medium', timesText(keys.length), timesText(otherKeys.length));
  comparison.trail.leave();
  field(comparison, lastOf(keys), lastOf(otherKeys));
}

function field(comparison: JsonComparison, key: number, otherKey: number): void {
  if (comparison.sameBytes(key + STRIDE, otherKey + STRIDE)) return;
  comparison.trail.enterField(comparison.primary, key);
  comparison.values(key + STRIDE, otherKey + STRIDE);
  comparison.trail.leave();
}

/** Keys by name; a list where one stands several times. */
type Fields = Map<string, number | number[]>;

function fieldsOf(document: JsonDocument, object: number): Fields {
  const fields: Fields = new Map();
  const end = document.next(object);
  for (let key = object + STRIDE; key < end; key = document.next(key + STRIDE)) {
    const name = document.string(key);
    const known = fields.get(name);
    if (known === undefined) fields.set(name, key);
    else if (typeof known === 'number') fields.set(name, [known, key]);
    else known.push(key);
  }
  return fields;
}

function listOf(keys: number | readonly number[]): readonly number[] {
  return typeof keys === 'number' ? [keys] : keys;
}

function lastOf(keys: number | readonly number[]): number {
  return typeof keys === 'number' ? keys : (keys.at(-1) ?? 0);
}

function timesText(count: number): string {
  return count === 1 ? 'key once' : `duplicate key: ${count} times`;
}
