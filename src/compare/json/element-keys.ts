import type { JsonComparison } from './comparison.ts';
import { NUMBER, OBJECT, STRIDE, STRING } from './document.ts';
import type { JsonDocument } from './document.ts';
import { canonicalNumber } from './numbers.ts';

/** Fields that are taken for the key of an array's elements where nothing is configured; the first that fits counts. */
export const OBVIOUS_KEYS = ['id', '_id', 'uuid', 'guid', 'key', 'name', 'code', 'slug', 'sku'] as const;

type Keys = readonly (string | undefined)[];

/**
 * The field by which the elements of two arrays are matched. It is one of the obvious ones if every element of both sides
 * is an object that has it as a string or number, no two of a side have the same, the two sides have at least half of them
 * in common, and they stand in another sequence: otherwise comparing in order comes to the same.
 */
export function inferredKey(
  comparison: JsonComparison,
  left: readonly number[],
  right: readonly number[],
): string | undefined {
  const { primary, other } = comparison;
  if (left.length === 0 || right.length === 0) return undefined;
  if (!left.every((node) => primary.kind(node) === OBJECT)) return undefined;
  if (!right.every((node) => other.kind(node) === OBJECT)) return undefined;
  for (const name of OBVIOUS_KEYS) {
    const keys = uniqueKeys(primary, left, name);
    const otherKeys = keys === undefined ? undefined : uniqueKeys(other, right, name);
    if (keys === undefined || otherKeys === undefined) continue;
    let common = 0;
    for (const key of keys) if (otherKeys.has(key)) common++;
    if (common * 2 < Math.min(keys.size, otherKeys.size)) continue;
    return sameSequence(keys, otherKeys) ? undefined : name;
  }
  return undefined;
}

/** The key of each element as text that equal keys share; undefined where an element has none. */
export function keysOf(document: JsonDocument, elements: readonly number[], name: string): Keys {
  const bytes = Buffer.from(name);
  return elements.map((node) => keyOf(document, node, name, bytes));
}

function uniqueKeys(
  document: JsonDocument,
  elements: readonly number[],
  name: string,
): Set<string> | undefined {
  const bytes = Buffer.from(name);
  const keys = new Set<string>();
  for (const node of elements) {
    const key = keyOf(document, node, name, bytes);
    if (key === undefined || keys.has(key)) return undefined;
    keys.add(key);
  }
  return keys;
}

function keyOf(document: JsonDocument, element: number, name: string, bytes: Buffer): string | undefined {
  if (document.kind(element) !== OBJECT) return undefined;
  const end = document.next(element);
  for (let key = element + STRIDE; key < end; key = document.next(key + STRIDE)) {
    if (!isName(document, key, name, bytes)) continue;
    const value = key + STRIDE;
    if (document.kind(value) === STRING) return `"${document.string(value)}`;
    return document.kind(value) === NUMBER ? canonicalNumber(document.text(value)) : undefined;
  }
  return undefined;
}

function isName(document: JsonDocument, key: number, name: string, bytes: Buffer): boolean {
  if (document.escaped(key)) return document.string(key) === name;
  const start = document.start(key);
  if (document.end(key) - start !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (document.bytes[start + i] !== bytes[i]) return false;
  return true;
}

function sameSequence(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  if (left.size !== right.size) return false;
  const others = right.values();
  for (const key of left) if (key !== others.next().value) return false;
  return true;
}
