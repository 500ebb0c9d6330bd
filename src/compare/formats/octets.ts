import { createHash } from 'node:crypto';
import type { CompareFormat } from '../format.ts';

/** Hexadecimal digits shown of a SHA-256. */
const HASH_CHARS = 16;

/** Compares images and other bytes that have no text: by their length, and where that is the same by a hash. */
export const compareOctets: CompareFormat = (primary, other, path, context) => {
  if (primary.bytes.equals(other.bytes)) return undefined;
  const { length } = primary.bytes;
  if (length === other.bytes.length)
    context.sink.add('value', path, 'medium', shown(primary.bytes), shown(other.bytes));
  else context.sink.add('length', path, 'medium', `${length} bytes`, `${other.bytes.length} bytes`);
  return undefined;
};

function shown(bytes: Buffer): string {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, HASH_CHARS);
  return `${bytes.length} bytes, sha256 ${hash}…`;
}
