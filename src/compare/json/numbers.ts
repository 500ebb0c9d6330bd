/** Digits of an exponent that are reckoned with. Of longer ones only the digits are compared. */
const EXPONENT_DIGITS = 15;
/** Longest integer whose difference from another is taken exactly for a tolerance, digits. */
const EXACT_DIGITS = 400;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * One text for all ways to write a JSON number: `1`, `1.0`, `10e-1` and `0.1E1` are `1`; `-0` is `0`. All digits count, and
 * no exponent is worked out, so that neither `12345678901234567890` nor `1e999999999` costs anything.
 */
export function canonicalNumber(text: string): string {
  if (isCanonicalInteger(text)) return text;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = NUMBER.exec(text) ?? [];
  const all = whole + fraction;
  let from = 0;
  let to = all.length;
  while (from < to && all.charCodeAt(from) === 0x30) from++;
  if (from === to) return '0';
  while (all.charCodeAt(to - 1) === 0x30) to--;
  const digits = sign + all.slice(from, to);
  const shift = all.length - to - fraction.length;
  const written = exponentText.replace(/^([+-]?)0+(?=\d)/, '$1').replace('+', '');
  if (written.length > EXPONENT_DIGITS) return `${digits}e${written}+${shift}`;
  const exponent = Number(written) + shift;
  return exponent === 0 ? digits : `${digits}e${exponent}`;
}

/** Whether a number is an integer that can be written shorter in no way, as most are. */
function isCanonicalInteger(text: string): boolean {
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.charCodeAt(start) !== 0x30 && text.charCodeAt(text.length - 1) !== 0x30;
}

/** Whether two JSON numbers are as near to each other as a rule allows. */
export function near(
  left: string,
  right: string,
  tolerance: { readonly absolute: number; readonly relative: number },
): boolean {
  const [difference, size] = distance(left, right);
  return difference <= tolerance.absolute || difference <= tolerance.relative * size;
}

function distance(left: string, right: string): readonly [difference: number, size: number] {
  if (isLongInteger(left) || isLongInteger(right)) {
    const exact = isInteger(left) && isInteger(right) ? BigInt(left) - BigInt(right) : undefined;
    if (exact !== undefined) return [Math.abs(Number(exact)), larger(left, right)];
  }
  const difference = Math.abs(Number(left) - Number(right));
  // Both past what a double holds: nothing is known about the distance.
  return [Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference, larger(left, right)];
}

function larger(left: string, right: string): number {
  const size = Math.max(Math.abs(Number(left)), Math.abs(Number(right)));
  return Number.isFinite(size) ? size : 0;
}

function isInteger(text: string): boolean {
  return text.length <= EXACT_DIGITS && /^-?\d+$/.test(text);
}

function isLongInteger(text: string): boolean {
  return text.length > 15 && isInteger(text);
}
