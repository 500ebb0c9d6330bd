import type { Buffer } from 'node:buffer';
import type { WireField } from './wire-message.ts';

/** A value and the message that it stands in. */
export interface Value {
  readonly bytes: Buffer;
  readonly field: WireField;
}

/** What is inside a length-delimited value or a group. */
export function content({ bytes, field }: Value): Buffer {
  return bytes.subarray(field.start, field.end);
}

/** Longest value that is compared byte by byte, which is quicker than a call for short ones. */
const SHORT_BYTES = 48;

export function sameBytes(one: Buffer, left: WireField, two: Buffer, right: WireField): boolean {
  const length = left.end - left.start;
  if (length !== right.end - right.start) return false;
  if (length > SHORT_BYTES) return one.compare(two, right.start, right.end, left.start, left.end) === 0;
  for (let i = 0; i < length; i++) if (one[left.start + i] !== two[right.start + i]) return false;
  return true;
}
