import type { Buffer } from 'node:buffer';
import type { FieldPlan, MessagePlan, ValuePlan } from './plan.ts';
import { readScalar, wireOf } from './scalar.ts';
import type { ScalarType } from './scalar.ts';
import type { WireField, WireMessage } from './wire-message.ts';

/** Years 0001 to 9999, as the documentation of google.protobuf.Timestamp has it, seconds. */
const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;
const NANOS = 1_000_000_000n;

/**
 * A timestamp (RFC 3339) or duration (`1.5s`) as in the JSON mapping.
 *
 * @returns undefined when it has other fields, or is out of its range
 */
export function timeText(message: WireMessage, form: 'timestamp' | 'duration'): string | undefined {
  for (const number of message.fields.keys()) if (number !== 1 && number !== 2) return undefined;
  const seconds = integer(message, 1, 'int64');
  const nanos = integer(message, 2, 'int32');
  if (seconds === undefined || nanos === undefined || nanos >= NANOS || nanos <= -NANOS) return undefined;
  if (form === 'duration') {
    const all = seconds * NANOS + nanos;
    const size = all < 0n ? -all : all;
    return `${all < 0n ? '-' : ''}${size / NANOS}${fraction(size % NANOS)}s`;
  }
  if (nanos < 0n || seconds < FIRST_SECOND || seconds > LAST_SECOND) return undefined;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
}

/** What is packed into a `google.protobuf.Any`. */
export interface Packed {
  readonly typeName: string;
  /** Undefined when it is empty. */
  readonly value: WireField | undefined;
}

/** @returns undefined when it has other fields */
export function packedOf({ bytes, fields }: WireMessage): Packed | undefined {
  for (const number of fields.keys()) if (number !== 1 && number !== 2) return undefined;
  const url = fields.get(1)?.at(-1);
  const value = fields.get(2)?.at(-1);
  if (url !== undefined && url.wire !== wireOf('string')) return undefined;
  if (value !== undefined && value.wire !== wireOf('bytes')) return undefined;
  const text = url === undefined ? '' : bytes.toString('utf8', url.start, url.end);
  return { typeName: text.slice(text.lastIndexOf('/') + 1), value };
}

function integer({ bytes, fields }: WireMessage, number: number, type: ScalarType): bigint | undefined {
  const field = fields.get(number)?.at(-1);
  if (field === undefined) return 0n;
  if (field.wire !== wireOf(type)) return undefined;
  const value = readScalar(bytes, field, type);
  return typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : undefined;
}

function fraction(nanos: bigint): string {
  if (nanos === 0n) return '';
  const digits = nanos.toString().padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}

/** Bytes of an Any's message. */
export function packedBytes({ bytes }: WireMessage, { value }: Packed): Buffer {
  return value === undefined ? bytes.subarray(0, 0) : bytes.subarray(value.start, value.end);
}

/** `google.protobuf.Any`, whether or not descriptors are known. */
export const ANY = plainPlan('google.protobuf.Any', 'any', [
  ['type_url', scalar('string', '')],
  ['value', scalar('bytes', '')],
]);

/** The details of an error: field 3 of `google.rpc.Status` (github.com/googleapis/googleapis, google/rpc/status.proto). */
export const STATUS_DETAILS = 3;

function scalar(type: ScalarType, initial: string | number): ValuePlan {
  return { kind: 'scalar', type, initial, names: undefined };
}

function plainPlan(
  typeName: string,
  form: MessagePlan['form'],
  values: readonly (readonly [name: string, value: ValuePlan])[],
): MessagePlan {
  const fields = values.map(([name, value], index): FieldPlan => ({
    number: index + 1,
    name,
    jsonName: name,
    required: false,
    list: false,
    explicit: false,
    value,
  }));
  return {
    typeName,
    form,
    oneofs: [],
    field: (number) => fields[number - 1],
    fieldByName: (name) => fields.find((field) => field.name === name),
  };
}

/** A message of which nothing is known. */
export const UNKNOWN: MessagePlan = plainPlan('', 'plain', []);
