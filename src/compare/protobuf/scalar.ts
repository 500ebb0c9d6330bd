import type { Buffer } from 'node:buffer';
import { isUtf8 } from 'node:buffer';
import { FIXED32, FIXED64, LENGTH_DELIMITED, VARINT } from './wire-message.ts';
import type { WireField } from './wire-message.ts';

/** What a value on the wire stands for; `enum` and the numbers as in .proto files. */
export type ScalarType =
  | 'double'
  | 'float'
  | 'int64'
  | 'uint64'
  | 'int32'
  | 'fixed64'
  | 'fixed32'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'uint32'
  | 'enum'
  | 'sfixed32'
  | 'sfixed64'
  | 'sint32'
  | 'sint64';

/** A value; strings and bytes are texts: the former as they are, the latter in hexadecimal digits. */
export type Scalar = number | bigint | boolean | string;

const WIRE: Readonly<Record<ScalarType, number>> = {
  double: FIXED64,
  float: FIXED32,
  int64: VARINT,
  uint64: VARINT,
  int32: VARINT,
  fixed64: FIXED64,
  fixed32: FIXED32,
  bool: VARINT,
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
  uint32: VARINT,
  enum: VARINT,
  sfixed32: FIXED32,
  sfixed64: FIXED64,
  sint32: VARINT,
  sint64: VARINT,
};

export function wireOf(type: ScalarType): number {
  return WIRE[type];
}

/** Bytes of a value that are shown. */
const SHOWN_BYTES = 2048;

/** The value of a field. Varints are cut to the width of their type, as every parser does. */
export function readScalar(bytes: Buffer, { start, end }: WireField, type: ScalarType): Scalar {
  switch (type) {
    case 'double':
      return bytes.readDoubleLE(start);
    case 'float':
      return bytes.readFloatLE(start);
    case 'int32':
    case 'enum':
      return Number(BigInt.asIntN(32, varint(bytes, start, end)));
    case 'uint32':
      return Number(BigInt.asUintN(32, varint(bytes, start, end)));
    case 'int64':
      return BigInt.asIntN(64, varint(bytes, start, end));
    case 'uint64':
      return varint(bytes, start, end);
    case 'sint32': {
      const value = Number(BigInt.asUintN(32, varint(bytes, start, end)));
      return (value >>> 1) ^ -(value & 1);
    }
    case 'sint64': {
      const value = varint(bytes, start, end);
      return (value >> 1n) ^ -(value & 1n);
    }
    case 'bool':
      return varint(bytes, start, end) !== 0n;
    case 'fixed32':
      return bytes.readUInt32LE(start);
    case 'sfixed32':
      return bytes.readInt32LE(start);
    case 'fixed64':
      return bytes.readBigUInt64LE(start);
    case 'sfixed64':
      return bytes.readBigInt64LE(start);
    case 'string': {
      const text = bytes.subarray(start, end);
      // What is no text is not to be mistaken for another one that is none either.
      return isUtf8(text) ? text.toString() : `\ufffd${text.toString('latin1')}`;
    }
    case 'bytes':
      return bytes.toString('hex', start, end);
  }
}

/** A varint as 64 bits without sign. */
export function varint(bytes: Buffer, start: number, end: number): bigint {
  let low = 0;
  let high = 0;
  // Four bytes of seven bits fit into 28; the rest goes on above.
  for (let i = Math.min(end, start + 4) - 1; i >= start; i--) low = low * 128 + ((bytes[i] as number) & 0x7f);
  if (end - start <= 4) return BigInt(low);
  for (let i = Math.min(end, start + 8) - 1; i >= start + 4; i--)
    high = high * 128 + ((bytes[i] as number) & 0x7f);
  let top = 0;
  for (let i = end - 1; i >= start + 8; i--) top = top * 128 + ((bytes[i] as number) & 0x7f);
  return BigInt.asUintN(64, BigInt(low) | (BigInt(high) << 28n) | (BigInt(top) << 56n));
}

/** Whether two values are the same; as MessageDifferencer has it here, NaN is NaN. */
export function sameScalar(left: Scalar, right: Scalar): boolean {
  return left === right || (Number.isNaN(left) && Number.isNaN(right));
}

/** A value as JSON or, where that has no word for it, as it is written in text format. */
export function scalarText(value: Scalar, type: ScalarType): string {
  if (type === 'string') return JSON.stringify(String(value).slice(0, SHOWN_BYTES));
  if (type !== 'bytes') return String(value);
  const digits = String(value);
  return digits.length > SHOWN_BYTES ? `0x${digits.slice(0, SHOWN_BYTES)}…` : `0x${digits}`;
}

/** Whether a value is the one that a field without presence has when it is not there. */
export function isZero(value: Scalar): boolean {
  // A negative zero is written, so it is none.
  return value === '' || value === false || value === 0n || Object.is(value, 0);
}
