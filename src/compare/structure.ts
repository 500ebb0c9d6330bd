import type { Content } from './format.ts';

/** How a body is read. */
export type Structure =
  | 'json'
  | 'ndjson'
  | 'event-stream'
  | 'form'
  | 'multipart'
  | 'markup'
  | 'protobuf'
  | 'text'
  | 'octets';

/** By media type; the first that fits. */
const BY_TYPE: readonly (readonly [RegExp, Structure])[] = [
  [
    /^(?:application|text)\/(?:x-)?(?:nd-?json|json-?l(?:ines)?|json-seq|stream\+json|json-stream)$/,
    'ndjson',
  ],
  [/\/(?:x-)?json$|\+json$/, 'json'],
  [/^text\/event-stream$/, 'event-stream'],
  [/^application\/x-www-form-urlencoded$/, 'form'],
  [/^multipart\//, 'multipart'],
  [/^application\/(?:x-|vnd\.google\.)?proto(?:buf)?$|\+proto(?:buf)?$/, 'protobuf'],
  [/^text\/html$|\/(?:xml|xml-dtd)$|\+xml$/, 'markup'],
  [/^text\/|\/(?:x-)?(?:javascript|ecmascript|yaml|toml|sql|graphql|sh|csv|pem-file)$|\+yaml$/, 'text'],
];

/** Octets of a body that are looked at to tell what it is. */
const SNIFFED_BYTES = 512;

/** What a media type says about a body; undefined when it says nothing, or no more than that it is text. */
export function claimedStructure(mediaType: string): Structure | undefined {
  if (mediaType === '' || mediaType === 'text/plain') return undefined;
  return BY_TYPE.find(([type]) => type.test(mediaType))?.[1] ?? 'octets';
}

/** What a body looks like of which nothing is said. JSON that it may not be in the end is tried as text then. */
export function sniffedStructure(content: Content): Structure {
  const { bytes } = content;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const end = Math.min(bytes.length, at + SNIFFED_BYTES);
  while (at < end && isBlank(bytes[at] ?? 0)) at++;
  if (bytes[at] === 0x7b || bytes[at] === 0x5b) return 'json';
  if (content.mediaType === 'text/plain') return 'text';
  for (let i = 0; i < end; i++) if (isBinary(bytes[i] ?? 0)) return 'octets';
  return content.text() === undefined ? 'octets' : 'text';
}

/** What two bodies can both be read as, what tells most first. The last one fits everything. */
export function sharedStructures(primary: Content, other: Content): readonly Structure[] {
  const claimed = claimedStructure(primary.mediaType);
  if (claimed !== undefined && primary.mediaType === other.mediaType) return [claimed];
  const otherClaimed = claimedStructure(other.mediaType);
  if (claimed !== undefined && claimed === otherClaimed) return [claimed];
  const left = claimed ?? sniffedStructure(primary);
  const right = otherClaimed ?? sniffedStructure(other);
  // JSON is also sent as a form, as HTML or as bytes, by programs that say nothing about it.
  const json =
    [left, right].includes('json') && [primary, other].every((side) => sniffedStructure(side) === 'json');
  const found = new Set<Structure>(json ? ['json'] : []);
  if (left === right && left !== 'json') found.add(left);
  if (left !== 'octets' && right !== 'octets') found.add('text');
  return [...found.add('octets')];
}

/** White space, as far as it may stand before JSON. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Control characters that no text has. */
function isBinary(byte: number): boolean {
  return byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b);
}
