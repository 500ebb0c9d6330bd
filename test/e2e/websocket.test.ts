import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/model/verdict.ts';
import { eventually } from '../fixtures/eventually.ts';
import { missingPeers } from '../fixtures/peers.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';
import { openSocket, order } from '../fixtures/websocket-client.ts';
import { startWebSocketService } from '../fixtures/websocket-service.ts';

const OPTIONS = { timeout: 60_000, skip: missingPeers('websockets') };
const MIRROR = { upgrade: 'mirror', compare: { gate: quickGate() } };

function findingsOf(understudy: Understudy, pairs: number): Promise<readonly Finding[]> {
  return eventually(`${pairs} pairs are compared`, async () => {
    const [mirror] = (await verdictOf(understudy)).mirrors;
    return mirror !== undefined && mirror.pairs.compared >= pairs && mirror.findings;
  });
}

const shown = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ path, kind, mirrorOnly }) => `${path} ${kind} ${mirrorOnly}`).toSorted();

/** What the findings are when a service of another version is the mirror. */
async function findingsWith(version: string, talk: (port: number) => Promise<unknown> = order) {
  await using primary = await startWebSocketService('same');
  await using mirror = await startWebSocketService(version);
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, {
      policy: { ...MIRROR, limits: { timeout: '1s', streamTimeout: '2s' } },
    }),
  });
  await talk(await understudy.port());
  const findings = await findingsOf(understudy, 1);
  const [v2] = (await understudy.policy()).mirrors;
  return { findings: shown(findings), v2 };
}

test('a WebSocket is copied message for message, and the same version is no finding', OPTIONS, async () => {
  await using primary = await startWebSocketService('same');
  await using mirror = await startWebSocketService('same');
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: MIRROR }),
  });
  const port = await understudy.port();
  const all = await Promise.all(Array.from({ length: 8 }, () => order(port)));
  for (const heard of all) deepEqual(heard.length, 7);
  equal(all[0]?.[6], 'bytes 030201');
  deepEqual(await findingsOf(understudy, 8), []);
  const [v2] = (await understudy.policy()).mirrors;
  deepEqual([v2?.mirrored, v2?.pairs.same, v2?.pairs.different, v2?.inFlight], [8, 8, 0, 0]);
  match(await understudy.metrics(), /understudy_mirrored_total\{[^}]*\} 8\n/);
  equal((await understudy.stop()).code, 0);
});

test('a planted change in one message is exactly that finding', OPTIONS, async () => {
  const { findings, v2 } = await findingsWith('changed');
  deepEqual(findings, ['body[].total type 1']);
  equal(v2?.pairs.different, 1);
});

test('an answer that does not come is a difference in length', OPTIONS, async () => {
  // The last message of the primary has no counterpart, and those before it moved up.
  const { findings } = await findingsWith('short');
  ok(findings.includes('body length 1'), findings.join());
});

test('a mirror that refuses the upgrade is a finding about the status', OPTIONS, async () => {
  deepEqual((await findingsWith('refuses')).findings, ['status status 1']);
});

test('a mirror that closes by itself is a finding about the close', OPTIONS, async () => {
  const { findings } = await findingsWith('quits');
  ok(findings.includes('close.by value 1'), findings.join());
});

test('a close of the server is passed on with its code', OPTIONS, async () => {
  const { findings, v2 } = await findingsWith('same', async (port) => {
    const { socket, closed } = await openSocket(port);
    socket.send('leave');
    equal(await closed, 4000);
  });
  deepEqual([findings, v2?.pairs.same], [[], 1]);
});

test('a stream without end is compared as far as both sides have come', OPTIONS, async () => {
  const { findings, v2 } = await findingsWith('same', async (port) => {
    const { socket, untilHeard } = await openSocket(port);
    socket.send('count');
    await untilHeard(2000);
    socket.close();
  });
  deepEqual([findings, v2?.pairs.incomplete, v2?.failures.timeout], [[], 0, 0]);
});

test('without `upgrade: mirror` a WebSocket is relayed, and not copied', OPTIONS, async () => {
  await using primary = await startWebSocketService('same');
  await using mirror = await startWebSocketService('refuses');
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, mirror.url) });
  equal((await order(await understudy.port())).length, 7);
  const v2 = await eventually('it is counted', async () => {
    const [mirrorStatus] = (await understudy.policy()).mirrors;
    return mirrorStatus?.notMirrored.upgrade === 1 && mirrorStatus;
  });
  equal(v2.mirrored, 0);
});
