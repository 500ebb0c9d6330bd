import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import type { ReflectionStatus } from '../../src/model/status.ts';
import { createAuthority } from '../fixtures/certificates.ts';
import { eventually } from '../fixtures/eventually.ts';
import { openGrpcClient, startGrpcService } from '../fixtures/grpc-service.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const CALLS = 20;

async function reflectionOf(understudy: Understudy): Promise<ReflectionStatus | undefined> {
  return (await understudy.policy()).reflection;
}

/**
 * Calls until so many calls are compared; observers learn a moment later than main what a server has told, and what they
 * compare before that does not count. Resolves with the findings, each of which has to be in every pair.
 */
async function callAndCompare(understudy: Understudy): Promise<readonly string[]> {
  using client = openGrpcClient(await understudy.port());
  return eventually('calls are compared', async () => {
    equal((await client.call('Get', ['order'])).code, 0);
    const [judged] = (await verdictOf(understudy)).mirrors;
    const compared = judged?.pairs.compared ?? 0;
    if (judged === undefined || compared < CALLS) return false;
    deepEqual(
      judged.findings.map(({ mirrorOnly }) => mirrorOnly),
      [compared],
    );
    return judged.findings.map(({ route, kind, path }) => `${route} ${kind} ${path}`);
  });
}

test('two versions that differ in a field: what the primary tells of itself gives the field its name, and says that the call is no write', async () => {
  await using primary = await startGrpcService('same', { reflection: ['v1', 'v1alpha'] });
  await using mirror = await startGrpcService('changed');
  const compare = { gate: quickGate(), protobuf: { reflection: 'primary' } };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'hold', compare } }),
  });
  await eventually(
    'the primary has told',
    async () => (await reflectionOf(understudy))?.state === 'answered',
  );
  deepEqual(await callAndCompare(understudy), ['POST /shop.Orders/Get value body.items[].price']);
});

test('a server that does not tell is a warning and a count, and fields go by their numbers', async () => {
  await using primary = await startGrpcService('same');
  await using mirror = await startGrpcService('changed');
  const compare = { gate: quickGate(), protobuf: { reflection: mirror.url } };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', compare } }),
  });
  const { state, error } = await eventually('it was asked', async () => {
    const status = await reflectionOf(understudy);
    return status !== undefined && status.failures > 0 && status;
  });
  deepEqual([state, error], ['waiting', 'it has no server reflection']);
  match(await understudy.metrics(), /understudy_reflection_failures_total\{policy="[^"]+"\} [1-9]/);
  deepEqual(await callAndCompare(understudy), ['POST /shop.Orders/Get value body.#6.#3']);
});

test('what was compared by numbers is not counted with what is compared by names', async () => {
  await using primary = await startGrpcService('same');
  await using mirror = await startGrpcService('changed');
  const compare = { gate: quickGate(), protobuf: { reflection: { from: primary.url, timeout: '1s' } } };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', compare } }),
  });
  deepEqual(await callAndCompare(understudy), ['POST /shop.Orders/Get value body.#6.#3']);
  const { port } = primary;
  await primary[Symbol.asyncDispose]();
  await using _ = await startGrpcService('same', { reflection: ['v1'], port });
  await eventually('it tells now', async () => (await reflectionOf(understudy))?.state === 'answered');
  deepEqual(await callAndCompare(understudy), ['POST /shop.Orders/Get value body.items[].price']);
});

test('a primary is asked over TLS as the listener says', async () => {
  using authority = createAuthority();
  const { cert, key } = authority.issue('server', { ips: ['127.0.0.1'] });
  const security = ServerCredentials.createSsl(null, [
    { cert_chain: readFileSync(cert), private_key: readFileSync(key) },
  ]);
  await using primary = await startGrpcService('same', { reflection: ['v1'], security });
  const config = oneTap(`https://127.0.0.1:${primary.port}`, 'http://127.0.0.1:9', {
    policy: { compare: { protobuf: { reflection: 'primary' } } },
    listener: { primary: { endpoints: [`https://127.0.0.1:${primary.port}`], tls: { ca: authority.ca } } },
  });
  await using understudy = await startUnderstudy({ config });
  await eventually(
    'the primary has told',
    async () => (await reflectionOf(understudy))?.state === 'answered',
  );
});
