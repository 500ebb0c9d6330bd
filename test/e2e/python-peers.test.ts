import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { missingPython, runPython, startPython } from '../fixtures/python.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const OPTIONS = { skip: missingPython };
const ROUNDS = 3;
const CALLS = 6 * ROUNDS;

function findingsOf(understudy: Understudy, pairs: number): Promise<readonly string[]> {
  return eventually(`${pairs} pairs are compared`, async () => {
    const [mirror] = (await verdictOf(understudy)).mirrors;
    return (
      mirror?.pairs.compared === pairs &&
      mirror.findings
        .map(({ route, kind, path, mirrorOnly }) => `${route} ${kind} ${path} ${mirrorOnly}`)
        .toSorted()
    );
  });
}

for (const [version, findings] of [
  ['same', []],
  [
    'changed',
    [`POST /shop.Orders/Get value body.#1 ${2 * ROUNDS}`, `POST /shop.Orders/List length body ${ROUNDS}`],
  ],
] as const) {
  test(
    `grpcio: calls of every kind, and a mirror that is ${version === 'same' ? 'the same' : 'another version'}`,
    OPTIONS,
    async () => {
      await using primary = await startPython('grpc_peer.py', 'same', 'serve');
      await using mirror = await startPython('grpc_peer.py', version, 'serve');
      const policy = { writes: 'mirror', compare: { gate: quickGate() } };
      const urls = [primary, mirror].map(({ port }) => `h2c://127.0.0.1:${port}`);
      await using understudy = await startUnderstudy({
        config: oneTap(urls[0] ?? '', urls[1], { policy }),
      });
      const port = String(await understudy.port());
      const [direct, live] = await Promise.all([
        runPython('grpc_peer.py', 'call', String(primary.port), String(ROUNDS)),
        runPython('grpc_peer.py', 'call', port, String(ROUNDS)),
      ]);
      equal(live.length, CALLS);
      deepEqual(live, direct);
      deepEqual(await findingsOf(understudy, CALLS), findings);
      const { result } = await understudy.stop();
      deepEqual([result.requests.http2, result.mirrored, result.incomplete], [CALLS, CALLS, 0]);
    },
  );
}

for (const [version, findings] of [
  ['same', []],
  ['changed', ['GET /orders type body[].total 1']],
] as const) {
  test(
    `websockets: client and servers, and a mirror that is ${version === 'same' ? 'the same' : 'another version'}`,
    OPTIONS,
    async () => {
      await using primary = await startPython('websocket_server.py', 'same');
      await using mirror = await startPython('websocket_server.py', version);
      const policy = { upgrade: 'mirror', compare: { gate: quickGate() } };
      const urls = [primary, mirror].map(({ port }) => `http://127.0.0.1:${port}`);
      await using understudy = await startUnderstudy({
        config: oneTap(urls[0] ?? '', urls[1], { policy }),
      });
      const [direct, live] = await Promise.all([
        runPython('websocket_client.py', String(primary.port)),
        runPython('websocket_client.py', String(await understudy.port())),
      ]);
      deepEqual(live, direct);
      match(JSON.stringify(live.at(-1)), /^\[1000,"done","permessage-deflate/);
      deepEqual(await findingsOf(understudy, 1), findings);
    },
  );
}
