import type { Buffer } from 'node:buffer';
import type { MessagePlan, ValuePlan } from './plan.ts';
import { readScalar, scalarText, varint, wireOf } from './scalar.ts';
import { FIXED32, FIXED64, GROUP, LENGTH_DELIMITED, readMessage, unpacked, VARINT } from './wire-message.ts';
import type { WireField } from './wire-message.ts';

/** Characters of a message that are shown; what is shown of a difference is shorter still. */
const SHOWN_CHARS = 400;
const SHOWN_DEPTH = 6;
const SHOWN_FIELDS = 64;
const SHOWN_BYTES = 1024;

/** Exponents that doubles of people's making have; others are bits of something else. */
const ORDINARY_MIN = 1e-9;
const ORDINARY_MAX = 1e18;

/** A value for people: `{sku: "A-1", price: 3}`. */
export function shown(bytes: Buffer, field: WireField, plan: ValuePlan | undefined, depth = 0): string {
  if (plan === undefined) return shownUntyped(bytes, field, depth);
  if (plan.kind === 'scalar') {
    if (field.wire !== wireOf(plan.type)) return shownUntyped(bytes, field, depth);
    const value = readScalar(bytes, field, plan.type);
    const name = typeof value === 'number' ? plan.names?.get(value) : undefined;
    return name ?? scalarText(value, plan.type);
  }
  const inner = bytes.subarray(field.start, field.end);
  return shownMessage(inner, plan.kind === 'message' ? plan.message : undefined, depth + 1);
}

export function shownMessage(bytes: Buffer, plan: MessagePlan | undefined, depth = 0): string {
  if (depth > SHOWN_DEPTH) return '{…}';
  const cut = bytes.length > SHOWN_BYTES * 4;
  const read = cut ? undefined : readMessage(bytes, { values: SHOWN_FIELDS * 4, bytes: bytes.length }, 16);
  if (read === undefined || typeof read === 'string') return shownBytes(bytes);
  let text = '{';
  for (const [number, fields] of read.fields) {
    const known = plan?.field(number);
    const wire = known?.value.kind === 'scalar' ? wireOf(known.value.type) : undefined;
    const values =
      known !== undefined && known.list && wire !== undefined && wire !== LENGTH_DELIMITED
        ? (unpacked(bytes, fields, wire, { values: SHOWN_FIELDS, bytes: bytes.length }) ?? fields)
        : fields;
    for (const field of values) {
      if (text.length > SHOWN_CHARS) return `${text}…}`;
      text += `${text.length > 1 ? ', ' : ''}${known?.name ?? `#${number}`}: ${shown(bytes, field, known?.value, depth)}`;
    }
  }
  return `${text}}`;
}

function shownUntyped(bytes: Buffer, { wire, start, end }: WireField, depth: number): string {
  if (wire === VARINT) return String(varint(bytes, start, end));
  if (wire === FIXED64 || wire === FIXED32) {
    const value = untypedFloat(bytes, { number: 0, wire, start, end });
    if (value !== undefined) return String(value);
    const integer = wire === FIXED64 ? bytes.readBigUInt64LE(start) : bytes.readUInt32LE(start);
    return `0x${integer.toString(16).padStart((end - start) * 2, '0')}`;
  }
  const inner = bytes.subarray(start, Math.min(end, start + SHOWN_BYTES * 4));
  const text = wire === GROUP ? undefined : textOf(inner);
  if (text !== undefined) return JSON.stringify(text.slice(0, SHOWN_BYTES));
  const message = shownMessage(bytes.subarray(start, end), undefined, depth + 1);
  return message;
}

export function shownBytes(bytes: Buffer): string {
  const cut = bytes.length > SHOWN_BYTES;
  return `0x${bytes.toString('hex', 0, Math.min(bytes.length, SHOWN_BYTES))}${cut ? '…' : ''}`;
}

/** The number that a fixed value probably is: a double or float of common size. */
export function untypedFloat(bytes: Buffer, { wire, start }: WireField): number | undefined {
  const value = wire === FIXED64 ? bytes.readDoubleLE(start) : bytes.readFloatLE(start);
  const size = Math.abs(value);
  return value === 0 || (size >= ORDINARY_MIN && size <= ORDINARY_MAX) ? value : undefined;
}

/** Control characters that no text has. */
const BINARY = /[^\P{Cc}\t\n\r]/u;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as the text that they probably are. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return BINARY.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
