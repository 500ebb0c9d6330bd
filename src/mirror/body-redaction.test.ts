import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { MessageRedaction } from '../model/message-redaction.ts';
import type { Redaction } from '../model/policy.ts';
import { prefixed } from '../wire/grpc/message-reader.ts';
import { createBodyRedaction, queryMessage } from './body-redaction.ts';

const REDACT: Redaction = { headers: [], queryParams: [], jsonFields: ['pin'] };
/** Knows one method, whose messages are texts in which `pin` is secret. */
const MESSAGES: MessageRedaction = {
  of: (path, _side, typeName) =>
    path === '/shop.Orders/Get' || typeName === 'shop.Order'
      ? (message) => {
          const text = message.toString();
          if (text === 'broken') return undefined;
          return text.includes('pin') ? Buffer.from(text.replace('pin', '***')) : message;
        }
      : undefined,
};

function redaction(side: 'request' | 'answer' = 'request', unknownMessages: 'hold' | 'copy' = 'hold') {
  const redact = { ...REDACT, unknownMessages };
  return createBodyRedaction({ redact, messages: MESSAGES, side, messageBytes: 1000 });
}

function head(type: string, path = '/shop.Orders/Get', more: Readonly<Record<string, string>> = {}) {
  const fields: Readonly<Record<string, string>> = { 'content-type': type, ...more };
  return { path, header: (name: string) => fields[name] };
}

const GZIP = { 'grpc-encoding': 'gzip' };
const TREATMENTS: readonly (readonly [
  type: string,
  path: string,
  more: Readonly<Record<string, string>>,
  kind: string,
])[] = [
  ['application/grpc', '/shop.Orders/Get', {}, 'transform'],
  ['application/grpc+proto', '/shop.Orders/Get', GZIP, 'transform'],
  ['application/grpc', '/shop.Orders/Other', {}, 'refuse'],
  ['application/grpc+thrift', '/shop.Orders/Get', {}, 'refuse'],
  ['application/grpc', '/shop.Orders/Get', { 'content-encoding': 'gzip' }, 'refuse'],
  ['application/grpc+json', '/shop.Orders/Other', {}, 'transform'],
  ['application/grpc-web', '/shop.Orders/Get', {}, 'transform'],
  ['application/grpc-web-text+proto', '/shop.Orders/Get', {}, 'collect'],
  ['application/connect+proto', '/shop.Orders/Get', {}, 'transform'],
  ['application/connect+json', '/a/B', {}, 'transform'],
  ['application/proto', '/shop.Orders/Get', {}, 'collect'],
  ['application/proto', '/shop.Orders/Get', { 'content-encoding': 'gzip' }, 'refuse'],
  ['application/x-protobuf', '/orders', {}, 'refuse'],
  ['application/x-protobuf; messageType=shop.Order', '/orders', {}, 'collect'],
  ['application/vnd.google.protobuf', '/orders', {}, 'refuse'],
  ['application/vnd.shop+protobuf; charset=x', '/orders', {}, 'refuse'],
  ['application/json', '/orders', {}, 'collect'],
  ['application/octet-stream', '/orders', {}, 'stream'],
];

for (const [type, path, more, kind] of TREATMENTS) {
  test(`${type} of ${path} ${JSON.stringify(more)}: ${kind}`, () => {
    equal(redaction()?.treatment(head(type, path, more)).kind, kind);
    const copied = redaction('request', 'copy')?.treatment(head(type, path, more)).kind;
    equal(copied, kind === 'refuse' ? 'stream' : kind);
  });
}

const compressed = prefixed(gzipSync('my pin'), 1);
const unchanged = prefixed(gzipSync('my name'), 1);
const BODIES: readonly (readonly [what: string, type: string, body: Buffer, after: Buffer | undefined])[] = [
  [
    'messages',
    'application/grpc',
    Buffer.concat([prefixed(Buffer.from('my pin')), prefixed(Buffer.from('x'))]),
    Buffer.concat([prefixed(Buffer.from('my ***')), prefixed(Buffer.from('x'))]),
  ],
  [
    'compressed ones',
    'application/grpc',
    Buffer.concat([compressed, unchanged]),
    Buffer.concat([prefixed(Buffer.from('my ***')), unchanged]),
  ],
  [
    'JSON',
    'application/grpc+json',
    prefixed(Buffer.from('{"pin":1}')),
    prefixed(Buffer.from('{"pin":"redacted"}')),
  ],
  [
    'texts of gRPC-Web',
    'application/grpc-web-text',
    Buffer.from(prefixed(Buffer.from('my pin')).toString('base64')),
    Buffer.from(prefixed(Buffer.from('my ***')).toString('base64')),
  ],
  ['a message that cannot be read', 'application/grpc', prefixed(Buffer.from('broken')), undefined],
  ['a message that is no JSON', 'application/grpc+json', prefixed(Buffer.from('{')), undefined],
  ['one that is too long', 'application/grpc', prefixed(Buffer.alloc(1001)), undefined],
  [
    'one that is too long when it is decompressed',
    'application/grpc',
    prefixed(gzipSync(Buffer.alloc(1001)), 1),
    undefined,
  ],
  [
    'one that is said to be compressed and is not',
    'application/grpc',
    prefixed(Buffer.from('my pin'), 1),
    undefined,
  ],
  ['flags that nobody knows', 'application/grpc', prefixed(Buffer.from('x'), 4), undefined],
  ['plain HTTP', 'application/proto', Buffer.from('my pin'), Buffer.from('my ***')],
];

for (const [what, type, body, after] of BODIES) {
  test(`${what}: ${after === undefined ? 'not copied' : 'redacted'}`, () => {
    deepEqual(redaction()?.redact(head(type, '/shop.Orders/Get', GZIP), body), after);
  });
}

test('messages are redacted as they come, however they are cut', () => {
  const treatment = redaction()?.treatment(head('application/grpc'));
  if (treatment?.kind !== 'transform') throw new Error('it is');
  const transform = treatment.begin();
  const body = Buffer.concat([prefixed(Buffer.from('my pin')), prefixed(Buffer.from('x'))]);
  const out = [...body].flatMap((byte) => transform.push(Uint8Array.of(byte)) ?? []);
  deepEqual(out.map(String), [prefixed(Buffer.from('my ***')), prefixed(Buffer.from('x'))].map(String));
  equal(transform.atEnd, true);
  transform.push(body.subarray(0, 7));
  equal(transform.atEnd, false);
});

test('what ends an answer stays, and a message that is cut does not', () => {
  const trailers = prefixed(Buffer.from('grpc-status: 0\r\n'), 0x80);
  const body = Buffer.concat([prefixed(Buffer.from('my pin')), trailers]);
  const web = head('application/grpc-web');
  deepEqual(
    redaction('answer')?.redact(web, body),
    Buffer.concat([prefixed(Buffer.from('my ***')), trailers]),
  );
  deepEqual(redaction('answer')?.redact(web, body.subarray(0, -1)), prefixed(Buffer.from('my ***')));
  equal(redaction('request')?.redact(web, body), undefined);
});

test('a message in a query is seen, however its name is written', () => {
  equal(queryMessage('connect=v1&encoding=json&message=%7B%7D'), true);
  equal(queryMessage('%63onnect=v1&mess%61ge=x'), true);
  equal(queryMessage('message=x'), false);
  equal(queryMessage(''), false);
});
