import type { Answer } from '../model/difference.ts';
import { decodeRecords } from '../model/message-record.ts';
import type { CloseRecord, MessageRecord } from '../model/message-record.ts';
import { createContent, joined } from './content.ts';
import type { Content, FormatContext } from './format.ts';
import { looksLikeJson } from './formats/event-stream.ts';
import { jsonContent } from './formats/ndjson.ts';
import { align, commonRecords } from './formats/sequence.ts';
import { elementPath } from './path.ts';

type Message = Exclude<MessageRecord, CloseRecord>;

/** What one side of a WebSocket connection has said. */
interface Sequence {
  readonly messages: readonly Message[];
  /** Undefined where it was cut. */
  readonly close: CloseRecord | undefined;
}

/**
 * Compares what two servers said in a WebSocket connection: the messages as a sequence, their number, and how they closed.
 * Text that looks like JSON on both sides is compared as such.
 *
 * Where the client closed, the primary's messages count up to then: what a server says later depends on when it hears of
 * it. So the mirror has to have said as much, and what is more is left out.
 */
export function compareMessages(primary: Answer, other: Answer, path: string, context: FormatContext): void {
  const left = sequenceOf(primary);
  const right = sequenceOf(other);
  if (!context.ignored(path)) compareSequences(left, right, path, context);
  if (left.close !== undefined && right.close !== undefined) compareCloses(left.close, right.close, context);
}

function compareSequences(left: Sequence, right: Sequence, path: string, context: FormatContext): void {
  const [one, two] = inCommon(left, right);
  if (one.length !== two.length)
    context.sink.add('length', path, 'medium', String(one.length), String(two.length));
  const { values } = context.limits;
  const { pairs, reordered } = align(
    one.slice(0, values),
    two.slice(0, values),
    printOf,
    context.unordered(path) ? 'set' : 'order',
  );
  if (reordered) context.sink.add('order', path, 'medium', shown(one[0]), shown(two[0]));
  for (const [message, counterpart] of pairs) {
    if (context.sink.full) return;
    compareOne(message, counterpart, elementPath(path), context);
  }
}

function inCommon(left: Sequence, right: Sequence): readonly [readonly Message[], readonly Message[]] {
  const { messages, close } = left;
  if (close?.by === 'client' && right.close !== undefined) {
    const heard = messages.slice(0, close.received);
    return [heard, right.messages.slice(0, heard.length)];
  }
  return commonRecords(messages, right.messages, {
    primary: close === undefined,
    other: right.close === undefined,
  });
}

function compareOne(message: Message, other: Message, path: string, context: FormatContext): void {
  if (message.kind === 'lost' || other.kind === 'lost') return;
  if (message.kind !== other.kind) {
    context.sink.add('type', path, 'high', message.kind, other.kind);
    return;
  }
  const { payload } = message;
  if (payload.equals(other.payload)) return;
  if (message.kind === 'binary') {
    context.nested(octets(payload), octets(other.payload), path);
    return;
  }
  const text = payload.toString('utf8');
  const otherText = other.payload.toString('utf8');
  if (looksLikeJson(text) && looksLikeJson(otherText))
    context.nested(jsonContent(text), jsonContent(otherText), path);
  else context.nested(createContent(payload, 'text/plain'), createContent(other.payload, 'text/plain'), path);
}

/** Whoever closed first says why; the other one repeats it. */
function compareCloses(close: CloseRecord, other: CloseRecord, { sink, alike }: FormatContext): void {
  if (close.by !== other.by) {
    sink.add('value', 'close.by', 'high', closeText(close), closeText(other));
    return;
  }
  if (close.code !== other.code)
    sink.add('value', 'close.code', 'medium', String(close.code), String(other.code));
  if (close.reason !== other.reason && !alike(close.reason, other.reason))
    sink.add('value', 'close.reason', 'low', close.reason, other.reason);
}

function closeText({ by, code }: CloseRecord): string {
  return by === 'client' ? 'the client' : `the server, with ${code}`;
}

function sequenceOf({ body, truncated }: Answer): Sequence {
  const records = decodeRecords(joined(body));
  const last = records.at(-1);
  const messages = records.filter((record): record is Message => record.kind !== 'close');
  return { messages, close: truncated !== true && last?.kind === 'close' ? last : undefined };
}

function printOf(message: Message): string {
  return message.kind === 'lost' ? 'lost' : `${message.kind} ${message.payload.toString('latin1')}`;
}

function shown(message: Message | undefined): string | undefined {
  if (message === undefined || message.kind === 'lost') return undefined;
  return message.kind === 'text' ? message.payload.toString('utf8') : `${message.payload.length} bytes`;
}

function octets(payload: Buffer): Content {
  return createContent(payload, 'application/octet-stream');
}
