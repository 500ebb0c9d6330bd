import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { openGrpcClient, startGrpcService } from '../fixtures/grpc-service.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const SERVER_FAULTS = [2, 4, 12, 13, 14, 15];
const CLIENT_FAULTS = [1, 3, 5, 6, 7, 8, 9, 10, 11, 16];

test('grpc-js: each status that a mirror answers counts as what it would be in HTTP', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService('broken');
  const policy = { writes: 'mirror', compare: { gate: quickGate() } };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url, { policy }) });
  using client = openGrpcClient(await understudy.port());
  const codes = [...SERVER_FAULTS, ...CLIENT_FAULTS];
  for (const code of codes) equal((await client.call('Get', [`status ${code}`])).code, 0);
  const v2 = await eventually('all are answered', async () => {
    const [one] = (await understudy.policy()).mirrors;
    return (one?.pairs.different ?? 0) === codes.length && one;
  });
  const { responses, calls, failures, breaker } = v2;
  deepEqual(responses, {
    '1xx': 0,
    '2xx': 0,
    '3xx': 0,
    '4xx': CLIENT_FAULTS.length,
    '5xx': SERVER_FAULTS.length,
  });
  deepEqual([calls?.OK, calls?.UNAVAILABLE, calls?.NOT_FOUND], [0, 1, 1]);
  deepEqual([Object.values(failures).every((count) => count === 0), breaker], [true, 'closed']);
  match(await understudy.metrics(), /understudy_mirror_calls_total\{[^}]*status="UNAVAILABLE"\} 1\n/);
  const route = await eventually('they are judged', async () => {
    const [judged] = (await verdictOf(understudy)).mirrors;
    return judged?.pairs.compared === codes.length && judged.routes[0];
  });
  deepEqual(route.statuses, { '2xx>4xx': CLIENT_FAULTS.length, '2xx>5xx': SERVER_FAULTS.length });
});

test('grpc-js: a mirror whose calls fail is stopped by the kill switch', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService('broken');
  const stopWhen = { mirrorErrors: '50%', window: '10s', minimum: 10 };
  const policy = { writes: 'mirror', stopWhen };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url, { policy }) });
  using client = openGrpcClient(await understudy.port());
  for (let i = 0; i < 20; i++) equal((await client.call('Get', ['order'])).code, 0);
  const reason = await eventually('it is paused', async () => {
    const { state } = await understudy.policy();
    return state.kind === 'paused' && state.reason;
  });
  match(reason, /100 % of 20 copies failed \(0\) or were answered with 5xx \(20\)/);
});

test('grpc-js: a mirror that does not find what is asked for is none that fails', async () => {
  await using primary = await startGrpcService();
  await using mirror = await startGrpcService('broken');
  const stopWhen = { mirrorErrors: '50%', window: '10s', minimum: 10 };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', stopWhen } }),
  });
  using client = openGrpcClient(await understudy.port());
  for (let i = 0; i < 20; i++) equal((await client.call('Get', ['status 5'])).code, 0);
  await eventually('all are answered', async () => {
    const [one] = (await understudy.policy()).mirrors;
    return one?.responses['4xx'] === 20;
  });
  equal((await understudy.policy()).state.kind, 'running');
});
