/** Index after the JSON string that begins at `start` (its quote), or -1 where it is not one (RFC 8259 §7). */
export function stringEnd(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  for (;;) {
    const byte = bytes[i++];
    if (byte === 0x22) return i;
    if (byte === undefined || byte < 0x20) return -1;
    if (byte !== 0x5c) continue;
    const escaped = bytes[i++];
    if (escaped === 0x75) {
      for (let digits = 0; digits < 4; digits++) if (!isHexDigit(bytes[i++])) return -1;
    } else if (!isEscapable(escaped)) return -1;
  }
}

/** Index after the number that begins at `start`, or -1 where it is not one (RFC 8259 §6). */
export function numberEnd(bytes: Uint8Array, start: number): number {
  let i = bytes[start] === 0x2d ? start + 1 : start;
  const integer = i;
  i = digitsEnd(bytes, i);
  if (i === integer || (bytes[integer] === 0x30 && i > integer + 1)) return -1;
  if (bytes[i] === 0x2e) {
    const fraction = i + 1;
    i = digitsEnd(bytes, fraction);
    if (i === fraction) return -1;
  }
  if (bytes[i] === 0x65 || bytes[i] === 0x45) {
    const sign = bytes[i + 1];
    const exponent = sign === 0x2b || sign === 0x2d ? i + 2 : i + 1;
    i = digitsEnd(bytes, exponent);
    if (i === exponent) return -1;
  }
  return i;
}

/** Index after `true`, `false` or `null` at `start`, or -1. */
export function literalEnd(bytes: Uint8Array, start: number): number {
  const literal = LITERALS.get(bytes[start]);
  if (literal === undefined) return -1;
  for (let i = 0; i < literal.length; i++) if (bytes[start + i] !== literal.charCodeAt(i)) return -1;
  return start + literal.length;
}

/** Index of the first byte from `start` that is not white space. */
export function blankEnd(bytes: Uint8Array, start: number): number {
  let i = start;
  for (;;) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i;
    i++;
  }
}

const LITERALS: ReadonlyMap<number | undefined, string> = new Map([
  [0x74, 'true'],
  [0x66, 'false'],
  [0x6e, 'null'],
]);

function digitsEnd(bytes: Uint8Array, start: number): number {
  let i = start;
  for (;;) {
    const byte = bytes[i];
    if (byte === undefined || byte < 0x30 || byte > 0x39) return i;
    i++;
  }
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

/** `"`, `\`, `/`, and the letters b, f, n, r, t. */
function isEscapable(byte: number | undefined): boolean {
  switch (byte) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}
