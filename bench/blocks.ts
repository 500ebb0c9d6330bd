import { createHash } from 'node:crypto';

/** Path under which the checker streams as many bytes as the number that follows says. */
export const STREAM_PATH = 'stream-';

const BLOCK_BYTES = 64 * 1024;
const PATTERN = Buffer.from(
  Array.from({ length: BLOCK_BYTES }, (_, index) => (index * 31 + (index >> 8)) % 251),
);

/** A body of any length in which no two blocks are alike, so that a lost or doubled one is found out. */
export function* blocksOf(bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    const block = Buffer.from(PATTERN);
    block.writeDoubleBE(at);
    yield block.subarray(0, Math.min(BLOCK_BYTES, bytes - at));
  }
}

/** SHA-256 of a body, hexadecimal. */
export function hashOf(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of blocksOf(bytes)) hash.update(block);
  return hash.digest('hex');
}
