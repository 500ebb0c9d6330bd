import * as fc from 'fast-check';
import { elementPath, fieldPath } from '../../src/compare/path.ts';
import { mix32 } from '../../src/kit/hash.ts';

/** A JSON value whose objects keep the order of their fields, and whose integers may be of any size. */
export type Tree =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly Tree[]
  | { readonly fields: readonly (readonly [name: string, value: Tree])[] };

/** A value with one thing changed, and what a comparison has to say of it. */
export interface Change {
  readonly kind: string;
  readonly path: string;
  readonly value: Tree;
}

export type Random = (below: number) => number;

export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    return mix32(state) % below;
  };
}

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'id',
    'name',
    '',
    '"',
    '\\',
    'a.b',
    '[]',
    '*',
    'é',
    '__proto__',
    'constructor',
    '\n',
  ),
  fc.string({ maxLength: 4 }),
);
const leaf = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    1,
    -1.5,
    1e300,
    5e-324,
    123456.789,
    '',
    '1',
    'null',
    '\ud800',
    '😀\u2028',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);

export const tree: fc.Arbitrary<Tree> = fc.letrec<{ value: Tree }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 5, selector: ([key]) => key })
      .map((fields) => ({ fields })),
    // What lists of answers look like.
    fc
      .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 99 }), tie('value')), {
        maxLength: 5,
        selector: ([id]) => id,
      })
      .map((rows) =>
        rows.map(([id, value]) => ({
          fields: [
            ['id', id],
            ['value', value],
          ] as const,
        })),
      ),
  ),
})).value;

/** One of the many ways to write a value: any order of keys, white space, number forms and escapes. */
export function written(value: Tree, random: Random): string {
  const space = () => [' ', '\n', '\t', '\r\n', '', '', '', ''][random(8)] ?? '';
  const list = (open: string, parts: readonly string[], close: string) =>
    open + parts.map((part) => space() + part + space()).join(',') + space() + close;
  const write = (part: Tree): string => {
    if (typeof part === 'string') return writtenString(part, random);
    if (typeof part === 'number' || typeof part === 'bigint') return writtenNumber(part, random);
    if (part === null || typeof part === 'boolean') return String(part);
    if (!('fields' in part)) return list('[', part.map(write), ']');
    const fields = shuffled(part.fields, random);
    return list(
      '{',
      fields.map(([key, field]) => `${writtenString(key, random)}${space()}:${space()}${write(field)}`),
      '}',
    );
  };
  return space() + write(value) + space();
}

export function shuffled<Element>(list: readonly Element[], random: Random): readonly Element[] {
  const rest = [...list];
  return list.flatMap(() => rest.splice(random(rest.length), 1));
}

function writtenString(text: string, random: Random): string {
  const parts = text.split('').map((unit) => {
    const escaped = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    if (unit === '/' && random(2) === 0) return '\\/';
    // Halves of characters cannot be sent otherwise.
    if (random(8) === 0 || !unit.isWellFormed())
      return random(2) === 0 ? escaped : escaped.toUpperCase().replace('U', 'u');
    return JSON.stringify(unit).slice(1, -1);
  });
  return `"${parts.join('')}"`;
}

function writtenNumber(value: number | bigint, random: Random): string {
  const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  switch (random(5)) {
    case 0:
      return text.includes('e') ? text.toUpperCase() : `${text}e+00`;
    case 1:
      return typeof value === 'number' ? value.toExponential() : `${text}.000`;
    case 2:
      return text.includes('.') || text.includes('e') ? text : `${text}.0`;
    case 3:
      return text.includes('e') ? text : `${text}${text.includes('.') ? '' : '.'}00E-0`;
    default:
      return text;
  }
}

/** Every way to change one thing in a value. */
export function changesOf(value: Tree, path: string): readonly Change[] {
  if (typeof value !== 'object' || value === null) {
    return [
      { kind: 'value', path, value: otherValue(value) },
      { kind: 'type', path, value: { fields: [] } },
    ].filter(({ value: changed }) => changed !== null);
  }
  if (!('fields' in value)) return changesOfArray(value, path);
  const { fields } = value;
  return [
    {
      kind: 'added',
      path: fieldPath(path, 'new field'),
      value: { fields: [...fields, ['new field', null]] },
    },
    ...fields.flatMap(([key, field], index): readonly Change[] => [
      { kind: 'missing', path: fieldPath(path, key), value: { fields: fields.toSpliced(index, 1) } },
      ...changesOf(field, fieldPath(path, key)).map((change) => ({
        ...change,
        value: { fields: fields.with(index, [key, change.value]) },
      })),
    ]),
  ];
}

function changesOfArray(elements: readonly Tree[], path: string): readonly Change[] {
  const first = elements.length > 1 ? canonical(elements[0] ?? null) : '';
  const last = canonical(elements.at(-1) ?? null);
  const swapped = [elements.at(-1) ?? null, ...elements.slice(1, -1), elements[0] ?? null];
  return [
    { kind: 'length', path, value: elements.toSpliced(elements.length >> 1, 0, 'new element') },
    ...(elements.length > 1 && first !== last ? [{ kind: 'order', path, value: swapped }] : []),
    ...elements.flatMap((element, index) =>
      changesOf(element, elementPath(path)).map((change) => ({
        ...change,
        value: elements.with(index, change.value),
      })),
    ),
  ];
}

/** Another value of the same type; null when there is none. */
function otherValue(value: string | number | bigint | boolean | null): Tree {
  switch (typeof value) {
    case 'string':
      return `${value}!`;
    case 'boolean':
      return !value;
    case 'bigint':
      return value + 1n;
    case 'number':
      return value === 7 ? 8 : 7;
    default:
      return null;
  }
}

/** A text that only equal values share. */
function canonical(value: Tree): string {
  if (typeof value === 'bigint') return canonical(Number(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(Object.is(value, -0) ? 0 : value);
  if (!('fields' in value)) return `[${value.map(canonical).join(',')}]`;
  return `{${value.fields
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
    .toSorted()
    .join(',')}}`;
}
