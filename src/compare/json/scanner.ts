// Where the tokens of JSON text end (RFC 8259). The text is a buffer; reading past its end gives undefined, which is like no
// byte.

/** Bytes that stand for themselves in a string: no control character, quote or backslash. */
const ORDINARY = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === 0x22 || byte === 0x5c ? 0 : 1,
);
const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];

/** Index of the first byte from `at` on that is no white space. */
export function blankEnd(bytes: Uint8Array, at: number): number {
  for (;;) {
    const byte = bytes[at] as number;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return at;
    at++;
  }
}

/**
 * Where the string whose content begins at `at` has its closing quote.
 *
 * @returns the index; the negative of it when there are escapes; 0 when it is no string
 */
export function stringEnd(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && ORDINARY[bytes[at] as number] === 1) at++;
  if (bytes[at] === 0x22) return at;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte === 0x22) return -at;
    if (byte < 0x20) return 0;
    at = byte === 0x5c ? escapeEnd(bytes, at) : at + 1;
    if (at === -1) return 0;
  }
  return 0;
}

function escapeEnd(bytes: Uint8Array, at: number): number {
  switch (bytes[at + 1]) {
    case 0x22:
    case 0x2f:
    case 0x5c:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 2;
    case 0x75:
      return isHex(bytes[at + 2]) && isHex(bytes[at + 3]) && isHex(bytes[at + 4]) && isHex(bytes[at + 5])
        ? at + 6
        : -1;
    default:
      return -1;
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

/** Index after `true`, `false` or `null`, or -1. */
export function literalEnd(bytes: Buffer, at: number): number {
  for (const literal of LITERALS) {
    if (literal[0] !== bytes[at]) continue;
    for (let i = 1; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return -1;
    return at + literal.length;
  }
  return -1;
}

/** Index after the number at `at`, or -1. */
export function numberEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0x2d) at++;
  let end = bytes[at] === 0x30 ? at + 1 : digitsEnd(bytes, at);
  if (end === at) return -1;
  if (bytes[end] === 0x2e) {
    const fraction = end + 1;
    end = digitsEnd(bytes, fraction);
    if (end === fraction) return -1;
  }
  if (bytes[end] === 0x65 || bytes[end] === 0x45) {
    const sign = bytes[end + 1];
    const exponent = sign === 0x2b || sign === 0x2d ? end + 2 : end + 1;
    end = digitsEnd(bytes, exponent);
    if (end === exponent) return -1;
  }
  return end;
}

function digitsEnd(bytes: Uint8Array, at: number): number {
  while ((bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
  return at;
}
