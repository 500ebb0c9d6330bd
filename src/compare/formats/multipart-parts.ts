import { parseParameters } from '../field-parameters.ts';
import type { ReadOrFault } from '../format-faults.ts';

/** One part of a multipart body. */
export interface Part {
  /** As they stand in the part; continued lines joined. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly bytes: Buffer;
  /** Value of the part's Content-Type; `text/plain` where nothing is said (RFC 2046 §5.1). */
  readonly contentType: string;
  /** Parameters of Content-Disposition. */
  readonly name: string;
  readonly filename: string;
}

/** Parts read of one body. */
export const PARTS_LIMIT = 1000;
/** Header of one part, bytes. */
const HEADER_BYTES = 16 * 1024;
/** RFC 2046 §5.1.1. */
const BOUNDARY_CHARS = 70;

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/** Reads the parts of a multipart body (RFC 2046 §5.1), with CRLF or LF. What has no end is malformed. Linear. */
export function readParts(
  bytes: Buffer,
  boundary: string | undefined,
  limit: number,
): ReadOrFault<readonly Part[]> {
  if (boundary === undefined || boundary === '' || boundary.length > BOUNDARY_CHARS)
    return { fault: 'malformed' };
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  let start: number | undefined;
  for (let at = bytes.indexOf(delimiter); at !== -1; at = bytes.indexOf(delimiter, at + delimiter.length)) {
    if (at > 0 && bytes[at - 1] !== LF) continue;
    const line = readDelimiter(bytes, at + delimiter.length);
    if (line === undefined) continue;
    if (start !== undefined) {
      const part = readPart(bytes.subarray(start, Math.max(start, endBefore(bytes, at))));
      if (part === undefined) return { fault: 'malformed' };
      if (parts.length >= Math.min(limit, PARTS_LIMIT)) return { fault: 'too_many_values' };
      parts.push(part);
    }
    if (line.last) return start === undefined ? { fault: 'malformed' } : { read: parts };
    start = line.end;
  }
  return { fault: 'malformed' };
}

/** What stands behind a boundary: the end of the line, or two dashes first; anything else is no delimiter. */
function readDelimiter(
  bytes: Buffer,
  at: number,
): { readonly last: boolean; readonly end: number } | undefined {
  const last = bytes[at] === DASH && bytes[at + 1] === DASH;
  let end = last ? at + 2 : at;
  while (bytes[end] === 0x20 || bytes[end] === 0x09) end++;
  if (end >= bytes.length) return last ? { last, end } : undefined;
  if (bytes[end] === CR && bytes[end + 1] === LF) return { last, end: end + 2 };
  return bytes[end] === LF ? { last, end: end + 1 } : undefined;
}

/** The line end before a delimiter belongs to it. */
function endBefore(bytes: Buffer, at: number): number {
  return bytes[at - 2] === CR ? at - 2 : at - 1;
}

function readPart(part: Buffer): Part | undefined {
  const body = bodyStart(part);
  if (body === undefined) return undefined;
  const fields = readFields(part.toString('utf8', 0, body));
  const disposition = parseParameters(valueOf(fields, 'content-disposition') ?? '');
  return {
    fields,
    bytes: part.subarray(body),
    contentType: valueOf(fields, 'content-type') ?? 'text/plain',
    name: disposition.parameters.get('name') ?? '',
    filename: disposition.parameters.get('filename') ?? disposition.parameters.get('filename*') ?? '',
  };
}

/** Where the empty line ends that parts header and body; undefined without one in the first bytes. */
function bodyStart(part: Buffer): number | undefined {
  const limit = Math.min(part.length, HEADER_BYTES);
  for (let at = 0; at < limit;) {
    const end = part.indexOf(LF, at);
    if (end === -1 || end >= limit) return undefined;
    if (end === at || (end === at + 1 && part[at] === CR)) return end + 1;
    at = end + 1;
  }
  return undefined;
}

function readFields(header: string): readonly (readonly [string, string])[] {
  return header
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .flatMap((line): readonly (readonly [string, string])[] => {
      const colon = line.indexOf(':');
      return colon <= 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
    });
}

function valueOf(fields: readonly (readonly [string, string])[], name: string): string | undefined {
  return fields.find(([key]) => key.toLowerCase() === name)?.[1];
}
