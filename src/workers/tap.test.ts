import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { testInstance } from '../../test/fixtures/instance-data.ts';
import { listenerSettings, openPrimary, readBytes } from '../../test/fixtures/live-listener.ts';
import { GET, OK } from '../../test/fixtures/observed-tap.ts';
import type { Logger } from '../kit/log.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import type { ObserverSettings } from '../model/settings.ts';
import { Tap } from './tap.ts';
import type { TapChange } from './tap.ts';

const OBSERVER: ObserverSettings = {
  perWorker: 1,
  tapeBytes: 256 * 1024,
  heapBytes: 128 * 2 ** 20,
  stallMs: 5000,
  headBytes: 64 * 1024,
  connections: 100,
  nice: 0,
};
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silent,
};

/** A tap in front of a primary that the test plays, and a client's connection through it. */
async function openTap(policies: readonly Policy[]) {
  const primary = await openPrimary();
  const change: TapChange = {
    listener: listenerSettings([primary.place]),
    observer: OBSERVER,
    policies,
    paused: [],
    certificates: undefined,
    primaryPem: undefined,
  };
  const tap = await Tap.start({
    ...change,
    instance: testInstance(),
    onJudged: () => {},
    emit: () => {},
    log: silent,
  });
  const client = net.connect(Number(tap.status().address.split(':')[1]), '127.0.0.1');
  await once(client, 'connect');
  const upstream: Socket = await primary.accept();
  return {
    tap,
    client,
    async exchange(): Promise<void> {
      client.write(GET());
      await readBytes(upstream, GET().length);
      upstream.write(OK());
      await readBytes(client, OK().length);
    },
    reload: (changed: readonly Policy[]) => tap.reload({ ...change, policies: changed }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await tap[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    },
  };
}

test('without a policy nothing is observed, and everything is relayed', async () => {
  await using open = await openTap([]);
  await open.exchange();
  const { observers, requests, connections, tape } = open.tap.status();
  assert.deepEqual([observers, requests.http1, connections.open], [[], 0, 1]);
  assert.equal(tape.capacityBytes, 0);
});

test('what is on the tapes when the last policy goes is counted all the same', async () => {
  await using open = await openTap([testPolicy()]);
  for (let i = 0; i < 20; i++) await open.exchange();
  open.reload([]);
  await eventually('all is counted', () => open.tap.status().requests.http1 === 20);
  assert.equal(open.tap.report.policies[0]?.matched, 20);
});

test('a connection that is taken in by new observers is counted once', async () => {
  await using open = await openTap([]);
  await open.exchange();
  open.reload([testPolicy()]);
  await eventually('the observer runs', () => open.tap.status().observers[0]?.state === 'running');
  await open.exchange();
  await open.exchange();
  await eventually('both are seen', () => open.tap.status().exchanges === 2);
  assert.equal(open.tap.status().resynchronised, 1);
  open.reload([]);
  await eventually('nothing observes', () => open.tap.status().observers.length === 0);
  assert.deepEqual([open.tap.status().resynchronised, open.tap.status().exchanges], [1, 2]);
});
