import { createContent } from '../content.ts';
import { faultsOf, readText } from '../format-faults.ts';
import { elementPath } from '../path.ts';
import { align, commonRecords } from './sequence.ts';
import type { ReadOrFault } from '../format-faults.ts';
import type { CompareFormat, Content } from '../format.ts';

const RECORD_SEPARATOR = '\u001E';

interface JsonRecord {
  readonly text: string;
}

/**
 * Compares sequences of JSON texts: a line each (NDJSON, JSON Lines), or after a record separator each (RFC 7464). Equal
 * records are what the sequences are aligned by; the others are compared as JSON. How many there are is one `length`.
 */
export const compareNdjson: CompareFormat = (primary, other, path, context) => {
  const separated = primary.mediaType === 'application/json-seq';
  const { values } = context.limits;
  const lefts = readText(primary, (text) => recordsOf(text, separated, values));
  const rights = readText(other, (text) => recordsOf(text, separated, values));
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  if (context.ignored(path)) return undefined;
  const [records, others] = commonRecords(lefts.read, rights.read, {
    primary: primary.truncated,
    other: other.truncated,
  });
  const one = records.length;
  const two = others.length;
  if (one !== two) context.sink.add('length', path, 'medium', String(one), String(two));
  const below = elementPath(path);
  const { pairs, reordered } = align(
    records,
    others,
    (record) => record.text,
    context.unordered(path) ? 'set' : 'order',
  );
  if (reordered) context.sink.add('order', path, 'medium', records[0]?.text, others[0]?.text);
  for (const [record, counterpart] of pairs) {
    if (context.sink.full) return undefined;
    if (record.text === counterpart.text) continue;
    context.nested(jsonContent(record.text), jsonContent(counterpart.text), below);
  }
  return undefined;
};

/** A JSON text within another format. */
export function jsonContent(text: string): Content {
  return createContent(Buffer.from(text), 'application/json');
}

function recordsOf(text: string, separated: boolean, limit: number): ReadOrFault<readonly JsonRecord[]> {
  const records: JsonRecord[] = [];
  const separator = separated ? RECORD_SEPARATOR : '\n';
  for (let at = 0; at <= text.length;) {
    const next = text.indexOf(separator, at);
    const end = next === -1 ? text.length : next;
    const record = text.slice(at, end).trim();
    if (record !== '') records.push({ text: record });
    if (records.length > limit) return { fault: 'too_many_values' };
    at = end + 1;
  }
  return { read: records };
}
