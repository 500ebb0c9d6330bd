import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { CompareSettings } from '../model/compare-settings.ts';
import type { Answer } from '../model/difference.ts';
import { encodeRecord } from '../model/message-record.ts';
import type { CloseRecord, MessageRecord } from '../model/message-record.ts';
import { createComparer } from './comparer.ts';

const text = (value: string): MessageRecord => ({ kind: 'text', payload: Buffer.from(value) });
const binary = (...bytes: readonly number[]): MessageRecord => ({
  kind: 'binary',
  payload: Buffer.from(bytes),
});
const LOST: MessageRecord = { kind: 'lost' };

function close(by: CloseRecord['by'], received: number, code = 1000, reason = ''): CloseRecord {
  return { kind: 'close', by, code, reason, received };
}

function answer(records: readonly MessageRecord[], truncated = false): Answer {
  const fields = { upgrade: 'websocket', 'sec-websocket-accept': String(Math.random()) };
  return {
    status: 101,
    header: (name) => Object.entries(fields).find(([field]) => field === name)?.[1],
    headers: () => Object.entries(fields),
    body: records.map(encodeRecord),
    truncated,
  };
}

function found(left: Answer, right: Answer, settings: Partial<CompareSettings> = {}): readonly string[] {
  const redact = { headers: [], queryParams: [], jsonFields: [] };
  const comparer = createComparer({ ...DEFAULT_COMPARE, ...settings }, { redact, recognise: false });
  const { differences } = comparer.compare(left, right, 'GET', 'GET /ws');
  return differences.map(({ kind, path }) => `${path} ${kind}`);
}

const A = text('{"a":1,"b":[1,2]}');
const B = text('plain');
const C = binary(1, 2, 3);

test('the same messages and the same close are the same', () => {
  const records = [A, B, C, close('server', 3)];
  deepEqual(found(answer(records), answer(records)), []);
  deepEqual(
    found(
      answer([text('{"a":1,"b":2}'), close('server', 1)]),
      answer([text('{"b":2, "a":1.0}'), close('server', 1)]),
    ),
    [],
  );
});

test('tells what differs in a message, by what it is', () => {
  const end = close('server', 1);
  const cases: readonly (readonly [MessageRecord, MessageRecord, readonly string[]])[] = [
    [A, text('{"a":2,"b":[1,2]}'), ['body[].a value']],
    [A, text('{"b":[1,2]}'), ['body[].a missing']],
    [B, text('plainer'), ['body[] value']],
    [C, binary(1, 2, 4), ['body[] value']],
    [C, binary(1, 2), ['body[] length']],
    [B, { kind: 'binary', payload: Buffer.from('plain') }, ['body[] type']],
    [LOST, B, []],
  ];
  for (const [left, right, expected] of cases)
    deepEqual(found(answer([left, end]), answer([right, end])), expected);
});

test('number and order count, unless order was said not to', () => {
  const end = close('server', 2);
  deepEqual(found(answer([A, B, end]), answer([A, end])), ['body length']);
  deepEqual(found(answer([A, B, end]), answer([B, A, end])), ['body order']);
  deepEqual(found(answer([A, B, end]), answer([B, A, end]), { unordered: ['body'] }), []);
});

test('what was cut is compared as far as both sides have come', () => {
  const whole = answer([A, B, C, close('server', 3)]);
  deepEqual(found(answer([A, B], true), whole), []);
  deepEqual(found(whole, answer([A], true)), []);
  deepEqual(found(answer([A, C], true), whole), ['body[] type']);
  // A side that has ended and has less has less.
  deepEqual(found(answer([A, B, C], true), answer([A, close('server', 1)])), ['body length']);
});

test('what a server says after the client has closed says nothing, what it has not said by then does', () => {
  const left = answer([A, B, C, close('client', 2)]);
  deepEqual(found(left, answer([A, B, close('client', 2)])), []);
  deepEqual(found(left, answer([A, B, B, B, close('client', 2)])), []);
  deepEqual(found(left, answer([A, close('client', 1)])), ['body length']);
});

test('compares who closed, with which code and reason', () => {
  const pairs: readonly (readonly [CloseRecord, CloseRecord, readonly string[]])[] = [
    [close('server', 0, 4000, 'a'), close('server', 0, 4000, 'b'), ['close.reason value']],
    [close('server', 0, 4000), close('server', 0, 1011), ['close.code value']],
    [close('client', 0), close('server', 0, 1006), ['close.by value']],
  ];
  for (const [left, right, expected] of pairs) deepEqual(found(answer([left]), answer([right])), expected);
  const ignore = [{ path: 'close.**', kinds: [], route: undefined }];
  deepEqual(found(answer([close('client', 0)]), answer([close('server', 0, 1006)]), { ignore }), []);
});
