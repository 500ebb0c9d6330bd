/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/**
 * CRC-32C (Castagnoli) of some bytes, RFC 9260 appendix A. Bit by bit: its callers check a few dozen bytes once per
 * connection, which is not worth a table.
 *
 * @param crc the result for the bytes before these, to go on from there
 * @returns an unsigned 32-bit integer
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  let rest = ~crc;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (POLYNOMIAL & -(rest & 1));
  }
  return ~rest >>> 0;
}
