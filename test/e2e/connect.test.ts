import { deepEqual, equal } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { SHOP_DESCRIPTORS } from '../../src/compare/protobuf/fixture.ts';
import { CONNECT_PROTOCOLS, openConnectClient, startConnectService } from '../fixtures/connect-service.ts';
import type { OrdersClient } from '../fixtures/connect-service.ts';
import { eventually } from '../fixtures/eventually.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

/** A call of each kind; what it was answered, or how it failed. */
async function callAll(client: OrdersClient): Promise<readonly unknown[]> {
  const list = async (sku: string): Promise<unknown> => {
    const found: unknown[] = [];
    try {
      for await (const order of client.list({ sku })) found.push(order);
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      found.push([code, rawMessage]);
    }
    return found;
  };
  const get = (sku: string): Promise<unknown> =>
    client.get({ sku }).catch((error: unknown) => {
      const { code, rawMessage } = ConnectError.from(error);
      return [code, rawMessage];
    });
  return [await get('A'), await get('missing'), await list('A'), await list('missing')];
}

const CALLS = 4;

for (const [version, scheme, other] of [
  ['2', 'h2c', '1.1'],
  ['1.1', 'http', '2'],
] as const) {
  const protocols = CONNECT_PROTOCOLS.filter(({ versions }) => versions.includes(version));
  const names = protocols.map(({ name }) => name).join(', ');
  test(`Connect over HTTP/${version}: ${names}, to mirrors of both versions of HTTP`, async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.file('shop.binpb'), SHOP_DESCRIPTORS);
    await using primary = await startConnectService(version, 2);
    await using mirror = await startConnectService(version, 2);
    await using changed = await startConnectService(other, 3);
    const otherScheme = scheme === 'http' ? 'h2c' : 'http';
    const policy = {
      writes: 'mirror',
      mirrors: [
        { name: 'v2', url: `${scheme}://127.0.0.1:${mirror.port}` },
        { name: 'changed', url: `${otherScheme}://127.0.0.1:${changed.port}` },
      ],
      compare: { gate: quickGate(), protobuf: { descriptors: [folder.file('shop.binpb')] } },
    };
    await using understudy = await startUnderstudy({
      config: oneTap(`${scheme}://127.0.0.1:${primary.port}`, 'http://127.0.0.1:1', { policy }),
    });
    const port = await understudy.port();
    for (const { open } of protocols) {
      await using direct = openConnectClient(open, primary.port, version);
      await using live = openConnectClient(open, port, version);
      const expected = await callAll(direct.client);
      deepEqual(await callAll(live.client), expected);
      deepEqual(expected[1], [Code.NotFound, 'no such order']);
    }
    const judged = (name: string) =>
      eventually('every call is compared', async () => {
        const found = (await verdictOf(understudy)).mirrors.find((one) => one.mirror === name);
        return found?.pairs.compared === CALLS * protocols.length && found;
      });
    const same = await judged('v2');
    deepEqual([same.findings, same.pairs.same], [[], CALLS * protocols.length]);
    const { findings } = await judged('changed');
    deepEqual(
      findings.map(({ route, kind, path, mirrorOnly }) => [route, kind, path, mirrorOnly]).toSorted(),
      [
        ['POST /shop.Orders/Get', 'value', 'body.items[].price', protocols.length],
        ['POST /shop.Orders/List', 'value', 'body[].items[].price', protocols.length],
      ],
    );
    const { requests } = (await understudy.stop()).result;
    equal(version === '2' ? requests.http2 : requests.http1, CALLS * protocols.length);
  });
}
