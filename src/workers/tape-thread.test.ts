import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { NO_PRIMARY, testInstance } from '../../test/fixtures/instance-data.ts';
import { mirrorSettings, openRawServer } from '../../test/fixtures/mirror-driver.ts';
import { GET, OK, POST } from '../../test/fixtures/observed-tap.ts';
import { createTapeTrack, TapeWriter } from '../live/tape-writer.ts';
import { testMatch, testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import { createTape, FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import { TapeThread } from './tape-thread.ts';

const NOTE = {
  sourceIp: '10.0.0.1',
  sourcePort: 4000,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: false,
  principal: '',
};

/** An observer in this thread, and the writer of its tape. */
function openObserver(policies: readonly Policy[], paused: readonly string[] = []) {
  const tape = createTape(1, 256 * 1024, 10);
  const tapeThread = new TapeThread({
    tap: 'test',
    tape,
    settings: {
      perWorker: 1,
      tapeBytes: tape.ringBytes,
      heapBytes: 2 ** 27,
      stallMs: 5000,
      headBytes: 4096,
      connections: 10,
      nice: 0,
    },
    policies,
    paused,
    connections: 10,
    idPrefix: 'x',
    instance: testInstance(),
    primary: NO_PRIMARY,
  });
  tapeThread.start();
  const { thread } = tapeThread;
  const writer = new TapeWriter(tape);
  const track = createTapeTrack(1, 0, () => NOTE);
  writer.open(track, 1);
  let seen = 0;
  return {
    thread,
    /** Resolves when the exchange has been seen. */
    async exchange(request: string, answer = OK()): Promise<void> {
      writer.data(track, FROM_CLIENT, Buffer.from(request), 2);
      writer.data(track, FROM_PRIMARY, Buffer.from(answer), 3);
      seen++;
      await eventually('it is seen', () => thread.report().counts.exchanges === seen);
    },
    policy: (name = 'test') => thread.report().policies.find((policy) => policy.name === name),
    [Symbol.asyncDispose]: () => tapeThread.drain(),
  };
}

function answering() {
  return openRawServer({
    data(socket, received) {
      if (received.endsWith('\r\n\r\n')) socket.write(OK());
    },
  });
}

test('exchanges are copied, compared and counted', async () => {
  await using server = await answering();
  await using observer = openObserver([testPolicy({ mirrors: [mirrorSettings(server.port)] })]);
  await observer.exchange(GET());
  await observer.exchange(POST('/', 'x'));
  const policy = await eventually('the pair is compared', () => {
    const found = observer.policy();
    return found?.mirrors[0]?.pairs.same === 1 ? found : undefined;
  });
  assert.deepEqual([policy.matched, policy.sampled, policy.mirrors[0]?.mirrored], [2, 2, 1]);
  assert.equal(policy.mirrors[0]?.notMirrored.unsafe_method, 1);
  assert.deepEqual(
    observer.thread.report().durations.map(({ role, histogram }) => [role, histogram.count]),
    [
      ['primary', 2],
      ['mirror', 1],
    ],
  );
});

test('a control is reported by itself', async () => {
  await using server = await answering();
  const control = { ...mirrorSettings(server.port), name: 'control' };
  await using observer = openObserver([testPolicy({ mirrors: [mirrorSettings(server.port)], control })]);
  await observer.exchange(GET());
  await eventually('both are compared', () => observer.policy()?.control?.pairs.same === 1);
  assert.equal(observer.policy()?.mirrors.length, 1);
});

test('a paused policy copies nothing until it is resumed', async () => {
  await using server = await answering();
  const policies = [testPolicy({ mirrors: [mirrorSettings(server.port)] })];
  await using observer = openObserver(policies, ['test']);
  await observer.exchange(GET());
  assert.equal(observer.policy()?.mirrors[0]?.notMirrored.paused, 1);
  observer.thread.setPaused([]);
  await observer.exchange(GET());
  await eventually('it is copied', () => observer.policy()?.mirrors[0]?.mirrored === 1);
});

test('policies that stay the same go on with their connections', async () => {
  await using server = await answering();
  const policy = testPolicy({ mirrors: [mirrorSettings(server.port)] });
  await using observer = openObserver([policy]);
  await observer.exchange(GET());
  await eventually('it is answered', () => observer.policy()?.mirrors[0]?.responses['2xx'] === 1);
  observer.thread.setPolicies([testPolicy({ name: 'other' }), structuredClone(policy)], []);
  await observer.exchange(GET());
  await eventually('it is answered', () => observer.policy()?.mirrors[0]?.responses['2xx'] === 2);
  assert.equal(server.sockets.length, 1);
});

test('what a policy has counted outlasts a change of it', async () => {
  await using server = await answering();
  const mirrors = [mirrorSettings(server.port)];
  await using observer = openObserver([testPolicy({ mirrors })]);
  await observer.exchange(GET());
  await observer.exchange(POST('/', 'x'));
  await eventually('it is compared', () => observer.policy()?.mirrors[0]?.pairs.same === 1);
  const matches = [testMatch({ path: { type: 'PathPrefix', value: '/' } })];
  observer.thread.setPolicies([testPolicy({ mirrors, matches })], []);
  await observer.exchange(GET());
  await eventually('it is compared', () => observer.policy()?.mirrors[0]?.pairs.same === 2);
  const policy = observer.policy();
  assert.deepEqual([policy?.matched, policy?.sampled, policy?.mirrors[0]?.mirrored], [3, 3, 2]);
  assert.equal(policy?.mirrors[0]?.notMirrored.unsafe_method, 1);
  const primary = observer.thread.report().durations.find(({ role }) => role === 'primary');
  assert.equal(primary?.histogram.count, 3);
});

test('a copy that is cut off by a change of its policy is counted as failed', async () => {
  await using server = await openRawServer({});
  const mirrors = [mirrorSettings(server.port)];
  await using observer = openObserver([testPolicy({ mirrors })]);
  await observer.exchange(GET());
  await server.untilReceived(0, /\r\n\r\n$/);
  observer.thread.setPolicies([testPolicy({ mirrors, writes: 'mirror' })], []);
  await eventually('it is counted', () => observer.policy()?.mirrors[0]?.failures.shutdown === 1);
  assert.equal(observer.policy()?.mirrors[0]?.pairs.incomplete, 1);
  assert.equal(observer.policy()?.mirrors[0]?.inFlight, 0);
});
