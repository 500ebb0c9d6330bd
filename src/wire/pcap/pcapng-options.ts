import { u16be, u16le, u32be, u32le } from '../integers.ts';

/** Options that are read (draft-ietf-opsawg-pcapng §3.5, §4.2, §4.5). */
export const OPTION = {
  end: 0,
  interfaceName: 2,
  timestampResolution: 9,
  timestampOffset: 14,
  received: 4,
  droppedByInterface: 5,
  droppedByKernel: 7,
} as const;

/** Options of one block; more are not looked at. */
const OPTIONS_MAX = 64;

/** Where an option's value stands. */
export interface OptionPlace {
  readonly at: number;
  readonly length: number;
}

/**
 * Finds options in `bytes[at, end)`: code, length, value padded to four bytes. One that is longer than what is left ends the
 * search.
 *
 * @returns the last option of each code
 */
export function readOptions(
  bytes: Uint8Array,
  at: number,
  end: number,
  bigEndian: boolean,
): ReadonlyMap<number, OptionPlace> {
  const found = new Map<number, OptionPlace>();
  const u16 = bigEndian ? u16be : u16le;
  for (let i = 0; i < OPTIONS_MAX && at + 4 <= end; i++) {
    const code = u16(bytes, at);
    const length = u16(bytes, at + 2);
    if (code === OPTION.end || at + 4 + length > end) break;
    found.set(code, { at: at + 4, length });
    at += 4 + ((length + 3) & ~3);
  }
  return found;
}

/** A 64-bit count, exact up to 2⁵³; undefined unless the option is there with eight bytes. */
export function optionCount(
  bytes: Uint8Array,
  place: OptionPlace | undefined,
  bigEndian: boolean,
): number | undefined {
  if (place === undefined || place.length !== 8) return undefined;
  const { at } = place;
  return bigEndian
    ? u32be(bytes, at) * 2 ** 32 + u32be(bytes, at + 4)
    : u32le(bytes, at + 4) * 2 ** 32 + u32le(bytes, at);
}

/** Microseconds of one unit of time stamps (`if_tsresol`): a power of ten, or of two where the highest bit is set. */
export function unitMicros(resolution: number): number {
  const exponent = resolution & 0x7f;
  return 1e6 * ((resolution & 0x80) === 0 ? 10 ** -exponent : 2 ** -exponent);
}
