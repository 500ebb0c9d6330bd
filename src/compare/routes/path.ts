import { normalPath } from '../../model/match-path.ts';
import { REST } from './segment.ts';

/** What lies behind is not looked at: the route ends with `/**`. */
const PATH_CHARS = 1024;
/** Segments of a route; deeper ones are `/**`. */
const DEPTH = 16;

/** What a route's text may not hold as it is: braces mark placeholders, and controls would break a line of a report. */
const UNSAFE = /[^!-~]|[{}]/gu;
/** In a path without any of these, segments are shown as they are. */
const UNUSUAL = /[^!-~]|[{};*]/;

/**
 * The segments of a path that begins with a slash, as routes show them: unreserved characters decoded and dot segments
 * removed (RFC 3986 §6.2.2), path parameters such as `;jsessionid=…` (§3.3) left out, what is unsafe percent-encoded. An
 * empty segment at the end stands for a slash there.
 */
export function segmentsOf(path: string): string[] {
  const cut = path.length > PATH_CHARS;
  const segments = normalPath(cut ? path.slice(0, PATH_CHARS) : path)
    .split('/', DEPTH + 2)
    .slice(1);
  const deep = segments.length > DEPTH;
  // The last one may have been cut in its middle.
  if (cut || deep) segments.length = Math.min(segments.length - 1, DEPTH);
  if (UNUSUAL.test(path)) for (const [at, segment] of segments.entries()) segments[at] = literalOf(segment);
  if (cut || deep) segments.push(REST);
  return segments;
}

function literalOf(segment: string): string {
  const parameters = segment.indexOf(';');
  const name = parameters < 0 ? segment : segment.slice(0, parameters);
  if (name === REST) return '%2A%2A';
  return name.replaceAll(UNSAFE, percentEncoded);
}

/** Up to U+00FF a character stands for the byte that came in; decoders make strings of bytes that way. */
function percentEncoded(character: string): string {
  const code = character.charCodeAt(0);
  if (code > 0xff) return encodeURIComponent(character.toWellFormed());
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}
