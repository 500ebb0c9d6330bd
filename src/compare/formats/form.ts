import { faultsOf, readText } from '../format-faults.ts';
import { elementPath, fieldPath } from '../path.ts';
import type { ReadOrFault } from '../format-faults.ts';
import type { CompareFormat, FormatContext } from '../format.ts';

type Fields = ReadonlyMap<string, readonly string[]>;

/**
 * Compares forms in application/x-www-form-urlencoded (WHATWG URL §5.1) by the names of their fields; values of a
 * repeated field count in their order, fields do not.
 */
export const compareForm: CompareFormat = (primary, other, path, context) => {
  const { values: limit } = context.limits;
  const lefts = readText(primary, (text) => fieldsOf(text, limit));
  const rights = readText(other, (text) => fieldsOf(text, limit));
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  const { sink } = context;
  for (const [name, values] of lefts.read) {
    if (sink.full) return undefined;
    const others = rights.read.get(name);
    const below = fieldPath(path, name);
    if (others === undefined) sink.add('missing', below, 'high', values.join(', '), undefined);
    else compareValues(values, others, below, context);
  }
  for (const [name, values] of rights.read) {
    if (sink.full) return undefined;
    if (!lefts.read.has(name)) sink.add('added', fieldPath(path, name), 'low', undefined, values.join(', '));
  }
  return undefined;
};

function compareValues(
  primary: readonly string[],
  other: readonly string[],
  path: string,
  context: FormatContext,
): void {
  const { length } = primary;
  if (length !== other.length)
    context.sink.add('length', path, 'medium', String(length), String(other.length));
  const unordered = context.unordered(path);
  const left = unordered ? primary.toSorted() : primary;
  const right = unordered ? other.toSorted() : other;
  const below = length > 1 || other.length > 1 ? elementPath(path) : path;
  for (const [index, value] of left.entries()) {
    const counterpart = right[index];
    if (counterpart === undefined || context.sink.full) return;
    if (value === counterpart || context.alike(value, counterpart)) continue;
    context.sink.add('value', below, 'medium', value, counterpart);
  }
}

function fieldsOf(text: string, limit: number): ReadOrFault<Fields> {
  let count = 1;
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1))
    if (++count > limit) return { fault: 'too_many_values' };
  const fields = new Map<string, string[]>();
  // The constructor takes a question mark away that begins a query; in a body it belongs to the first name.
  for (const [name, value] of new URLSearchParams(`&${text}`)) {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return { read: fields };
}
