import type { Buffer } from 'node:buffer';
import type { BodyFault } from '../../model/difference.ts';

/** Wire types (https://protobuf.dev/programming-guides/encoding/#structure). */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const GROUP = 3;
export const END_GROUP = 4;
export const FIXED32 = 5;

/** Longest tag or length, bytes: both are 32 bits wide. */
const TAG_BYTES = 5;
const VARINT_BYTES = 10;

/** One value of a field, as it stands on the wire. */
export interface WireField {
  readonly number: number;
  readonly wire: number;
  /** Where the value is: of length-delimited ones and groups what is inside. */
  readonly start: number;
  readonly end: number;
}

/** One level of a message: its fields by number, in the order of the wire. What is nested has not been looked at. */
export interface WireMessage {
  readonly bytes: Buffer;
  readonly fields: ReadonlyMap<number, readonly WireField[]>;
}

/** What reading may still cost; shared by all that is read for one pair. */
export interface ReadBudget {
  /** Fields, values of packed ones and groups. */
  values: number;
  /** Bytes of nested messages. */
  bytes: number;
}

/**
 * Reads one level of a message in time linear in its length.
 *
 * @param depth groups that may be in one another
 * @returns the fault when the bytes are no message, or there is more than the budget allows
 */
export function readMessage(bytes: Buffer, budget: ReadBudget, depth: number): WireMessage | BodyFault {
  const fields = new Map<number, WireField[]>();
  const end = bytes.length;
  budget.bytes -= end;
  if (budget.bytes < 0) return 'too_many_values';
  let at = 0;
  while (at < end) {
    if (--budget.values < 0) return 'too_many_values';
    const length = varintLength(bytes, at, end, TAG_BYTES);
    const tag = length === 0 ? 0 : readUint(bytes, at, length);
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    // 29 bits are left for the number.
    if (number === 0 || tag > 0xffff_ffff) return 'malformed';
    at += length;
    let field: WireField;
    if (wire === GROUP) {
      const stop = endOfGroup(bytes, at, number, budget, depth);
      if (typeof stop !== 'number') return stop;
      field = { number, wire, start: at, end: stop };
      at = stop + length;
    } else {
      const start = startOfValue(bytes, at, end, wire);
      const stop = endOfValue(bytes, at, end, wire);
      if (stop < 0) return 'malformed';
      field = { number, wire, start, end: stop };
      at = stop;
    }
    const known = fields.get(number);
    if (known === undefined) fields.set(number, [field]);
    else known.push(field);
  }
  return { bytes, fields };
}

/**
 * The values of packed fields: those that are length-delimited are taken apart, the others stay.
 *
 * @param wire the wire type of a single value
 * @returns undefined when one of them is not packed values of that type, or there are too many
 */
export function unpacked(
  bytes: Buffer,
  fields: readonly WireField[],
  wire: number,
  budget: ReadBudget,
): readonly WireField[] | undefined {
  const values: WireField[] = [];
  for (const field of fields) {
    if (field.wire === wire) {
      values.push(field);
      continue;
    }
    if (field.wire !== LENGTH_DELIMITED) return undefined;
    for (let at = field.start; at < field.end;) {
      const end = endOfValue(bytes, at, field.end, wire);
      if (end < 0 || --budget.values < 0) return undefined;
      values.push({ number: field.number, wire, start: at, end });
      at = end;
    }
  }
  return values;
}

/** Bytes of the varint at a place; 0 when there is none. */
function varintLength(bytes: Buffer, at: number, end: number, longest: number): number {
  const last = Math.min(end, at + longest);
  for (let i = at; i < last; i++) if ((bytes[i] as number) < 0x80) return i - at + 1;
  return 0;
}

/** A varint of at most five bytes as a number. */
function readUint(bytes: Buffer, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 128 + ((bytes[at + i] as number) & 0x7f);
  return value;
}

function startOfValue(bytes: Buffer, at: number, end: number, wire: number): number {
  return wire === LENGTH_DELIMITED ? at + varintLength(bytes, at, end, TAG_BYTES) : at;
}

/** Where a value ends; -1 when it does not. */
function endOfValue(bytes: Buffer, at: number, end: number, wire: number): number {
  let stop = -1;
  if (wire === VARINT) {
    const length = varintLength(bytes, at, end, VARINT_BYTES);
    if (length > 0) stop = at + length;
  } else if (wire === LENGTH_DELIMITED) {
    const length = varintLength(bytes, at, end, TAG_BYTES);
    if (length > 0) stop = at + length + readUint(bytes, at, length);
  } else if (wire === FIXED64) stop = at + 8;
  else if (wire === FIXED32) stop = at + 4;
  return stop <= end ? stop : -1;
}

/** Where the end tag of a group stands. */
function endOfGroup(
  bytes: Buffer,
  from: number,
  group: number,
  budget: ReadBudget,
  depth: number,
): number | BodyFault {
  const open = [group];
  const end = bytes.length;
  let at = from;
  while (at < end) {
    if (--budget.values < 0) return 'too_many_values';
    const start = at;
    const length = varintLength(bytes, at, end, TAG_BYTES);
    const tag = length === 0 ? 0 : readUint(bytes, at, length);
    const number = Math.floor(tag / 8);
    if (number === 0 || tag > 0xffff_ffff) return 'malformed';
    at += length;
    if (tag % 8 === GROUP) {
      if (open.length >= depth) return 'too_deep';
      open.push(number);
    } else if (tag % 8 === END_GROUP) {
      if (open.pop() !== number) return 'malformed';
      // Whoever asks skips an end tag as long as the start tag.
      if (open.length === 0) return length === tagLength(group) ? start : 'malformed';
    } else {
      at = endOfValue(bytes, at, end, tag % 8);
      if (at < 0) return 'malformed';
    }
  }
  return 'malformed';
}

function tagLength(number: number): number {
  let length = 1;
  for (let rest = Math.floor(number / 16); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}
