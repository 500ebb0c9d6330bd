import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { NO_PRIMARY, testInstance } from '../../test/fixtures/instance-data.ts';
import { openHangingPort } from '../../test/fixtures/hanging-port.ts';
import { mirrorSettings } from '../../test/fixtures/mirror-driver.ts';
import { GET, OK } from '../../test/fixtures/observed-tap.ts';
import type { Logger } from '../kit/log.ts';
import { createTapeTrack, TapeWriter } from '../live/tape-writer.ts';
import { testMatch, testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import type { ObserverSettings } from '../model/settings.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Tape } from '../model/tape.ts';
import { ObserverPool } from './observer-pool.ts';
import { mergeReports } from './reports.ts';

const SETTINGS: ObserverSettings = {
  perWorker: 1,
  tapeBytes: 256 * 1024,
  heapBytes: 128 * 2 ** 20,
  stallMs: 5000,
  headBytes: 64 * 1024,
  connections: 100,
  nice: 0,
};
const NOTE = {
  sourceIp: '10.0.0.1',
  sourcePort: 4000,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: false,
  principal: '',
};
/** On which an observer fails: a pattern that the configuration would have refused. */
const POISON = testPolicy({
  name: 'poison',
  matches: [testMatch({ path: { type: 'RegularExpression', value: '(' } })],
});
const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silent,
};

function openPool(policies: readonly Policy[], settings: Partial<ObserverSettings> = {}, liveWorkers = 1) {
  const replaced: { readonly worker: number; readonly reason: string; readonly atMs: number }[] = [];
  const pool = new ObserverPool({
    tap: 'test',
    liveWorkers,
    settings: { ...SETTINGS, ...settings },
    connections: 100,
    instance: testInstance(),
    primary: NO_PRIMARY,
    policies,
    paused: [],
    onReplaced: (worker, _observer, reason) => replaced.push({ worker, reason, atMs: performance.now() }),
    onBreaker: () => {},
    onJudged: () => {},
    log: silent,
  });
  return {
    pool,
    replaced,
    tape: (worker = 0): Tape => pool.tapesOf(worker)[0] ?? assert.fail('no tape'),
    requests: () => mergeReports(pool.reports).counts.http1Requests,
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

/** One connection with this many exchanges, and its end. */
function writeExchanges(tape: Tape, count: number, id = 1): void {
  const writer = new TapeWriter(tape);
  const track = createTapeTrack(id, 0, () => NOTE);
  writer.open(track, 1);
  for (let i = 0; i < count; i++) {
    writer.data(track, FROM_CLIENT, Buffer.from(GET(`/${i}`)), 2);
    writer.data(track, FROM_PRIMARY, Buffer.from(OK()), 3);
  }
  writer.close(track, undefined, 4);
}

test('each live worker has its observers, each of these a tape', async () => {
  await using pool = openPool([testPolicy()], { perWorker: 2 }, 3);
  const tapes = [0, 1, 2].flatMap((worker) => pool.pool.tapesOf(worker));
  assert.equal(new Set(tapes.map(({ id }) => id)).size, 6);
  assert.equal(pool.pool.tape.capacityBytes, 6 * SETTINGS.tapeBytes);
});

test('what is on the tapes is counted', async () => {
  await using pool = openPool([testPolicy()], {}, 2);
  writeExchanges(pool.tape(0), 3);
  writeExchanges(pool.tape(1), 4);
  await eventually('all are seen', () => pool.requests() === 7);
  assert.equal(pool.pool.tape.usedBytes, 0);
});

test('an observer that fails is replaced, has a new tape, and what it had counted remains', async () => {
  await using pool = openPool([testPolicy()]);
  const before = pool.tape();
  writeExchanges(before, 3);
  await eventually('it has told', () => pool.requests() === 3);
  pool.pool.setPolicies([POISON], []);
  await eventually('it is replaced', () => pool.replaced.length > 0);
  pool.pool.setPolicies([testPolicy()], []);
  assert.notEqual(pool.tape().id, before.id);
  assert.equal(pool.replaced[0]?.worker, 0);
  assert.equal(pool.requests(), 3);
  await eventually('one that does not fail is there', () => pool.pool.status[0]?.state === 'running');
  writeExchanges(pool.tape(), 4);
  await eventually('it goes on', () => pool.requests() === 7);
  assert.equal(pool.pool.restarts, pool.replaced.length);
});

test('one that fails again and again is started less and less often', async () => {
  await using pool = openPool([POISON]);
  await eventually('it has failed five times', () => pool.replaced.length >= 5);
  const times = pool.replaced.map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
  // The first restart is immediate, then the delay doubles from 100 ms, less a quarter by chance.
  for (const [index, least] of [0, 75, 150, 300].entries())
    assert.ok((gaps[index] ?? 0) >= least, `${gaps.map(Math.round)}`);
});

test('an observer with nothing to read does not stall', async () => {
  await using pool = openPool([testPolicy()], { stallMs: 300 });
  await eventually('it runs', () => pool.pool.status[0]?.state === 'running');
  writeExchanges(pool.tape(), 1);
  await eventually('it has been read', () => pool.requests() === 1);
  assert.deepEqual([pool.replaced.length, pool.pool.tape.usedBytes], [0, 0]);
});

test('draining reads what is there, tells it, and ends', async () => {
  await using pool = openPool([testPolicy()]);
  writeExchanges(pool.tape(), 500);
  await pool.pool.drain(10_000);
  assert.equal(pool.requests(), 500);
  assert.equal(pool.replaced.length, 0);
});

test('draining does not wait longer than it is told to', async () => {
  await using hanging = await openHangingPort();
  const { limits } = testPolicy();
  const slow = testPolicy({
    limits: { ...limits, timeoutMs: 600_000 },
    mirrors: [mirrorSettings(hanging.port)],
  });
  await using pool = openPool([slow]);
  writeExchanges(pool.tape(), 1);
  await eventually(
    'the copy is under way',
    () => mergeReports(pool.pool.reports).policies[0]?.mirrors[0]?.inFlight === 1,
  );
  const start = performance.now();
  await pool.pool.drain(300);
  const lasted = performance.now() - start;
  assert.ok(lasted >= 290 && lasted < 10_000, `${lasted}`);
});
