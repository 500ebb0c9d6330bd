import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Code } from '@connectrpc/connect';
import { createComparer } from '../../src/compare/comparer.ts';
import { SHOP_DESCRIPTORS } from '../../src/compare/protobuf/fixture.ts';
import { DEFAULT_COMPARE } from '../../src/model/compare-settings.ts';
import type { Answer } from '../../src/model/difference.ts';
import { startConnectServer } from '../fixtures/connect-server.ts';
import type { ConnectServer } from '../fixtures/connect-server.ts';

/** What a Connect server sends by gRPC, gRPC-Web and Connect itself. */
const COMPARER = createComparer(
  {
    ...DEFAULT_COMPARE,
    protobuf: { ...DEFAULT_COMPARE.protobuf, descriptors: Buffer.from(SHOP_DESCRIPTORS).toString('base64') },
  },
  { redact: { headers: [], queryParams: [], jsonFields: [] }, recognise: true },
);

let server: ConnectServer;
before(async () => {
  server = await startConnectServer();
});
after(() => server[Symbol.asyncDispose]());

function compared(primary: Answer, other: Answer, method: string): readonly string[] {
  const { differences } = COMPARER.compare(primary, other, 'POST', `POST /shop.Orders/${method}`);
  return differences.map(({ kind, path }) => `${kind} ${path}`);
}

const order = (id: string, price = 1) => ({ id, items: [{ sku: 'a'.repeat(200), price }] });
const GRPC = { 'content-type': 'application/grpc+proto', te: 'trailers' };
const GZIP = { ...GRPC, 'grpc-accept-encoding': 'gzip' };
const WEB = { 'content-type': 'application/grpc-web+proto' };
const CONNECT = { 'content-type': 'application/connect+proto' };
const UNARY = { 'content-type': 'application/proto', 'connect-protocol-version': '1' };
const FAILED = { code: Code.NotFound, message: 'no such order' };

for (const [name, method, headers] of [
  ['gRPC', 'Get', GRPC],
  ['gRPC with gzip', 'Get', GZIP],
  ['gRPC-Web', 'Get', WEB],
  ['unary Connect', 'Get', UNARY],
  ['unary Connect with gzip', 'Get', { ...UNARY, 'accept-encoding': 'gzip' }],
] as const) {
  test(`${name}: a field of the message`, async () => {
    const primary = await server.call(method, headers, [order('first')]);
    deepEqual(compared(primary, await server.call(method, headers, [order('first')]), method), []);
    const other = await server.call(method, headers, [order('first', 2)]);
    deepEqual(compared(primary, other, method), ['value body.items[].price']);
  });
}

for (const [name, headers] of [
  ['gRPC', GRPC],
  ['gRPC-Web', WEB],
  ['Connect', CONNECT],
  ['Connect with JSON', { 'content-type': 'application/connect+json' }],
] as const) {
  test(`${name}: messages of a stream`, async () => {
    const primary = await server.call('List', headers, [order('north'), order('south')]);
    equal(primary.header('content-type'), headers['content-type']);
    const other = await server.call('List', headers, [order('north'), order('east')]);
    deepEqual(compared(primary, other, 'List'), ['value body[].id']);
    deepEqual(compared(primary, await server.call('List', headers, [order('north')]), 'List'), [
      'length body',
    ]);
  });

  test(`${name}: how a stream ends`, async () => {
    const primary = await server.call('List', headers, [order('north')]);
    const failed = await server.call('List', headers, [order('north')], FAILED);
    deepEqual(compared(primary, failed, 'List'), ['status grpc.status']);
    const otherwise = await server.call('List', headers, [order('north')], {
      ...FAILED,
      message: 'it is gone',
    });
    deepEqual(compared(failed, otherwise, 'List'), ['value grpc.message']);
  });
}

test('messages with gzip and without are the same', async () => {
  const [plain, zipped] = [
    await server.call('Get', GRPC, [order('a')]),
    await server.call('Get', GZIP, [order('a')]),
  ];
  ok(Buffer.concat(zipped.body).length < Buffer.concat(plain.body).length);
  deepEqual(compared(plain, zipped, 'Get'), []);
});

function asText(answer: Answer): Answer {
  const bytes = Buffer.concat(answer.body);
  const parts = [bytes.subarray(0, 7), bytes.subarray(7)].map((part) => part.toString('base64'));
  const type = 'application/grpc-web-text+proto';
  return {
    status: answer.status,
    header: (name) => (name === 'content-type' ? type : answer.header(name)),
    headers: () =>
      [...answer.headers()].map(([name, value]) => [name, name === 'content-type' ? type : value]),
    body: parts.map((part) => Buffer.from(part)),
  };
}

test('gRPC-Web as base64 text, in parts', async () => {
  const primary = asText(await server.call('Get', WEB, [order('a')]));
  const other = asText(await server.call('Get', WEB, [order('a', 2)]));
  deepEqual(compared(primary, other, 'Get'), ['value body.items[].price']);
  const failed = asText(await server.call('Get', WEB, [], FAILED));
  deepEqual(compared(primary, failed, 'Get'), ['status grpc.status']);
});
