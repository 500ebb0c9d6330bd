import { STATIC_TABLE } from '../wire/http2/static-table.ts';

/** Static entries by name (index from 1). */
const NAMES = new Map<string, number>();
for (const [at, [name]] of STATIC_TABLE.entries()) if (!NAMES.has(name)) NAMES.set(name, at + 1);

/** Never to be put into a table by whoever passes it on (RFC 7541 §7.1.3). */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);

/** What a length of so many octets is as a string literal's head, not compressed. */
const SHORT = Array.from({ length: 127 }, (_, length) => String.fromCharCode(length));

/** An update of the table's size to nothing: we index nothing, and need not follow what the mirror allows (RFC 7541 §4.2). */
export const NO_TABLE = '\x20';

/**
 * Header blocks as text, an octet for each character, that depend on nothing before them: a copy is written before it is
 * known which connection carries it. Concatenating is a third of the cost of writing into memory a field at a time.
 */
export function fieldOf(name: string, value: string): string {
  return nameOf(name) + textOf(value);
}

/** The beginning of a field, which its value follows: a literal that is not indexed (RFC 7541 §6.2.2, §6.2.3). */
export function nameOf(name: string): string {
  const index = NAMES.get(name);
  const never = SECRET.has(name) ? 0x10 : 0;
  if (index === undefined) return String.fromCharCode(never) + textOf(name);
  if (index < 15) return String.fromCharCode(never | index);
  return String.fromCharCode(never | 15, index - 15);
}

/** A string literal (RFC 7541 §5.2). */
export function textOf(text: string): string {
  const { length } = text;
  return length < 127 ? SHORT[length] + text : longLength(length) + text;
}

/** Entries of the static table that are whole fields. */
export const INDEXED = {
  get: '\x82',
  post: '\x83',
  slash: '\x84',
  http: '\x86',
  https: '\x87',
} as const;

function longLength(length: number): string {
  let text = '\x7f';
  let rest = length - 127;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}
