/** What stands in the place of everything that is made unreadable. */
export const REDACTED = 'redacted';

/**
 * Replaces the values of the named parameters in a query (without `?`); everything else stays as sent, byte for byte.
 * Names are compared decoded, so `%65mail=` is `email=`. `;` separates like `&`, because some servers read it so.
 */
export function redactQuery(query: string, names: ReadonlySet<string>): string {
  if (names.size === 0 || query === '') return query;
  let redacted = '';
  let start = 0;
  while (start <= query.length) {
    const end = partEnd(query, start);
    redacted += redactPart(query.slice(start, end), names) + query.slice(end, end + 1);
    start = end + 1;
  }
  return redacted;
}

function partEnd(query: string, from: number): number {
  for (let i = from; i < query.length; i++) {
    const char = query.charCodeAt(i);
    if (char === 0x26 || char === 0x3b) return i;
  }
  return query.length;
}

function redactPart(part: string, names: ReadonlySet<string>): string {
  const equals = part.indexOf('=');
  if (equals === -1) return part;
  const name = part.slice(0, equals);
  return names.has(name) || names.has(decoded(name)) ? `${name}=${REDACTED}` : part;
}

/** Decodes like a form parser: `+` is a space, and what is not a proper escape stays. */
function decoded(name: string): string {
  if (!name.includes('%') && !name.includes('+')) return name;
  const bytes = name
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
