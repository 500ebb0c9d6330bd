import { crc32 } from 'node:zlib';
import { createContent } from '../content.ts';
import { faultsOf } from '../format-faults.ts';
import { compareFields } from '../headers.ts';
import { elementPath, fieldPath } from '../path.ts';
import { readParts } from './multipart-parts.ts';
import { align } from './sequence.ts';
import type { CompareFormat, FormatContext } from '../format.ts';
import type { Part } from './multipart-parts.ts';

type Parts = readonly Part[];

/**
 * Compares multipart bodies: forms (RFC 7578) by the names of their fields and files, others part by part in order. Parts
 * are compared by their headers and by their own media types. Boundaries are drawn for each body and say nothing.
 */
export const compareMultipart: CompareFormat = (primary, other, path, context) => {
  const { values } = context.limits;
  const lefts = readParts(primary.bytes, primary.parameter('boundary'), values);
  const rights = readParts(other.bytes, other.parameter('boundary'), values);
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  if (context.ignored(path)) return undefined;
  if (primary.mediaType === 'multipart/form-data') compareByName(lefts.read, rights.read, path, context);
  else compareSequences(lefts.read, rights.read, path, elementPath(path), printOf, context);
  return undefined;
};

function compareByName(primary: Parts, other: Parts, path: string, context: FormatContext): void {
  const left = Map.groupBy(primary, (part) => part.name);
  const right = Map.groupBy(other, (part) => part.name);
  for (const [name, parts] of left) {
    if (context.sink.full) return;
    const others = right.get(name);
    const below = fieldPath(path, name);
    if (others === undefined) context.sink.add('missing', below, 'high', shown(parts), undefined);
    else {
      const each = parts.length > 1 || others.length > 1 ? elementPath(below) : below;
      compareSequences(parts, others, below, each, (part) => part.filename, context);
    }
  }
  for (const [name, parts] of right) {
    if (context.sink.full) return;
    if (!left.has(name)) context.sink.add('added', fieldPath(path, name), 'low', undefined, shown(parts));
  }
}

/** @param each the path of one part */
function compareSequences(
  primary: Parts,
  other: Parts,
  path: string,
  each: string,
  print: (part: Part) => string | number,
  context: FormatContext,
): void {
  if (primary.length !== other.length)
    context.sink.add('length', path, 'medium', String(primary.length), String(other.length));
  const { pairs, reordered } = align(primary, other, print, context.unordered(path) ? 'set' : 'order');
  if (reordered) context.sink.add('order', path, 'medium', shown(primary), shown(other));
  for (const [one, two] of pairs) {
    if (context.sink.full) return;
    // `@` keeps the headers apart from fields of the part's body.
    compareFields(one.fields, two.fields, `${each}.@header`, context, { volatile: 'presence' });
    if (one.bytes.equals(two.bytes)) continue;
    context.nested(
      createContent(one.bytes, one.contentType),
      createContent(two.bytes, two.contentType),
      each,
    );
  }
}

function printOf(part: Part): number {
  return crc32(part.bytes, crc32(part.contentType));
}

function shown(parts: Parts): string {
  return parts.map((part) => `${part.filename || part.contentType}, ${part.bytes.length} bytes`).join('; ');
}
