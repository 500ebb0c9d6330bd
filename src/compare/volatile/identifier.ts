import { isBoundary } from './value.ts';
import type { VolatileValue } from './value.ts';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![A-Za-z0-9])/iy;
const JWT = /eyJ[\w-]{5,4096}\.[\w-]{2,16384}\.[\w-]{10,4096}(?:\.[\w-]{1,16384}\.[\w-]{1,4096})?(?![\w-])/y;

/** Lengths of ids and digests in hexadecimal: spans, ObjectIds, traces, MD5, SHA-1, SHA-2. Longer ones all count. */
const HEX_LENGTHS: ReadonlySet<number> = new Set([16, 20, 24, 28]);
const HEX_ALWAYS = 32;
/** With fewer letters it is as well the number of a bank account: `BE68539007547034`. */
const HEX_LETTERS = 3;
/** Fewer distinct digits are a constant of a fixture, such as `00000000-0000-0000-0000-000000000001`. */
const DISTINCT_DIGITS = 5;

const ASSET =
  /\.(?:js|mjs|css|map|json|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|chunk|bundle|min)(?![A-Za-z0-9])/y;

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID_FROM_MS = Date.UTC(2010, 0);
const ULID_TO_MS = Date.UTC(2100, 0);

/** A UUID of any version (RFC 9562), but neither nil nor a made-up constant. */
export function uuidAt(text: string, at: number): VolatileValue | undefined {
  UUID.lastIndex = at;
  const match = UUID.exec(text);
  if (match === null || distinct(match[0]) < DISTINCT_DIGITS + 1) return undefined;
  return value('uuid', at, match[0].length, letterCase(match[0]));
}

/** A signed or encrypted token in compact form (RFC 7519). */
export function jwtAt(text: string, at: number): VolatileValue | undefined {
  if (!text.startsWith('eyJ', at)) return undefined;
  JWT.lastIndex = at;
  const match = JWT.exec(text);
  if (match === null) return undefined;
  return value('jwt', at, match[0].length, String(match[0].split('.').length));
}

/** A run of hexadecimal digits that has the length of an id or a digest. `end` is where the word ends. */
export function hashAt(text: string, at: number, end: number): VolatileValue | undefined {
  const length = end - at;
  if (length < 8 || length > 256) return undefined;
  const word = text.slice(at, end);
  if (!/^[0-9a-f]+$/.test(word) && !/^[0-9A-F]+$/.test(word)) return undefined;
  const letters = word.replace(/\d+/g, '').length;
  if (letters === 0 || letters === length || distinct(word) < DISTINCT_DIGITS) return undefined;
  const form = `${length}${letterCase(word)}`;
  if (isAssetHash(text, at, end)) return value('hash', at, length, `asset ${form}`);
  if (length < HEX_ALWAYS && !HEX_LENGTHS.has(length)) return undefined;
  return { ...value('hash', at, length, form), certain: length >= HEX_ALWAYS || letters >= HEX_LETTERS };
}

/** Whether it stands where bundlers put the hash of a file: `main.8f3a2c1b.js`. */
function isAssetHash(text: string, at: number, end: number): boolean {
  const before = text[at - 1];
  if (before !== '.' && before !== '-') return false;
  ASSET.lastIndex = end;
  return ASSET.test(text);
}

/** A ULID: 26 digits in Crockford's base 32, the first ten of them a plausible time. */
export function ulidAt(text: string, at: number, end: number): VolatileValue | undefined {
  if (end - at !== 26) return undefined;
  const word = text.slice(at, end);
  if (!/^(?:[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25})$/.test(word)) return undefined;
  let millis = 0;
  for (const digit of word.slice(0, 10).toUpperCase()) millis = millis * 32 + CROCKFORD.indexOf(digit);
  if (millis < ULID_FROM_MS || millis > ULID_TO_MS) return undefined;
  return value('ulid', at, 26, letterCase(word));
}

/** A KSUID: 27 digits in base 62. */
export function ksuidAt(text: string, at: number, end: number): VolatileValue | undefined {
  if (end - at !== 27) return undefined;
  const word = text.slice(at, end);
  // Its largest value begins with "aWg"; a random one has all three kinds of digits.
  if (!/^[0-9A-Za]/.test(word) || !/\d.*\d/.test(word) || !/[A-Z].*[A-Z]/.test(word)) return undefined;
  if (!/[a-z].*[a-z]/.test(word) || distinct(word) < 12 || /[a-z]{7}/.test(word)) return undefined;
  return value('ksuid', at, 27, '');
}

/** A place in memory: `0x7ffee4b2c8a0`, `com.example.Order@1b6d3586`. 0x with up to eight digits is also a colour or a code. */
export function addressAt(text: string, at: number, end: number): VolatileValue | undefined {
  const word = text.slice(at, Math.min(end, at + 24));
  if (/^0x[0-9a-f]{9,16}$/i.test(word) && distinct(word) > DISTINCT_DIGITS)
    return value('address', at, word.length, '0x');
  const marked = text[at - 1] === '@' && /[\w;\])]/.test(text[at - 2] ?? '');
  if (!marked || !/^[0-9a-f]{6,8}$/.test(word) || !/\d/.test(word)) return undefined;
  // With a dot behind it is the name of a host in a mail address.
  return text[end] === '.' && !isBoundary(text, end + 1) ? undefined : value('address', at, end - at, '@');
}

function value(kind: VolatileValue['kind'], start: number, length: number, form: string): VolatileValue {
  return { kind, start, end: start + length, form, certain: true, instantMs: undefined };
}

function letterCase(word: string): string {
  return word === word.toLowerCase() ? 'a' : word === word.toUpperCase() ? 'A' : 'aA';
}

function distinct(word: string): number {
  return new Set(word).size;
}
