/** A segment that is longer is taken for a token: nobody names a resource like that. */
const LITERAL_CHARS = 64;

/** The place of a parameter that was learned from the number of its values. */
export const SEGMENT = '{segment}';

/** Everything below. Stands only at the end of a route. */
export const REST = '**';

/** Endings that are shown with a placeholder. A closed set, so that `john.doe` has none and routes stay few. */
const EXTENSIONS = new Set(
  (
    'js mjs cjs ts jsx tsx css scss map html htm xhtml php asp aspx jsp json jsonl xml rss atom yaml yml csv tsv txt md ' +
    'pdf png jpg jpeg gif svg webp avif ico bmp woff woff2 ttf otf eot mp3 mp4 m4s webm ogg mpd m3u8 wasm zip gz tar ' +
    'doc docx xls xlsx ics vcf proto'
  ).split(' '),
);
const EXTENSION_CHARS = 5;

const DIGIT = 0;
const LOWER = 1;
const UPPER = 2;
const OTHER = 3;

const UUID = /^(?:urn:uuid:)?(?:%7B)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:%7D)?$/i;
const NUMBERS = /^[-+]?\d+(?:(?:,|%2C)[-+]?\d+)*$/;
const COORDINATES = /^-?\d+\.\d{3,}(?:(?:,|%2C)-?\d+\.\d+)*$/;
const IPV4 = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i;
/** A time in 48 bits and 80 random ones in Crockford's base 32 (github.com/ulid/spec). */
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
/** `order-10023`, `INV_000017`; fewer digits may be a version or a year. */
const PREFIXED = /^[A-Za-z]{1,12}(?:[-_.:]|%3A)\d{5,}$/;
/** ISO 8601: a month, a day, a time. */
const DATE =
  /^(?:\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:(?:[T_]|%20)[\dA-Za-z:.%+-]{2,40})?)?|\d{8}T\d{4,6}Z?)$/;
const EMAIL = /^[^@]+(?:@|%40)[^@]+\.[^@.]+$/;
const PADDED_BASE64 = /^[A-Za-z0-9+_-]{6,}(?:=|%3D){1,2}$/;
/** What bundlers put between a file's name and its extension. */
const CONTENT_HASH = /[.\-_](?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,}$/;

/** Shortest random token that is known from its looks alone; shorter ones are learned from their number. */
const TOKEN_CHARS = 16;

/**
 * What stands in a route for a segment that, by its form, names one of many things: numbers, hexadecimal and ULIDs are
 * `{id}`, the others `{uuid}`, `{date}` and `{token}`, with the file extension where there is one: `{token}.js`.
 *
 * @returns undefined for a segment that looks like a name
 */
export function placeholderOf(segment: string): string | undefined {
  const extension = extensionOf(segment);
  if (extension === '') return idForm(segment);
  const base = segment.slice(0, -extension.length);
  const form = idForm(base) ?? (CONTENT_HASH.test(base) ? '{token}' : undefined);
  return form === undefined ? undefined : form + extension;
}

/** What a name becomes where there are too many of them: `{segment}`, or `{segment}.png`. */
export function segmentPlaceholder(name: string): string {
  return SEGMENT + extensionOf(name);
}

/** Whether a part of a route is a name, not a placeholder and not what follows a slash at the end. */
export function isLiteral(name: string): boolean {
  return name !== '' && name !== REST && !name.includes('{');
}

/** With its dot, empty when there is none that is known. */
function extensionOf(segment: string): string {
  const dot = segment.lastIndexOf('.');
  if (dot <= 0 || segment.length - dot - 1 > EXTENSION_CHARS) return '';
  return EXTENSIONS.has(segment.slice(dot + 1).toLowerCase()) ? segment.slice(dot).toLowerCase() : '';
}

/** What is cheap to know is asked first: most segments are short words, and need no expression at all. */
function idForm(text: string): string | undefined {
  if (text.length > LITERAL_CHARS) return UUID.test(text) ? '{uuid}' : '{token}';
  let digits = 0;
  for (let at = 0; at < text.length; at++) if (classOf(text.charCodeAt(at)) === DIGIT) digits++;
  if (digits === text.length) return digits > 0 ? '{id}' : undefined;
  const first = classOf(text.charCodeAt(0));
  const word = first === LOWER || first === UPPER;
  if (digits > 0 && !word && NUMBERS.test(text)) return '{id}';
  if (text.length >= 8 && HEX.test(text)) return '{id}';
  if (digits > 3) {
    if (text.length >= 36 && UUID.test(text)) return '{uuid}';
    if (first === DIGIT && DATE.test(text)) return '{date}';
    if (!word && (COORDINATES.test(text) || IPV4.test(text))) return '{id}';
    if (word && digits > 4 && PREFIXED.test(text)) return '{id}';
  }
  if (text.length === 26 && ULID.test(text)) return '{id}';
  if ((text.includes('@') || text.includes('%40')) && EMAIL.test(text)) return '{token}';
  if (text.length >= 7 && PADDED_BASE64.test(text)) return '{token}';
  return looksRandom(text) ? '{token}' : undefined;
}

/**
 * Random letters and digits change between lower case, upper case and digits far more often than words do, and have no
 * separator each few characters as slugs have. Of random base64url
 * tokens with 22 characters 92 % are recognised; the number of the others makes them a parameter.
 */
function looksRandom(text: string): boolean {
  if (text.length < TOKEN_CHARS) return false;
  let digits = 0;
  let groups = 0;
  let separators = 0;
  let changes = 0;
  let last = OTHER;
  for (let at = 0; at < text.length; at++) {
    const kind = classOf(text.charCodeAt(at));
    if (kind === OTHER) {
      separators++;
      continue;
    }
    if (kind === DIGIT) {
      digits++;
      if (last !== DIGIT) groups++;
    }
    if (kind !== last) changes++;
    last = kind;
  }
  if (separators * 7 > text.length) return false;
  if (groups >= 2 && digits * 8 >= text.length) return true;
  return changes >= text.length * (digits > 0 ? 0.5 : 0.58);
}

function classOf(code: number): number {
  if (code >= 48 && code <= 57) return DIGIT;
  if (code >= 97 && code <= 122) return LOWER;
  return code >= 65 && code <= 90 ? UPPER : OTHER;
}
