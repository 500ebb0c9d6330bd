import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { GET, ObservedTap, OK } from '../../test/fixtures/observed-tap.ts';
import type { SeenExchange } from '../../test/fixtures/observed-tap.ts';
import { decodeRecords } from '../model/message-record.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { closePayload, encodeClientFrame, OPCODE } from '../wire/websocket/frame.ts';

// RFC 6455 §1.3.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const ASK = GET(
  '/ws',
  `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n`,
);
const MASK = Buffer.from([9, 8, 7, 6]);

function agree(fields = '', accept = ACCEPT): string {
  return `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n${fields}\r\n`;
}

function says(text: string, opcode: number = OPCODE.text): string {
  return encodeClientFrame(opcode, Buffer.from(text, 'latin1'), MASK).toString('latin1');
}

function answers(text: string, first = 0x81): string {
  return String.fromCharCode(first, text.length) + text;
}

const clientClose = (code: number): string => says(closePayload(code).toString('latin1'), OPCODE.close);
const serverClose = (code: number): string => answers(closePayload(code).toString('latin1'), 0x88);

function words(records: string): readonly string[] {
  return decodeRecords(Buffer.from(records, 'latin1')).map((record) => {
    if (record.kind === 'lost') return 'lost';
    if (record.kind === 'close') return `${record.by} ${record.code} after ${record.received}`;
    return `${record.kind} ${record.payload.toString('latin1')}`;
  });
}

const both = ({ requestBody, responseBody }: SeenExchange) => [words(requestBody), words(responseBody)];

test('messages of both sides are bodies, and a close of both the end', () => {
  const tap = new ObservedTap()
    .open()
    .client(ASK)
    .primary(agree() + answers('hello'));
  deepEqual(tap.story, ['GET /ws 101 open']);
  const frames = says('{"a":1}') + says('bin', OPCODE.binary) + says('', OPCODE.ping);
  for (const octet of frames) tap.client(octet);
  tap.primary(answers('wor', 0x01) + answers('', 0x8a) + answers('ld', 0x80)).client(clientClose(1000));
  deepEqual(tap.story, ['GET /ws 101 open']);
  tap.primary(serverClose(1000) + answers('behind the end'));
  deepEqual(tap.story, ['GET /ws 101']);
  deepEqual(both(tap.only), [
    ['text {"a":1}', 'binary bin', 'client 1000 after 2'],
    ['text hello', 'text world', 'client 1000 after 2'],
  ]);
  equal(tap.skips.filter(({ bytes }) => bytes === Infinity).length, 2);
});

test('a server that closes, or goes without a word, is who closed', () => {
  const tap = new ObservedTap()
    .open()
    .client(ASK)
    .primary(agree())
    .primary(serverClose(4001))
    .client(clientClose(4001));
  deepEqual(both(tap.only), [['server 4001 after 0'], ['server 4001 after 0']]);
  const silent = new ObservedTap().open().client(ASK).primary(agree()).end(FROM_PRIMARY);
  deepEqual(both(silent.only), [['server 1005 after 0'], ['server 1006 after 0']]);
  deepEqual(silent.story, ['GET /ws 101']);
});

test('a client that goes without a word leaves the exchange incomplete', () => {
  const tap = new ObservedTap()
    .open()
    .client(ASK)
    .primary(agree() + answers('a'))
    .close(FROM_CLIENT);
  deepEqual(tap.story, ['GET /ws 101 client_closed']);
  deepEqual(both(tap.only), [[], ['text a']]);
});

test('losses: within a message of the server that message, within one of the client the rest', () => {
  const tap = new ObservedTap().open().client(ASK).primary(agree());
  tap.primary(answers('abc').slice(0, 3)).gap(FROM_PRIMARY, 2).primary(answers('next'));
  deepEqual(both(tap.only), [[], ['lost', 'text next']]);
  tap.client(says('abcdef').slice(0, 8)).gap(FROM_CLIENT, 4);
  deepEqual(tap.story, ['GET /ws 101 tape_gap']);
  const between = new ObservedTap()
    .open()
    .client(ASK)
    .primary(agree() + answers('a'))
    .gap(FROM_PRIMARY, 5);
  deepEqual(between.story, ['GET /ws 101 tape_gap']);
  equal(between.counts.incomplete.tape_gap, 1);
});

test('what breaks the protocol, or cannot be read, ends the exchange as ambiguous', () => {
  for (const [answer, client] of [
    [agree(), answers('not masked')],
    [agree() + answers('x', 0xf1), ''],
    [agree('sec-websocket-extensions: x-own\r\n'), ''],
    [agree('', 'bm90IHRoYXQga2V5J3MgYWNjZXB0'), ''],
  ] as const) {
    const tap = new ObservedTap().open().client(ASK).primary(answer).client(client);
    deepEqual(tap.story, ['GET /ws 101 ambiguous']);
  }
});

test('a refusal is an answer like any other, and HTTP goes on', () => {
  const tap = new ObservedTap().open().client(ASK).primary(OK('no')).client(GET('/next')).primary(OK());
  deepEqual(tap.story, ['GET /ws 200', 'GET /next 200']);
});

test('nobody wants it: it is left off the tape at once', () => {
  const tap = new ObservedTap({ follow: false }).open().client(ASK).primary(agree());
  deepEqual(tap.story, ['GET /ws 101']);
  ok(tap.skips.some(({ direction, bytes }) => direction === FROM_CLIENT && bytes === Infinity));
});

test('messages under way count as memory, and end where there is too much', () => {
  const tap = new ObservedTap({ waitingBytes: 20_000 }).open().client(ASK).primary(agree());
  tap.primary(String.fromCharCode(0x02, 126, 0xff, 0xff) + 'x'.repeat(10_000));
  deepEqual(tap.story, ['GET /ws 101 open']);
  tap.primary('x'.repeat(20_000));
  deepEqual(tap.story, ['GET /ws 101 too_large']);
  // What was counted is given back.
  tap
    .open(2)
    .client(ASK, 2)
    .primary(agree() + answers('a') + serverClose(1000), 2)
    .client(clientClose(1000), 2);
  equal(tap.story[1], 'GET /ws 101');
});
