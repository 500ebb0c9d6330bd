/**
 * 32-bit hash of a string, the same in every process, version and worker: FNV-1a over UTF-16 code units, then the
 * finaliser of MurmurHash3 (fmix32), so that neighbouring keys spread over the whole range.
 *
 * @returns an unsigned 32-bit integer
 */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix32(hash);
}

/** MurmurHash3's fmix32: spreads an integer over the unsigned 32-bit range. */
export function mix32(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
