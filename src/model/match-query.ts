const PLUS = 43;
const PERCENT = 37;

/**
 * The first value of a query parameter, decoded as a form is (`+` is a space; `%` that begins no triplet stays);
 * undefined when the query has no such parameter. Nothing is allocated for a query without escapes, up to the value.
 */
export function queryParam(query: string, name: string): string | undefined {
  let start = 0;
  while (start < query.length) {
    const next = query.indexOf('&', start);
    const end = next < 0 ? query.length : next;
    const equals = query.indexOf('=', start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (sameText(query, start, nameEnd, name))
      return nameEnd === end ? '' : formText(query, nameEnd + 1, end);
    start = end + 1;
  }
  return undefined;
}

function sameText(query: string, start: number, end: number, text: string): boolean {
  if (isPlain(query, start, end)) return end - start === text.length && query.startsWith(text, start);
  return formText(query, start, end) === text;
}

function formText(query: string, start: number, end: number): string {
  const text = query.slice(start, end);
  return isPlain(query, start, end) ? text : decodeForm(text);
}

function isPlain(query: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = query.charCodeAt(i);
    if (code === PERCENT || code === PLUS) return false;
  }
  return true;
}

/** Decodes runs of triplets as UTF-8; bytes that are none become U+FFFD. */
function decodeForm(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
    );
}
