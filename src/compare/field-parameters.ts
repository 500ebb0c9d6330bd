/** A value with parameters, as in Content-Type and Content-Disposition: `text/html; charset=utf-8`. */
export interface ParameterisedValue {
  /** As sent, without space around it. */
  readonly value: string;
  /** Names in lower case, values without quotes; the first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Parameters read of one value; a field with more is made to waste time. */
export const PARAMETERS_LIMIT = 100;

/** Reads a value and its parameters (RFC 9110 §5.6.6). What is no parameter is left out. Linear. */
export function parseParameters(text: string): ParameterisedValue {
  const [value = '', ...rest] = splitOutsideQuotes(text, ';', PARAMETERS_LIMIT + 1);
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals <= 0) continue;
    const name = part.slice(0, equals).trim().toLowerCase();
    if (!parameters.has(name)) parameters.set(name, unquoted(part.slice(equals + 1).trim()));
  }
  return { value, parameters };
}

/**
 * Splits at a separator that stands outside of quoted strings (RFC 9110 §5.6.4), members trimmed, empty ones left out.
 *
 * @param limit members at most; the rest is left out
 */
export function splitOutsideQuotes(
  text: string,
  separator: ',' | ';',
  limit = Number.POSITIVE_INFINITY,
): readonly string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let at = 0; at <= text.length && parts.length < limit; at++) {
    const character = text[at];
    if (quoted && character === '\\') at++;
    else if (character === '"') quoted = !quoted;
    if (at < text.length && (quoted || character !== separator)) continue;
    const part = text.slice(start, at).trim();
    // The first part is the value, also when it is empty.
    if (part !== '' || (separator === ';' && start === 0)) parts.push(part);
    start = at + 1;
  }
  return parts;
}

function unquoted(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replace(/\\(.)/g, '$1');
}
