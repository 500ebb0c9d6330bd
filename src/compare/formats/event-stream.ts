import { createContent } from '../content.ts';
import { faultsOf, readText } from '../format-faults.ts';
import { elementPath, fieldPath } from '../path.ts';
import { jsonContent } from './ndjson.ts';
import { align, commonRecords } from './sequence.ts';
import type { ReadOrFault } from '../format-faults.ts';
import type { CompareFormat, Content, FormatContext } from '../format.ts';

interface ServerSentEvent {
  /** `message` where nothing is said. */
  readonly name: string;
  readonly data: string;
  /** Of its own; the id of an earlier event that still holds is not repeated. */
  readonly id: string | undefined;
  /** Reconnection time that came with it, milliseconds as digits. */
  readonly retry: string | undefined;
}

/**
 * Compares streams of server-sent events (WHATWG HTML §9.2.6) as sequences of what a client gets: names, data, ids.
 * Data that looks like JSON on both sides is compared as such. Comments, and an event cut off at the end, reach no client.
 */
export const compareEventStream: CompareFormat = (primary, other, path, context) => {
  const { values } = context.limits;
  const lefts = readText(primary, (text) => eventsOf(text, values));
  const rights = readText(other, (text) => eventsOf(text, values));
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  if (context.ignored(path)) return undefined;
  const [events, others] = commonRecords(lefts.read, rights.read, {
    primary: primary.truncated,
    other: other.truncated,
  });
  const one = events.length;
  const two = others.length;
  if (one !== two) context.sink.add('length', path, 'medium', String(one), String(two));
  const { pairs, reordered } = align(events, others, printOf, context.unordered(path) ? 'set' : 'order');
  if (reordered) context.sink.add('order', path, 'medium', events[0]?.data, others[0]?.data);
  for (const [event, counterpart] of pairs) {
    if (context.sink.full) return undefined;
    compareEvents(event, counterpart, elementPath(path), context);
  }
  return undefined;
};

function printOf(event: ServerSentEvent): string {
  return `${event.name}\n${event.data}`;
}

function plainContent(text: string): Content {
  return createContent(Buffer.from(text), 'text/plain');
}

function compareEvents(
  primary: ServerSentEvent,
  other: ServerSentEvent,
  path: string,
  context: FormatContext,
): void {
  if (primary.name !== other.name)
    context.sink.add('value', fieldPath(path, 'event'), 'high', primary.name, other.name);
  compareOptional(primary.id, other.id, fieldPath(path, 'id'), context);
  compareOptional(primary.retry, other.retry, fieldPath(path, 'retry'), context);
  if (primary.data === other.data) return;
  const data = fieldPath(path, 'data');
  if (looksLikeJson(primary.data) && looksLikeJson(other.data))
    context.nested(jsonContent(primary.data), jsonContent(other.data), data);
  else context.nested(plainContent(primary.data), plainContent(other.data), data);
}

/** Ids and reconnection times: a client sends ids back as they are, and waits as long as it is told. */
function compareOptional(
  primary: string | undefined,
  other: string | undefined,
  path: string,
  context: FormatContext,
): void {
  if (primary === other) return;
  if (primary === undefined) context.sink.add('added', path, 'low', undefined, other);
  else if (other === undefined) context.sink.add('missing', path, 'medium', primary, undefined);
  else if (!context.alike(primary, other)) context.sink.add('value', path, 'low', primary, other);
}

/** Objects and arrays; a number or a string alone is as often plain text. */
export function looksLikeJson(text: string): boolean {
  return /^\s*[{[]/.test(text) && /[}\]]\s*$/.test(text.slice(-16));
}

function eventsOf(text: string, limit: number): ReadOrFault<readonly ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  let name = '';
  let data: string[] = [];
  let id: string | undefined;
  let retry: string | undefined;
  let lines = 0;
  for (const line of streamLines(text)) {
    if (++lines > limit) return { fault: 'too_many_values' };
    if (line === '') {
      // An event without data is not dispatched.
      if (data.length > 0) events.push({ name: name || 'message', data: data.join('\n'), id, retry });
      if (data.length > 0) {
        id = undefined;
        retry = undefined;
      }
      name = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (field === 'data') data.push(value);
    else if (field === 'event') name = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d{1,20}$/.test(value)) retry = value;
  }
  return { read: events };
}

/** Lines that are ended by CRLF, LF or CR; one without an end belongs to no event. */
function* streamLines(text: string): Generator<string> {
  const LINE_END = /\r\n|\n|\r/g;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  for (const end of text.matchAll(LINE_END)) {
    if (end.index < at) continue;
    yield text.slice(at, end.index);
    at = end.index + end[0].length;
  }
}
