import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { openCopyServer } from '../fixtures/copy-server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { openGrpcClient, startGrpcService } from '../fixtures/grpc-service.ts';
import type { GrpcService } from '../fixtures/grpc-service.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const TIMEOUT_MS = 300;

function configOf(primary: string, mirror: string, limits: object = {}): object {
  return oneTap(primary, mirror, {
    policy: {
      writes: 'mirror',
      limits: { timeout: `${TIMEOUT_MS}ms`, ...limits },
      compare: { gate: quickGate() },
    },
  });
}

/** Watches until long after the timeout of a copy, and leaves. */
async function watch(understudy: Understudy, ...services: readonly GrpcService[]): Promise<number> {
  using client = openGrpcClient(await understudy.port());
  const startMs = Date.now();
  const cancel = eventually('both have sent a lot', () =>
    services.every(({ calls }) => (calls[0]?.watched ?? 0) > 50 && Date.now() > startMs + 4 * TIMEOUT_MS),
  );
  const { code, messages } = await client.call('List', ['watch'], { cancel });
  equal(code, status.CANCELLED);
  return messages.length;
}

function compared(understudy: Understudy) {
  return eventually('the call is compared', async () => {
    const [verdict] = (await verdictOf(understudy)).mirrors;
    const [mirror] = (await understudy.policy()).mirrors;
    if (verdict?.pairs.compared !== 1 || mirror === undefined) return undefined;
    return { findings: verdict.findings.map(({ path, kind }) => `${path} ${kind}`), mirror };
  });
}

test('a stream that the client leaves is compared as far as it has come, which is no failure', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService();
  await using understudy = await startUnderstudy({ config: configOf(primary.url, mirror.url) });
  ok((await watch(understudy, primary, mirror)) > 50);
  const { findings, mirror: v2 } = await compared(understudy);
  deepEqual(
    [findings, v2.pairs.same, v2.truncated, v2.failures.timeout, v2.breaker],
    [[], 1, 1, 0, 'closed'],
  );
  await eventually('the mirror is left as well', () => mirror.calls[0]?.cancelled === true);
});

test('a changed field in a message of an open stream is exactly that finding', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService('changed');
  await using understudy = await startUnderstudy({ config: configOf(primary.url, mirror.url) });
  await watch(understudy, primary, mirror);
  const { findings, mirror: v2 } = await compared(understudy);
  deepEqual([findings, v2.failures.timeout], [['body[].#6.#3 value'], 0]);
});

test('while nobody leaves, what came within the limits is compared', async () => {
  for (const limits of [{ streamTimeout: '700ms' }, { bodyBytes: 2000 }]) {
    await using primary = await startGrpcService();
    await using mirror = await startGrpcService();
    await using understudy = await startUnderstudy({ config: configOf(primary.url, mirror.url, limits) });
    using client = openGrpcClient(await understudy.port());
    const { promise, resolve } = Promise.withResolvers<void>();
    const watching = client.call('List', ['watch'], { cancel: promise });
    const { findings, mirror: v2 } = await compared(understudy);
    deepEqual([findings, v2.pairs.same, v2.truncated, v2.inFlight], [[], 1, 1, 0]);
    equal(primary.calls[0]?.cancelled, false, 'the live answer goes on');
    resolve();
    await watching;
  }
});

test('a call that ends and whose mirror hangs is a timeout', async () => {
  await using primary = await startGrpcService();
  await using mirror = await openCopyServer('h2c', () => undefined);
  await using understudy = await startUnderstudy({
    config: configOf(primary.url, `h2c://127.0.0.1:${mirror.port}`),
  });
  using client = openGrpcClient(await understudy.port());
  equal((await client.call('Get', ['order'])).code, status.OK);
  const { findings, mirror: v2 } = await compared(understudy);
  deepEqual([findings, v2.failures.timeout], [['failure.timeout failure'], 1]);
});
