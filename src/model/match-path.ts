const SLASH = 47;

/**
 * The form of a path that matches look at, after RFC 3986 §6.2.2 and RFC 9110 §4.2.3: percent-encoded unreserved
 * characters decoded, hexadecimal digits in upper case, dot segments removed, an empty path is `/`. Servers treat such
 * paths as the same, so `/%70ayments` must not slip past an exclusion of `/payments`. `%2F` stays: it is not a separator.
 */
export function normalPath(path: string): string {
  if (path === '') return '/';
  const encoded = path.includes('%');
  if (!encoded && !path.includes('/.')) return path;
  const decoded = encoded ? path.replaceAll(/%[0-9A-Fa-f]{2}/g, decodeUnreserved) : path;
  return decoded.includes('/.') ? withoutDotSegments(decoded) : decoded;
}

/**
 * Whether a path lies under a prefix, by whole path elements (Gateway API `PathPrefix`): `/api` holds `/api`, `/api/` and
 * `/api/x`, not `/apix`.
 *
 * @param prefix without slash at its end; empty holds every path
 */
export function hasPrefix(path: string, prefix: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === SLASH)
  );
}

/** A prefix as `hasPrefix` takes it: a slash at its end makes no difference. */
export function normalPrefix(prefix: string): string {
  const normal = normalPath(prefix);
  return normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function decodeUnreserved(triplet: string): string {
  const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
  return /[A-Za-z0-9\-._~]/.test(character) ? character : triplet.toUpperCase();
}

/** RFC 3986 §5.2.4, for paths that begin with a slash. */
function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') {
      if (kept.length > 1) kept.pop();
    } else if (segment !== '.') {
      kept.push(segment);
      continue;
    }
    if (last) kept.push('');
  }
  return kept.join('/');
}
