/** One Set-Cookie field (RFC 6265 §5.2). */
export interface CookieLine {
  readonly name: string;
  readonly value: string;
  /**
   * The attributes in a form that can be compared: sorted, names in lower case. Of Expires only whether it deletes the
   * cookie or keeps it, since its moment counts from now.
   */
  readonly attributes: string;
}

const EPOCH_YEAR = /\b(?:19\d\d|2000)\b/;

export function parseSetCookie(line: string): CookieLine {
  // Quotes mean nothing here: a semicolon always ends an attribute.
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
  const equals = pair.indexOf('=');
  return {
    name: equals === -1 ? '' : pair.slice(0, equals).trim(),
    value: pair.slice(equals + 1).trim(),
    attributes: rest
      .filter((part) => part !== '')
      .map(attributeOf)
      .toSorted()
      .join('; '),
  };
}

function attributeOf(text: string): string {
  const equals = text.indexOf('=');
  if (equals === -1) return text.toLowerCase();
  const name = text.slice(0, equals).trim().toLowerCase();
  const value = text.slice(equals + 1).trim();
  if (name === 'expires') return EPOCH_YEAR.test(value) ? 'expires=past' : 'expires';
  if (name === 'domain') return `domain=${value.toLowerCase().replace(/^\./, '')}`;
  return name === 'path' ? `path=${value}` : `${name}=${value.toLowerCase()}`;
}

/** A cookie for people: values of cookies are secrets, and left out. */
export function showCookie(cookie: CookieLine): string {
  return cookie.attributes === '' ? `${cookie.name}=…` : `${cookie.name}=…; ${cookie.attributes}`;
}
