import { deepEqual, equal } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { SHOP_DESCRIPTORS, shopType } from '../../src/compare/protobuf/fixture.ts';
import { eventually } from '../fixtures/eventually.ts';
import { openGrpcClient, orderMessage, startGrpcService } from '../fixtures/grpc-service.ts';
import { missingPython, runPython } from '../fixtures/python.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate } from '../fixtures/versions.ts';

const ORDER = shopType('Order');
const REDACT = { redact: { jsonFields: ['id', 'sku', 'items.*.sku'] } };
const ITEM = shopType('Item');
const SECRET = 'secret order';

/** What `Get` and `List` are asked with. */
function itemMessage(sku: string): Buffer {
  return Buffer.from(toBinary(ITEM, fromJson(ITEM, { sku, quantity: 2 })));
}

test('grpc-js: what leaves for the mirror has no named field, in any message of a stream', async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file('shop.binpb'), SHOP_DESCRIPTORS);
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  const protobuf = { descriptors: [folder.file('shop.binpb')] };
  const policy = { writes: 'mirror', rewrite: REDACT, compare: { gate: quickGate(), protobuf } };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url, { policy }) });
  using client = openGrpcClient(await understudy.port());
  const order = orderMessage(SECRET);
  equal((await client.call('List', [itemMessage(SECRET)])).code, 0);
  equal((await client.call('Add', [order, order, order])).code, 0);
  equal((await client.call('Talk', [order, order])).messages.length, 2);
  await eventually(
    'all are copied',
    () => mirror.calls.filter(({ requests }) => requests.length > 0).length === 3,
  );
  await eventually('all messages are', () => mirror.calls.flatMap(({ requests }) => requests).length === 6);
  const of = (rpc: string) =>
    mirror.calls.filter((call) => call.rpc === rpc).flatMap(({ requests }) => requests);
  const item = { sku: 'redacted', quantity: 2 };
  deepEqual(
    of('List').map((bytes) => toJson(ITEM, fromBinary(ITEM, bytes))),
    [item],
  );
  const orders = [...of('Add'), ...of('Talk')].map((bytes) => toJson(ORDER, fromBinary(ORDER, bytes)));
  const redacted = { id: 'redacted', items: [{ sku: 'redacted', price: 2 }] };
  deepEqual(
    orders,
    Array.from({ length: 5 }, () => redacted),
  );
  deepEqual(primary.calls.at(-1)?.requests, [order, order]);
  const recorded = await eventually('an example is kept', async () => {
    const { body } = await understudy.admin('GET', '/api/v1/exchanges');
    const { items } = body as { readonly items: readonly { readonly id: string }[] };
    return items.length > 0 && items;
  });
  for (const { id } of recorded) {
    const { body } = await understudy.admin('GET', `/api/v1/exchanges/${id}`);
    const text = JSON.stringify(body);
    equal(text.includes(SECRET) || text.includes(Buffer.from(SECRET).toString('base64').slice(4, 12)), false);
  }
});

test('grpc-js: without descriptors nothing that may hold a named field is copied, and it is counted', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  const policy = { writes: 'mirror', rewrite: REDACT };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url, { policy }) });
  using client = openGrpcClient(await understudy.port());
  for (let i = 0; i < 3; i++) equal((await client.call('Get', [orderMessage(SECRET)])).code, 0);
  await eventually('they are counted', async () => {
    const [v2] = (await understudy.policy()).mirrors;
    return v2?.notMirrored.redaction_failed === 3;
  });
  equal(mirror.calls.length, 0);
});

test('grpcio: compressed messages are redacted too', { skip: missingPython }, async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file('shop.binpb'), SHOP_DESCRIPTORS);
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  const protobuf = { descriptors: [folder.file('shop.binpb')] };
  const policy = { writes: 'mirror', rewrite: REDACT, compare: { protobuf } };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url, { policy }) });
  const order = itemMessage(SECRET.repeat(100));
  await runPython('grpc_peer.py', 'gzip', String(await understudy.port()), order.toString('hex'));
  await eventually('it is copied', () => mirror.calls[0]?.requests.length === 1);
  deepEqual(primary.calls[0]?.requests[0], order);
  deepEqual(mirror.calls[0]?.requests[0]?.includes(SECRET), false);
});
