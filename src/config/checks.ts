import { UserError } from '../kit/errors.ts';

/**
 * Checks of texts that go onto the wire or into metrics. Each returns the text as it is used, and throws `UserError`.
 */

/** Names of listeners, policies and mirrors: they become labels of metrics, parts of a header and of URLs. */
export function checkName(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/.test(text)) return text;
  const mended = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  throw mistake(
    `"${text.slice(0, 80)}" is not a name`,
    `1 to 63 lower-case letters, digits and . _ -, the first a letter or digit${mended === '' ? '' : `: ${mended}`}`,
  );
}

/** A header name (RFC 9110 §5.1), in lower case. */
export function checkHeaderName(text: string): string {
  if (text.length <= 256 && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text.toLowerCase();
  throw mistake(`"${text.slice(0, 80)}" is not a header name`, 'letters, digits and -, without a colon');
}

/** A header value (RFC 9110 §5.5); beyond ASCII it goes out as UTF-8. Never shown in messages: it may be a secret. */
export function checkHeaderValue(text: string): string {
  if (text.length > 8192) throw mistake('the value has more than 8192 characters', 'make it shorter');
  if (/[\r\n\0]/.test(text)) throw mistake('a header value has no line breaks', 'write it on one line');
  if (/[^\t\P{Cc}]/u.test(text) || !text.isWellFormed()) {
    throw mistake(
      'the value has control characters, which a header cannot carry',
      'leave them out, or encode them',
    );
  }
  if (text !== text.trim())
    throw mistake('the value begins or ends with space', 'a header cannot carry that: leave it out');
  return text;
}

/** Headers that Understudy sets itself, because they frame the message, belong to one connection, or mark the copy. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** A header that a policy may set, add, remove or redact. */
export function checkWritableHeader(text: string): string {
  const name = checkHeaderName(text);
  if (name === 'host') throw mistake('the Host header is not changed here', 'use rewrite.host');
  if (OWN_HEADERS.has(name)) {
    throw mistake(
      `${name} belongs to the connection, not to the request`,
      'leave it out: copies get their own',
    );
  }
  if (name.startsWith('x-understudy-')) {
    throw mistake(
      `${name} marks a request as a copy`,
      'leave it out: without it copies could be copied again',
    );
  }
  return name;
}

/** A path that is compared as a whole or by its elements (Gateway API `HTTPPathMatch`). */
export function checkPath(text: string): string {
  if (text.length > 1024) throw mistake(`the path has ${text.length} characters`, 'at most 1024 are allowed');
  if (!text.startsWith('/')) throw mistake(`"${text}" is not a path`, `a path begins with a slash: /${text}`);
  const [found] = /\/\/|\/\.{1,2}(?=\/|$)|%2f|[#?]/i.exec(text) ?? [];
  if (found !== undefined) {
    throw mistake(
      `the path has "${found}" in it`,
      found === '?' || found === '#'
        ? 'paths are compared without the query: use queryParams'
        : 'paths are compared in their normal form, which has no //, /./, /../ or %2F; a RegularExpression can have them',
    );
  }
  const [wrong] = /[^-A-Za-z0-9/._~!$&'()*+,;=:@%]|%(?![0-9A-Fa-f]{2})/u.exec(text) ?? [];
  if (wrong !== undefined) {
    throw mistake(
      `"${wrong}" cannot stand in a path`,
      `write it percent-encoded: ${encodeURIComponent(wrong.toWellFormed())}`,
    );
  }
  return text;
}

/** A name of a query parameter, or a value to compare with. */
export function checkValue(text: string): string {
  if (text.length > 4096)
    throw mistake(`the value has ${text.length} characters`, 'at most 4096 are allowed');
  return text;
}

/** A name of a cookie (RFC 6265 §4.1.1). */
export function checkCookieName(text: string): string {
  if (text.length <= 256 && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text;
  throw mistake(`"${text.slice(0, 80)}" is not a cookie's name`, 'write cookie:session');
}

/** A field of a JSON object that elements are matched by. */
export function checkFieldName(text: string): string {
  if (text !== '' && text.length <= 256) return text;
  throw mistake(`"${text.slice(0, 80)}" is not the name of a field`, 'write it like id or sku');
}

/** A bearer token (RFC 6750 §2.1), long enough not to be guessed. Never shown. */
export function checkToken(text: string): string {
  if (text.length < 16)
    throw mistake('the token is too short', 'use 16 characters or more: openssl rand -hex 16');
  if (text.length > 1024 || !/^[A-Za-z0-9._~+/-]+=*$/.test(text)) {
    throw mistake(
      'the token has characters that a bearer token cannot have',
      'make one with: openssl rand -hex 16',
    );
  }
  return text;
}

function mistake(message: string, hint: string): UserError {
  return new UserError(message, { code: 'config', hint });
}
