import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { decodeWebText } from '../../model/rpc.ts';
import { readRpcBody } from './framing.ts';
import {
  metadataOf,
  readConnectEnd,
  readStatus,
  readTrailerLines,
  statusText,
} from '../../model/rpc-status.ts';

const LIMITS = { messages: 3, bytes: 1000 };

function frame(flags: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

const huge = frame(0, '');
huge.writeUInt32BE(0xffff_ffff, 1);

const CASES: readonly (readonly [
  name: string,
  body: Buffer,
  encoding: string,
  messages: readonly string[],
  fault: string | undefined,
])[] = [
  ['nothing', Buffer.alloc(0), '', [], undefined],
  ['two messages', Buffer.concat([frame(0, 'a'), frame(0, '')]), '', ['a', ''], undefined],
  ['gzip', frame(1, gzipSync('hello')), 'gzip', ['hello'], undefined],
  ['deflate', frame(1, deflateSync('hello')), 'deflate', ['hello'], undefined],
  [
    'one of two compressed',
    Buffer.concat([frame(1, gzipSync('a')), frame(0, 'b')]),
    'gzip',
    ['a', 'b'],
    undefined,
  ],
  ['a prefix that is cut', Buffer.concat([frame(0, 'a'), Buffer.alloc(4)]), '', ['a'], 'truncated'],
  [
    'a message that is cut',
    Buffer.concat([frame(0, 'a'), frame(0, 'bcd').subarray(0, 7)]),
    '',
    ['a'],
    'truncated',
  ],
  ['a length without a message', huge, '', [], 'truncated'],
  ['unknown flags', frame(0x40, 'a'), '', [], 'malformed'],
  ['trailers where there are none', frame(0x80, 'a'), '', [], 'malformed'],
  ['compressed by nothing', frame(1, 'a'), 'identity', [], 'unknown_coding'],
  ['compressed by something unknown', frame(1, 'a'), 'snappy', [], 'unknown_coding'],
  ['what is not compressed', frame(1, 'hello, this is no gzip'), 'gzip', [], 'malformed_coding'],
  ['a bomb', frame(1, gzipSync(Buffer.alloc(100_000))), 'gzip', [], 'bomb'],
  [
    'too many',
    Buffer.concat(['a', 'b', 'c', 'd'].map((text) => frame(0, text))),
    '',
    ['a', 'b', 'c'],
    'too_many_values',
  ],
  [
    'too long together',
    Buffer.concat([frame(0, 'a'.repeat(600)), frame(0, 'b'.repeat(600))]),
    '',
    ['a'.repeat(600)],
    'too_many_values',
  ],
];
for (const [name, body, encoding, messages, fault] of CASES) {
  test(`messages: ${name}`, () => {
    const read = readRpcBody(body, encoding, 0, LIMITS);
    deepEqual([read.messages.map(String), read.fault], [messages, fault]);
  });
}

test('the last frame of gRPC-Web holds trailers, and nothing comes after it', () => {
  const end = frame(0x80, 'grpc-status:5\r\nGrpc-Message: no%20order\r\n');
  const read = readRpcBody(Buffer.concat([frame(0, 'a'), end]), '', 0x80, LIMITS);
  const status = readStatus(readTrailerLines(read.end ?? Buffer.alloc(0)));
  deepEqual(
    [read.messages.map(String), statusText(status), status.message],
    [['a'], 'NOT_FOUND (5)', 'no order'],
  );
  equal(readRpcBody(Buffer.concat([end, frame(0, 'a')]), '', 0x80, LIMITS).fault, 'malformed');
});

test('base64 text may be padded in its middle', () => {
  equal(String(decodeWebText(Buffer.from('YWI=Y2Q=\r\nZQ'))), 'abcde');
  equal(decodeWebText(Buffer.from('YWI=*')), undefined);
});

const STATUSES: readonly (readonly [code: string, message: string, shown: readonly string[]])[] = [
  ['0', '', ['OK (0)', '']],
  ['16', 'caf%C3%A9 100%25', ['UNAUTHENTICATED (16)', 'café 100%']],
  ['99', 'not %zz encoded', ['unknown code (99)', 'not %zz encoded']],
  ['x', '%', ['none', '%']],
  ['-1', '%ff', ['none', '\ufffd']],
];
for (const [code, text, shown] of STATUSES) {
  test(`status ${code} ${text}`, () => {
    const status = readStatus([
      ['Grpc-Status', code],
      ['grpc-message', text],
    ]);
    deepEqual([statusText(status), status.message], shown);
  });
}

test('metadata is what is left, binary fields without padding', () =>
  deepEqual(
    metadataOf([
      ['grpc-status', '0'],
      ['grpc-encoding', 'gzip'],
      ['x-sum-bin', 'YQ=='],
      ['x-a', 'b'],
    ]),
    [
      ['x-sum-bin', 'YQ'],
      ['x-a', 'b'],
    ],
  ));

const ENDS: readonly (readonly [json: string, shown: string | undefined])[] = [
  ['{}', 'OK (0)'],
  [
    '{"error":{"code":"not_found","message":"gone"},"metadata":{"x-a":["1","2"]}}',
    'NOT_FOUND (5) gone x-a=1 x-a=2',
  ],
  ['{"error":{"code":"odd"}}', 'UNKNOWN (2)'],
  ['{"metadata":{"x":{"toString":1}}}', 'OK (0) x='],
  ['[]', undefined],
  ['{', undefined],
];
for (const [json, shown] of ENDS) {
  test(`the end of a Connect stream: ${json}`, () => {
    const end = readConnectEnd(Buffer.from(json));
    const parts = end === undefined ? undefined : [statusText(end.status), end.status.message];
    const fields = end?.metadata.map(([name, value]) => `${name}=${value}`) ?? [];
    equal(
      parts === undefined ? undefined : [...parts, ...fields].filter((part) => part !== '').join(' '),
      shown,
    );
  });
}
