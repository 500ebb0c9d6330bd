import { Buffer } from 'node:buffer';
import type { Answer, BodyFault } from '../../model/difference.ts';
import { createContent, joined } from '../content.ts';
import { changedRisk } from '../header-rules.ts';
import { compareFields } from '../headers.ts';
import type { HeaderRules } from '../headers.ts';
import type { FormatContext } from '../format.ts';
import { compareOctets } from '../formats/octets.ts';
import { align } from '../formats/sequence.ts';
import { elementPath } from '../path.ts';
import { ProtobufComparison } from '../protobuf/comparison.ts';
import type { ProtobufOptions } from '../protobuf/comparison.ts';
import { compareElements } from '../protobuf/elements.ts';
import type { MethodPlan } from '../protobuf/plan.ts';
import { ANY, STATUS_DETAILS, UNKNOWN } from '../protobuf/well-known.ts';
import { LENGTH_DELIMITED, readMessage } from '../protobuf/wire-message.ts';
import type { WireField, WireMessage } from '../protobuf/wire-message.ts';
import type { PairDifferences } from '../sink.ts';
import { readRpcBody } from './framing.ts';
import type { RpcBody } from './framing.ts';
import { decodeWebText } from '../../model/rpc.ts';
import type { Rpc } from '../../model/rpc.ts';
import {
  hasStatus,
  metadataOf,
  readConnectEnd,
  readStatus,
  readTrailerLines,
  statusText,
} from '../../model/rpc-status.ts';
import type { Fields, RpcStatus } from '../../model/rpc-status.ts';

const BODY = 'body';
const STATUS = 'grpc.status';
const MESSAGE = 'grpc.message';
const DETAILS = 'grpc.details';
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;

/** What a comparison of calls works with. */
export interface RpcContext extends FormatContext {
  readonly sink: PairDifferences;
}

/** One side of a call. */
interface Call {
  readonly status: RpcStatus;
  /** The status stands in the head, and nothing comes after it (Trailers-Only). */
  readonly single: boolean;
  readonly headers: Fields;
  readonly trailers: Fields;
  readonly messages: readonly Buffer[];
  readonly fault: BodyFault | undefined;
}

/**
 * Compares what two services answered to one call: its status, what the status says, metadata, and the messages, their
 * number and order. A call that failed on one side only is that, and nothing else is compared. Of answers that were cut
 * it compares what both have: see `compareCut`.
 *
 * @param method what is known of the method; without it, an answer of more than one message is taken for a stream
 * @returns whether there was enough of both to say that they are the same
 */
export function compareRpc(
  primary: Answer,
  other: Answer,
  rpc: Rpc,
  context: RpcContext,
  rules: HeaderRules,
  options: ProtobufOptions,
  method: MethodPlan | undefined,
): boolean {
  const one = readCall(primary, rpc, context);
  const two = readCall(other, rpc, context);
  if (primary.truncated === true || other.truncated === true) {
    const isCut = { primary: primary.truncated === true, other: other.truncated === true };
    return compareCut(one, two, isCut, rpc, context, rules, options, method);
  }
  if (!compareStatus(one.status, two.status, context)) return true;
  if (one.single === two.single) {
    compareFields(one.headers, two.headers, 'header', context, rules);
    compareFields(one.trailers, two.trailers, 'trailer', context, rules);
  } else {
    // What one sends in its only head, the other sends before and after: the same fields at other places.
    compareFields(fieldsOf(one), fieldsOf(two), 'trailer', context, rules);
  }
  compareDetails(one.status, two.status, context, options);
  if (context.ignored(BODY) || !readable(one, two, primary, other, context)) return true;
  const { messages } = one;
  if (rpc.codec !== 'proto')
    compareTexts(messages, two.messages, rpc, context, messages.length !== 1 || two.messages.length !== 1);
  else compareMessages(messages, two.messages, context, options, isStreamed(one, two, method), method);
  return true;
}

interface Sides<Value> {
  readonly primary: Value;
  readonly other: Value;
}

/**
 * Compares two answers of which at least the primary's was cut: what they begin with, and the whole messages that both
 * have. How many there are, and how the call ends, is not known, unless the other one has failed before it had sent what
 * the primary has.
 */
function compareCut(
  one: Call,
  two: Call,
  isCut: Sides<boolean>,
  rpc: Rpc,
  context: RpcContext,
  rules: HeaderRules,
  options: ProtobufOptions,
  method: MethodPlan | undefined,
): boolean {
  // What is cut beside a whole one was too long to be kept: nobody knows how it would have gone on.
  if (!isCut.primary) return false;
  const shared = Math.min(one.messages.length, two.messages.length);
  if (!isCut.other && shared < one.messages.length && hasFailed(two.status)) {
    context.sink.add('status', STATUS, 'high', statusText(one.status), statusText(two.status));
    return true;
  }
  if (!one.single && !two.single) compareFields(one.headers, two.headers, 'header', context, rules);
  const faults = { primary: faultOfCut(one.fault, true), other: faultOfCut(two.fault, isCut.other) };
  if (faults.primary !== faults.other) {
    if (!context.ignored(BODY))
      context.sink.addNote('type', BODY, 'high', noteOf(faults.primary), noteOf(faults.other));
    return true;
  }
  if (shared === 0 || context.ignored(BODY)) return shared > 0;
  const lefts = one.messages.slice(0, shared);
  const rights = two.messages.slice(0, shared);
  if (lefts.every((message, at) => rights[at]?.equals(message))) return true;
  // Which messages come first says nothing there, and the others may have been cut off.
  if (context.unordered(BODY) || context.keyOf(BODY) !== undefined) return false;
  const streamed = isStreamed(one, two, method);
  if (rpc.codec !== 'proto') compareTexts(lefts, rights, rpc, context, streamed);
  else compareMessages(lefts, rights, context, options, streamed, method);
  return true;
}

/** Whether a call has ended with an error that is not what a client gets that leaves, or has waited for too long. */
function hasFailed({ code }: RpcStatus): boolean {
  return code !== undefined && code !== 0 && code !== CANCELLED && code !== DEADLINE_EXCEEDED;
}

/** A message that is not whole is no fault of what was cut, nor is what is past our own limit. */
function faultOfCut(fault: BodyFault | undefined, isCut: boolean): BodyFault | undefined {
  return fault === 'too_many_values' || (isCut && fault === 'truncated') ? undefined : fault;
}

function isStreamed(one: Call, two: Call, method: MethodPlan | undefined): boolean {
  return method?.serverStreaming ?? (one.messages.length > 1 || two.messages.length > 1);
}

function readCall(answer: Answer, { protocol }: Rpc, { limits }: FormatContext): Call {
  const sent = joined(answer.body);
  const bodyLimits = { messages: limits.values, bytes: limits.decodedBytes };
  const headers = [...answer.headers()];
  const trailers = answer.trailers ?? [];
  if (protocol === 'connect') {
    const encoding = answer.header('connect-content-encoding') ?? '';
    const body = readRpcBody(sent, encoding, 0x02, bodyLimits);
    const end = readConnectEnd(body.end);
    const status = end?.status ?? { code: undefined, message: '', details: undefined };
    return callOf(body, status, headers, [...trailers, ...(end?.metadata ?? [])]);
  }
  const encoding = answer.header('grpc-encoding') ?? '';
  if (protocol === 'grpc') {
    const body = readRpcBody(sent, encoding, 0, bodyLimits);
    return callOf(body, statusOf(headers, trailers), headers, trailers);
  }
  const bytes = protocol === 'grpc-web-text' ? decodeWebText(sent) : sent;
  const body: RpcBody =
    bytes === undefined
      ? { messages: [], end: undefined, fault: 'malformed' }
      : readRpcBody(bytes, encoding, 0x80, bodyLimits);
  const lines = body.end === undefined ? trailers : readTrailerLines(body.end);
  return callOf(body, statusOf(headers, lines), headers, lines);
}

function fieldsOf({ headers, trailers }: Call): Fields {
  return [...headers, ...trailers];
}

function statusOf(headers: Fields, trailers: Fields): RpcStatus {
  return readStatus(hasStatus(trailers) || !hasStatus(headers) ? trailers : headers);
}

function callOf({ messages, fault }: RpcBody, status: RpcStatus, headers: Fields, trailers: Fields): Call {
  const single = hasStatus(headers) && !hasStatus(trailers);
  return { status, single, headers: metadataOf(headers), trailers: metadataOf(trailers), messages, fault };
}

/** @returns whether the rest is worth comparing: when one side failed and the other did not, it is not */
function compareStatus(one: RpcStatus, two: RpcStatus, { sink, alike }: RpcContext): boolean {
  const sameClass = (one.code === 0) === (two.code === 0);
  if (one.code !== two.code)
    sink.add('status', STATUS, sameClass ? 'medium' : 'high', statusText(one), statusText(two));
  if (!sameClass) return false;
  if (one.message !== two.message && !alike(one.message, two.message))
    sink.add(
      'value',
      MESSAGE,
      changedRisk('grpc-message'),
      JSON.stringify(one.message),
      JSON.stringify(two.message),
    );
  return true;
}

function compareDetails(one: RpcStatus, two: RpcStatus, context: RpcContext, options: ProtobufOptions): void {
  const left = one.details ?? Buffer.alloc(0);
  const right = two.details ?? Buffer.alloc(0);
  if (left.equals(right) || context.ignored(DETAILS)) return;
  const { sink } = context;
  const details = readMessage(left, budgetOf(context, left), context.limits.depth);
  const others = readMessage(right, budgetOf(context, right), context.limits.depth);
  if (typeof details === 'string' || typeof others === 'string') {
    const [text, otherText] = [left.toString('base64'), right.toString('base64')];
    sink.add('value', DETAILS, 'medium', text, otherText);
    return;
  }
  const { root } = sink;
  sink.root = DETAILS;
  const comparison = new ProtobufComparison(context, options, left.length + right.length);
  compareElements(comparison, details, detailsOf(details), others, detailsOf(others), ANY_VALUE, DETAILS, 1);
  sink.root = root;
}

const ANY_VALUE = { kind: 'message', group: false, message: ANY } as const;

function detailsOf({ fields }: WireMessage): readonly WireField[] {
  return (fields.get(STATUS_DETAILS) ?? []).filter(({ wire }) => wire === LENGTH_DELIMITED);
}

function budgetOf({ limits }: FormatContext, bytes: Buffer): { values: number; bytes: number } {
  return { values: limits.values, bytes: bytes.length };
}

/**
 * Whether the messages of both sides can be compared; otherwise what is wrong is the difference. Bodies that are cut
 * alike are compared as far as they go.
 */
function readable(one: Call, two: Call, primary: Answer, other: Answer, context: RpcContext): boolean {
  if (one.fault === undefined && two.fault === undefined) return true;
  if (one.fault === two.fault) {
    if (one.fault === 'truncated' || one.fault === 'too_many_values') return true;
    const content = createContent(joined(primary.body), '');
    compareOctets(content, createContent(joined(other.body), ''), BODY, context);
  } else {
    context.sink.addNote('type', BODY, 'high', noteOf(one.fault), noteOf(two.fault));
  }
  return false;
}

function noteOf(fault: BodyFault | undefined): string {
  return fault === undefined ? 'readable' : `not readable: ${fault}`;
}

function compareMessages(
  lefts: readonly Buffer[],
  rights: readonly Buffer[],
  context: RpcContext,
  options: ProtobufOptions,
  streamed: boolean,
  method: MethodPlan | undefined,
): void {
  const one = besideOneAnother(lefts);
  const two = besideOneAnother(rights);
  const comparison = new ProtobufComparison(context, options, one.bytes.length + two.bytes.length);
  const plan = method?.output ?? UNKNOWN;
  const left = one.values[0];
  const right = two.values[0];
  if (streamed || one.values.length > 1 || two.values.length > 1) {
    const value = { kind: 'message', group: false, message: plan } as const;
    const fields = new Map<number, readonly WireField[]>();
    const message = (bytes: Buffer): WireMessage => ({ bytes, fields });
    compareElements(
      comparison,
      message(one.bytes),
      one.values,
      message(two.bytes),
      two.values,
      value,
      BODY,
      0,
    );
  } else if (left !== undefined && right !== undefined) comparison.messages(one.bytes, two.bytes, plan, BODY);
  else if (left !== undefined) context.sink.add('missing', BODY, 'high', '1 message', undefined);
  else if (right !== undefined) context.sink.add('added', BODY, 'low', undefined, '1 message');
}

/** Messages as values of one repeated field. */
function besideOneAnother(messages: readonly Buffer[]): {
  readonly bytes: Buffer;
  readonly values: readonly WireField[];
} {
  const [first] = messages;
  const bytes = messages.length === 1 && first !== undefined ? first : Buffer.concat(messages);
  let end = 0;
  const values = messages.map(({ length }) => {
    const start = end;
    end += length;
    return { number: 1, wire: LENGTH_DELIMITED, start, end };
  });
  return { bytes, values };
}

/** Messages that are no Protobuf: JSON, or what they look like. */
function compareTexts(
  lefts: readonly Buffer[],
  rights: readonly Buffer[],
  { codec }: Rpc,
  context: RpcContext,
  streamed: boolean,
): void {
  const path = streamed ? elementPath(BODY) : BODY;
  const { sink } = context;
  if (lefts.length !== rights.length)
    sink.add('length', BODY, 'medium', countText(lefts.length), countText(rights.length));
  const { pairs, reordered } = align(
    lefts,
    rights,
    (bytes) => bytes.toString('latin1'),
    context.unordered(BODY) ? 'set' : 'order',
  );
  if (reordered) sink.add('order', BODY, 'medium', lefts[0]?.toString('utf8'), rights[0]?.toString('utf8'));
  const type = codec === 'json' ? 'application/json' : '';
  for (const [left, right] of pairs) {
    if (sink.full) return;
    if (!left.equals(right)) context.nested(createContent(left, type), createContent(right, type), path);
  }
}

function countText(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`;
}
