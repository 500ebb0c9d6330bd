import { fieldPath } from '../path.ts';
import type { ProtobufComparison } from './comparison.ts';
import type { FieldPlan, MessagePlan, ValuePlan } from './plan.ts';
import { isZero, readScalar, wireOf } from './scalar.ts';
import { LENGTH_DELIMITED, readMessage, unpacked } from './wire-message.ts';
import type { WireField, WireMessage } from './wire-message.ts';
import { content } from './value.ts';
import type { Value } from './value.ts';

/**
 * A text that equal values share, whatever the order of their fields. It only says where to look: what fits together is
 * compared. Messages whose type is not known, and what is beyond the budget, are taken as they stand on the wire.
 */
export function printOf(
  comparison: ProtobufComparison,
  value: Value,
  plan: ValuePlan | undefined,
  path: string,
  depth: number,
): string {
  const { bytes, field } = value;
  if (plan === undefined || plan.kind === 'map') return rawPrint(value);
  if (plan.kind === 'scalar')
    return field.wire === wireOf(plan.type) ? String(readScalar(bytes, field, plan.type)) : rawPrint(value);
  const read = comparison.read(content(value), depth + 1);
  if (typeof read === 'string') return rawPrint(value);
  const numbers = [...read.fields.keys()].toSorted((a, b) => a - b);
  let print = '{';
  for (const number of numbers) {
    const known = plan.message.field(number);
    const below = fieldPath(path, known?.name ?? `#${number}`);
    if (comparison.context.sink.ignores?.('value', below) ?? false) continue;
    print += printOfField(comparison, read, read.fields.get(number) ?? [], known, below, depth + 1);
  }
  return `${print}}`;
}

function printOfField(
  comparison: ProtobufComparison,
  { bytes }: WireMessage,
  fields: readonly WireField[],
  known: FieldPlan | undefined,
  path: string,
  depth: number,
): string {
  const number = fields[0]?.number ?? 0;
  const wire = known?.value.kind === 'scalar' ? wireOf(known.value.type) : LENGTH_DELIMITED;
  const values =
    known !== undefined && known.list && wire !== LENGTH_DELIMITED
      ? (unpacked(bytes, fields, wire, comparison.budget) ?? fields)
      : fields;
  const plan = known?.value;
  if (known !== undefined && !known.list && !known.explicit && plan?.kind === 'scalar') {
    const last = values.at(-1);
    // Without presence a zero that is written is the same as none.
    if (last !== undefined && last.wire === wire && isZero(readScalar(bytes, last, plan.type))) return '';
  }
  const prints = values.map((field) => printOf(comparison, { bytes, field }, plan, path, depth));
  const anyOrder = plan?.kind === 'map' || comparison.context.unordered(path);
  return `${number}:${JSON.stringify(anyOrder ? prints.toSorted() : prints)}`;
}

function rawPrint({ bytes, field }: Value): string {
  return `${field.wire}${bytes.toString('latin1', field.start, field.end)}`;
}

/** The key of an element as text; undefined when it has none. */
export function printOfKey(value: Value, plan: ValuePlan | undefined, key: string): string | undefined {
  const bytes = content(value);
  const read = readMessage(bytes, { values: bytes.length, bytes: bytes.length }, 16);
  if (typeof read === 'string') return undefined;
  const message = plan?.kind === 'message' ? plan.message : undefined;
  const number = numberOf(key, message);
  if (number === undefined) return undefined;
  const field = read.fields.get(number)?.at(-1);
  const known = message?.field(number)?.value;
  if (field === undefined) return known?.kind === 'scalar' ? String(known.initial) : undefined;
  if (known?.kind === 'scalar' && field.wire === wireOf(known.type))
    return String(readScalar(bytes, field, known.type));
  return rawPrint({ bytes, field });
}

/** A field's number by its name, or as it is shown where its name is not known: `#3`. */
function numberOf(key: string, message: MessagePlan | undefined): number | undefined {
  const known = message?.fieldByName(key);
  if (known !== undefined) return known.number;
  return /^#\d{1,9}$/.test(key) ? Number(key.slice(1)) : undefined;
}
