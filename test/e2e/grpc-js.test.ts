import { deepEqual, equal, match } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { SHOP_DESCRIPTORS } from '../../src/compare/protobuf/fixture.ts';
import type { MirrorStatus } from '../../src/model/status.ts';
import { openCopyServer } from '../fixtures/copy-server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { BIG_METADATA, openGrpcClient, orderMessage, startGrpcService } from '../fixtures/grpc-service.ts';
import type { CallOutcome, GrpcClient } from '../fixtures/grpc-service.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const WRITES = { writes: 'mirror', compare: { gate: quickGate() } };
const ROUNDS = 5;

/** A call of each kind. */
async function callAll(client: GrpcClient): Promise<readonly CallOutcome[]> {
  return Promise.all([
    client.call('Get', ['order']),
    client.call('Cancel', ['order']),
    client.call('List', [orderMessage('all')]),
    client.call('Add', [orderMessage('a'), orderMessage('b'), orderMessage('c'.repeat(100_000))]),
    client.call('Talk', ['one', 'two', 'three']),
    client.call('Get', ['missing']),
    client.call('List', ['missing']),
    client.call('Get', ['big'], { metadata: { 'x-token': 'big token', 'x-big': BIG_METADATA } }),
    client.call('Get', ['order'], { deadlineMs: 60_000 }),
  ]);
}

const CALLS = ROUNDS * 9;

async function mirrorWhen(
  understudy: Understudy,
  what: string,
  holds: (mirror: MirrorStatus) => boolean,
): Promise<MirrorStatus> {
  return eventually(what, async () => {
    const [mirror] = (await understudy.policy()).mirrors;
    return mirror !== undefined && holds(mirror) && mirror;
  });
}

test('grpc-js: calls of every kind are what they are without understudy, and mirror and control agree', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  await using control = await startGrpcService();
  using direct = openGrpcClient(primary.port);
  const expected = await callAll(direct);
  deepEqual(
    expected.map(({ code, messages }) => [code, messages.length]),
    [
      [0, 1],
      [0, 1],
      [0, 3],
      [0, 1],
      [0, 3],
      [status.NOT_FOUND, 0],
      [status.NOT_FOUND, 0],
      [0, 1],
      [0, 1],
    ],
  );
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { ...WRITES, control: { url: control.url } } }),
  });
  const client = openGrpcClient(await understudy.port());
  for (let round = 0; round < ROUNDS; round++) deepEqual(await callAll(client), expected);
  client[Symbol.dispose]();
  await eventually('every call is compared', async () => {
    const [judged] = (await verdictOf(understudy)).mirrors;
    return judged?.pairs.compared === CALLS && judged.pairs.referenced === CALLS;
  });
  const [judged] = (await verdictOf(understudy)).mirrors;
  deepEqual([judged?.findings, judged?.pairs.same], [[], CALLS]);
  for (const { calls } of [mirror, control]) {
    const of = (name: string) => calls.filter(({ rpc }) => rpc === name);
    deepEqual(
      of('Add').map(({ requests }) => requests.map(({ length }) => length)),
      primary.calls
        .filter(({ rpc }) => rpc === 'Add')
        .slice(1)
        .map(({ requests }) => requests.map(({ length }) => length)),
    );
    equal(calls.filter(({ token }) => token === 'big token').length, ROUNDS);
    equal(calls.filter(({ limited }) => limited).length, ROUNDS);
  }
  const { code, result } = await understudy.stop();
  deepEqual([code, result.requests, result.incomplete], [0, { http1: 0, http2: CALLS }, 0]);
});

test('grpc-js: a changed value, status and number of messages are exactly these findings', async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file('shop.binpb'), SHOP_DESCRIPTORS);
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService('changed');
  const policy = (name: string, protobuf: object) => ({
    name,
    writes: 'mirror',
    mirrors: [{ name: 'v2', url: mirror.url }],
    compare: { gate: quickGate(), protobuf },
  });
  await using understudy = await startUnderstudy({
    config: {
      ...oneTap(primary.url),
      policies: [policy('typed', { descriptors: [folder.file('shop.binpb')] }), policy('untyped', {})],
    },
  });
  using direct = openGrpcClient(primary.port);
  using client = openGrpcClient(await understudy.port());
  const expected = await callAll(direct);
  for (let round = 0; round < ROUNDS; round++) deepEqual(await callAll(client), expected);
  const findings = (name: string): Promise<readonly string[]> =>
    eventually('every call is compared', async () => {
      const [judged] = (await verdictOf(understudy, name)).mirrors;
      if (judged?.pairs.compared !== CALLS) return false;
      return judged.findings
        .map(({ route, kind, path, mirrorOnly }) => `${route} ${kind} ${path} ${mirrorOnly}`)
        .toSorted();
    });
  deepEqual(await findings('typed'), [
    `POST /shop.Orders/Cancel status grpc.status ${ROUNDS}`,
    `POST /shop.Orders/Get value body.items[].price ${3 * ROUNDS}`,
    `POST /shop.Orders/List length body ${ROUNDS}`,
  ]);
  deepEqual(await findings('untyped'), [
    `POST /shop.Orders/Cancel status grpc.status ${ROUNDS}`,
    `POST /shop.Orders/Get value body.#6.#3 ${3 * ROUNDS}`,
    `POST /shop.Orders/List length body ${ROUNDS}`,
  ]);
});

test('grpc-js: a copy has the deadline of its call, and ends with it where the mirror does not', async () => {
  await using primary = await startGrpcService();
  await using mirror = await openCopyServer('h2c', () => undefined);
  const limits = { timeout: '30s' };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, `h2c://127.0.0.1:${mirror.port}`, { policy: { ...WRITES, limits } }),
  });
  using client = openGrpcClient(await understudy.port());
  equal((await client.call('Get', ['order'], { deadlineMs: 1500 })).code, status.OK);
  await mirrorWhen(understudy, 'the copy ends', ({ failures }) => failures.timeout === 1);
  await eventually('the mirror knows it', () => mirror.aborted === 1);
  match(new Map(mirror.seen[0]?.fields).get('grpc-timeout') ?? '', /^\d+[mun]$/);
});

test('grpc-js: a deadline that is over ends the call at the primary and at the mirror', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: WRITES }),
  });
  using client = openGrpcClient(await understudy.port());
  equal((await client.call('Get', ['wait'], { deadlineMs: 500 })).code, status.DEADLINE_EXCEEDED);
  await eventually('both are told', () =>
    [primary, mirror].every(({ calls }) => calls[0]?.limited === true && calls[0].cancelled),
  );
  await mirrorWhen(understudy, 'nothing is left', ({ inFlight }) => inFlight === 0);
});

test('grpc-js: a call that the client cancels is cancelled at the mirror', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: WRITES }),
  });
  using client = openGrpcClient(await understudy.port());
  const cancel = eventually('both have the call', () =>
    [primary, mirror].every(({ calls }) => calls[0]?.requests.length === 1),
  );
  const cancelled = await client.call('List', ['wait'], { cancel });
  equal(cancelled.code, status.CANCELLED);
  await eventually('both are told', () =>
    [primary, mirror].every(({ calls }) => calls[0]?.cancelled === true),
  );
  equal((await client.call('Get', ['order'])).code, status.OK);
  const v2 = await mirrorWhen(understudy, 'the next call is compared', ({ pairs }) => pairs.same === 1);
  deepEqual([v2.inFlight, v2.pairs.different], [0, 0]);
});
