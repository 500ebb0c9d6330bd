import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { ObservedTap } from '../../test/fixtures/observed-tap.ts';
import type { SeenExchange } from '../../test/fixtures/observed-tap.ts';
import { decodeRecords } from '../model/message-record.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { encodeHeaders, encodeNumber, encodeSettings, frame } from '../wire/http2/encode.ts';
import { CLIENT_PREFACE, ERROR_CODE, FLAG, FRAME } from '../wire/http2/frame.ts';
import type { Field } from '../wire/http2/static-table.ts';
import { closePayload, encodeClientFrame, OPCODE } from '../wire/websocket/frame.ts';

const MASK = Buffer.from([9, 8, 7, 6]);
const PERMESSAGE_DEFLATE: Field = ['sec-websocket-extensions', 'permessage-deflate'];

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function ask(stream: number, more: readonly Field[] = [], end = false): string {
  const fields: readonly Field[] = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':authority', 'shop.example'],
    [':path', '/ws'],
    ['sec-websocket-version', '13'],
  ];
  return text(encodeHeaders(stream, [...fields, ...more], end));
}

function agree(stream: number, more: readonly Field[] = [], end = false, status = 200): string {
  return text(encodeHeaders(stream, [[':status', String(status)], ...more], end));
}

function data(stream: number, content: string, end = false): string {
  return text(frame(FRAME.data, end ? FLAG.endStream : 0, stream, Buffer.from(content, 'latin1')));
}

const reset = (stream: number): string => text(encodeNumber(FRAME.resetStream, stream, ERROR_CODE.cancel));

function says(payload: string, opcode: number = OPCODE.text): string {
  return text(encodeClientFrame(opcode, Buffer.from(payload, 'latin1'), MASK));
}

const answers = (payload: string, first = 0x81): string =>
  String.fromCharCode(first, payload.length) + payload;
const clientClose = (code: number): string => says(text(closePayload(code)), OPCODE.close);
const serverClose = (code: number): string => answers(text(closePayload(code)), 0x88);

function opened(options: ConstructorParameters<typeof ObservedTap>[0] = {}): ObservedTap {
  const settings = text(encodeSettings([]));
  return new ObservedTap(options)
    .open()
    .client(CLIENT_PREFACE + settings)
    .primary(settings);
}

function words(records: string): readonly string[] {
  return decodeRecords(Buffer.from(records, 'latin1')).map((record) => {
    if (record.kind === 'lost') return 'lost';
    if (record.kind === 'close') return `${record.by} ${record.code} after ${record.received}`;
    return `${record.kind} ${record.payload.toString('latin1')}`;
  });
}

const both = ({ requestBody, responseBody }: SeenExchange) => [words(requestBody), words(responseBody)];

test('is seen as HTTP/1.1 asks for one, beside other streams; frames need not keep to those of HTTP/2', () => {
  const tap = opened().client(ask(1)).primary(agree(1));
  deepEqual(tap.story, ['GET /ws 101 open']);
  const frames = says('{"a":1}') + says('bin', OPCODE.binary);
  for (const octet of frames) tap.client(data(1, octet));
  tap.client(ask(3)).primary(agree(3) + data(3, answers('other')));
  tap
    .primary(data(1, `${answers('hello')}${answers('wor', 0x01)}`) + data(1, answers('ld', 0x80)))
    .client(data(1, clientClose(1000), true))
    .primary(data(1, serverClose(1000), true));
  deepEqual(tap.story, ['GET /ws 101', 'GET /ws 101 open']);
  const [first, second] = tap.sink.seen;
  ok(first !== undefined && second !== undefined);
  deepEqual(both(first), [
    ['text {"a":1}', 'binary bin', 'client 1000 after 2'],
    ['text hello', 'text world', 'client 1000 after 2'],
  ]);
  tap.client(data(3, says('still here')));
  deepEqual(both(second), [['text still here'], ['text other']]);
  // The connection goes on: nothing of it is left off the tape.
  deepEqual(tap.skips, []);
});

test('permessage-deflate is understood', () => {
  const packed = deflateRawSync('squeezed squeezed squeezed', {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).subarray(0, -4);
  const tap = opened()
    .client(ask(1, [PERMESSAGE_DEFLATE]))
    .primary(agree(1, [PERMESSAGE_DEFLATE]) + data(1, answers(text(packed), 0xc1)));
  deepEqual(both(tap.only)[1], ['text squeezed squeezed squeezed']);
});

test('a client that takes it back, or ends without a word, leaves it incomplete; a server closes with 1006', () => {
  for (const [end, story, closed] of [
    [(tap: ObservedTap) => tap.client(reset(1)), 'GET /ws 101 client_closed', []],
    [(tap: ObservedTap) => tap.client(data(1, '', true)), 'GET /ws 101 client_closed', []],
    [(tap: ObservedTap) => tap.close(FROM_CLIENT), 'GET /ws 101 client_closed', []],
    [(tap: ObservedTap) => tap.primary(reset(1)), 'GET /ws 101', ['server 1006 after 0']],
    [(tap: ObservedTap) => tap.primary(data(1, '', true)), 'GET /ws 101', ['server 1006 after 0']],
    [(tap: ObservedTap) => tap.end(FROM_PRIMARY), 'GET /ws 101', ['server 1006 after 0']],
  ] as const) {
    const tap = end(opened().client(ask(1)).primary(agree(1)));
    deepEqual([tap.story, both(tap.only)[1]], [[story], closed]);
  }
});

test('a loss within a message of the server costs that message, one of the client the rest', () => {
  const tap = opened().client(ask(1)).primary(agree(1));
  const whole = data(1, answers('abcdef'));
  tap
    .primary(whole.slice(0, 13))
    .gap(FROM_PRIMARY, whole.length - 13)
    .primary(data(1, answers('next')));
  deepEqual(both(tap.only)[1], ['lost', 'text next']);
  const said = data(1, says('abcdef'));
  tap.client(said.slice(0, 16)).gap(FROM_CLIENT, said.length - 16);
  deepEqual(tap.story, ['GET /ws 101 tape_gap']);
});

test('a refusal is an answer as any other', () => {
  const tap = opened()
    .client(ask(1))
    .primary(agree(1, [], false, 403) + data(1, 'no', true));
  deepEqual([tap.story, tap.only.responseBody], [['GET /ws 403'], 'no']);
});

test('what breaks the protocol, or cannot be read, ends the exchange as ambiguous, and no other stream', () => {
  for (const [answer, client] of [
    [agree(1), data(1, answers('not masked'))],
    [agree(1) + data(1, answers('x', 0xf1)), ''],
    [agree(1, [['sec-websocket-extensions', 'x-own']]), ''],
    [agree(1) + text(encodeHeaders(1, [['trailer', 'x']], true)), ''],
    ['', data(1, says('before it was agreed'))],
  ] as const) {
    const tap = opened().client(ask(1)).primary(answer).client(client);
    match(tap.story[0] ?? '', / ambiguous$/);
    tap.client(ask(3)).primary(agree(3));
    equal(tap.story[1], 'GET /ws 101 open');
  }
  const cut = opened().client(ask(1, [], true));
  deepEqual([cut.story, cut.counts.incomplete.ambiguous], [[], 1]);
});

test('nobody wants it: it is over when it is agreed on', () => {
  const tap = opened({ follow: false })
    .client(ask(1))
    .primary(agree(1) + data(1, answers('a')));
  tap.client(data(1, says('b')));
  deepEqual([tap.story, tap.counts.givenUp], [['GET /ws 101'], 0]);
});

test('they count among the streams of a connection, and as memory until they are over', () => {
  const tap = opened({ waitingBytes: 4_000 }).client(ask(1)).primary(agree(1)).client(ask(3));
  deepEqual([tap.story, tap.counts.incomplete.too_large], [['GET /ws 101 open'], 1]);
  tap.client(data(1, clientClose(1000))).primary(data(1, serverClose(1000)));
  tap.client(ask(5)).primary(agree(5));
  deepEqual(tap.story, ['GET /ws 101', 'GET /ws 101 open']);
});
