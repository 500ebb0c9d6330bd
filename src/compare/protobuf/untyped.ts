import type { Buffer } from 'node:buffer';
import type { Difference } from '../../model/difference.ts';
import type { DifferenceSink, FormatContext } from '../format.ts';
import { near } from '../json/numbers.ts';
import type { ProtobufComparison } from './comparison.ts';
import { compareElements } from './elements.ts';
import { varint } from './scalar.ts';
import { shown, shownBytes, textOf, untypedFloat } from './show.ts';
import { FIXED32, FIXED64, GROUP, LENGTH_DELIMITED, unpacked, VARINT } from './wire-message.ts';
import type { WireField, WireMessage } from './wire-message.ts';
import { content, sameBytes } from './value.ts';
import type { Value } from './value.ts';

/** Differences that a guess is followed to; with more it is as good as any. */
const TRIED_DIFFERENCES = 200;
/** Bytes of two ids, in hexadecimal digits. */
const ID_CHARS_MIN = 16;
const ID_CHARS_MAX = 128;

/**
 * Compares the values of a field of which only the number is known. Values of one side that are packed are taken apart
 * where the other side's are not.
 */
export function compareUntyped(
  comparison: ProtobufComparison,
  one: WireMessage,
  lefts: readonly WireField[],
  two: WireMessage,
  rights: readonly WireField[],
  path: string,
  depth: number,
): void {
  const { context } = comparison;
  if (context.ignored(path)) return;
  const wires = new Set([...lefts, ...rights].map(({ wire }) => wire));
  if (wires.size > 1) {
    const [single, ...more] = [...wires].filter((wire) => wire !== LENGTH_DELIMITED);
    const packable = single !== undefined && single !== GROUP && more.length === 0;
    const values = packable ? unpacked(one.bytes, lefts, single, comparison.budget) : undefined;
    const others = packable ? unpacked(two.bytes, rights, single, comparison.budget) : undefined;
    if (values === undefined || others === undefined) {
      context.sink.add('type', path, 'high', shownAll(one, lefts), shownAll(two, rights));
      return;
    }
    compareElements(comparison, one, values, two, others, undefined, path, depth);
    return;
  }
  const [left] = lefts;
  const [right] = rights;
  if (lefts.length > 1 || rights.length > 1) {
    compareElements(comparison, one, lefts, two, rights, undefined, path, depth);
    return;
  }
  const value = left === undefined ? undefined : { bytes: one.bytes, field: left };
  const other = right === undefined ? undefined : { bytes: two.bytes, field: right };
  if (value !== undefined && other !== undefined) compareUntypedValues(comparison, value, other, path, depth);
  else {
    const only = value ?? other;
    if (only !== undefined && !comparison.saysNothing(only))
      comparison.missingOrAdded(value, other, undefined, path, 'high');
  }
}

/** Compares two values by their wire type. */
export function compareUntypedValues(
  comparison: ProtobufComparison,
  left: Value,
  right: Value,
  path: string,
  depth: number,
): void {
  if (left.field.wire === right.field.wire && sameBytes(left.bytes, left.field, right.bytes, right.field))
    return;
  const { wire } = left.field;
  if (wire !== right.field.wire) {
    comparison.context.sink.add('type', path, 'high', shownValue(left), shownValue(right));
  } else if (wire === GROUP) {
    comparison.messages(content(left), content(right), undefined, path, depth + 1);
  } else if (wire === LENGTH_DELIMITED) compareDelimited(comparison, left, right, path, depth);
  else compareNumbers(comparison.context, left, right, path);
}

function compareNumbers(context: FormatContext, left: Value, right: Value, path: string): void {
  const text = numberText(left);
  const other = numberText(right);
  if (text !== undefined && other !== undefined) {
    if (text === other) return;
    const tolerance = context.tolerance(path);
    if (tolerance !== undefined && near(text, other, tolerance)) return;
    if (context.alike(text, other)) return;
  }
  context.sink.add('value', path, 'medium', shownValue(left), shownValue(right));
}

function numberText({ bytes, field }: Value): string | undefined {
  if (field.wire === VARINT) return String(varint(bytes, field.start, field.end));
  const value = untypedFloat(bytes, field);
  return value === undefined ? undefined : String(value);
}

/**
 * Compares bytes that may be a message, a text or anything. The guess is one for both sides, and decides only where a
 * difference is shown: as messages they may turn out to be the same; texts are compared as such; then messages; then
 * bytes.
 */
function compareDelimited(
  comparison: ProtobufComparison,
  left: Value,
  right: Value,
  path: string,
  depth: number,
): void {
  const one = content(left);
  const two = content(right);
  const outer = comparison.context;
  // An empty value is a message as well as a text.
  const messages =
    typeof comparison.read(one, depth + 1) === 'object' &&
    typeof comparison.read(two, depth + 1) === 'object';
  const tried = messages ? new TriedSink(outer.sink) : undefined;
  if (tried !== undefined) {
    comparison.context = withSink(outer, tried);
    comparison.messages(one, two, undefined, path, depth + 1);
    comparison.context = outer;
    if (tried.nothingCounts) {
      tried.handOn();
      return;
    }
  }
  const text = textOf(one);
  const other = textOf(two);
  if (text !== undefined && other !== undefined) {
    if (!outer.alike(text, other))
      outer.sink.add('value', path, 'medium', JSON.stringify(text), JSON.stringify(other));
    return;
  }
  if (tried !== undefined) {
    tried.handOn();
    return;
  }
  const ids = one.length === two.length ? [one.toString('hex'), two.toString('hex')] : [];
  const [id = '', otherId = ''] = ids;
  if (id.length >= ID_CHARS_MIN && id.length <= ID_CHARS_MAX && outer.alike(id, otherId)) return;
  outer.sink.add(
    'value',
    path,
    'medium',
    text === undefined ? shownBytes(one) : JSON.stringify(text),
    other === undefined ? shownBytes(two) : JSON.stringify(other),
  );
}

/** Keeps what a guess comes to until it is known whether it counts. */
class TriedSink implements DifferenceSink {
  readonly ignores: DifferenceSink['ignores'];
  readonly #outer: DifferenceSink;
  readonly #found: Difference[] = [];

  constructor(outer: DifferenceSink) {
    this.#outer = outer;
    this.ignores = outer.ignores;
  }

  get full(): boolean {
    return this.#found.length >= TRIED_DIFFERENCES;
  }

  add: DifferenceSink['add'] = (kind, path, risk, primary, other) => {
    if (!this.full) this.#found.push({ kind, path, risk, primary, other });
  };

  /** Whether everything that was found is ignored. */
  get nothingCounts(): boolean {
    return this.#found.every(({ kind, path }) => this.ignores?.(kind, path) ?? false);
  }

  handOn(): void {
    for (const { kind, path, risk, primary, other } of this.#found)
      this.#outer.add(kind, path, risk, primary, other);
  }
}

function withSink(context: FormatContext, sink: DifferenceSink): FormatContext {
  return {
    limits: context.limits,
    sink,
    alike: context.alike,
    ignored: (path) => context.ignored(path),
    unordered: (path) => context.unordered(path),
    keyOf: (path) => context.keyOf(path),
    tolerance: (path) => context.tolerance(path),
    nested: (primary, other, path) => context.nested(primary, other, path),
  };
}

/** Whether a value is what an unset field without presence stands for: zero or empty. */
export function isUnset(bytes: Buffer, { wire, start, end }: WireField): boolean {
  if (wire === VARINT) return varint(bytes, start, end) === 0n;
  if (wire === FIXED32 || wire === FIXED64) return bytes.subarray(start, end).every((byte) => byte === 0);
  return start === end;
}

function shownValue({ bytes, field }: Value): string {
  return shown(bytes, field, undefined);
}

function shownAll({ bytes }: WireMessage, fields: readonly WireField[]): string | undefined {
  const texts = fields.slice(0, 8).map((field) => shown(bytes, field, undefined));
  return texts.length === 0 ? undefined : texts.join(', ');
}
