import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { StoreStatus } from '../../src/model/recording.ts';
import { eventually } from '../fixtures/eventually.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, runCommand, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { comparedBy, quickGate, startVersion, verdictOf } from '../fixtures/versions.ts';
import type { Version } from '../fixtures/versions.ts';
import { startVisitors } from '../fixtures/visitors.ts';

const STORE = 'understudy.db';
/** Pauses between two attempts of a store that fails are 1 s, 2 s, 4 s. */
const RECOVERS_WITHIN_MS = 20_000;

const good: Version = ({ path }) => ({ body: { path, currency: 'EUR', filler: 'x'.repeat(400) } });
const bad: Version = ({ path }) => ({ body: { path, filler: 'x'.repeat(400) } });
const browse = (index: number) => ({ path: `/orders/${index}` });

async function storeOf(understudy: Understudy): Promise<StoreStatus> {
  return (await understudy.admin('GET', '/api/v1/store')).body as StoreStatus;
}

async function untilStore(understudy: Understudy, state: StoreStatus['state']): Promise<StoreStatus> {
  return eventually(
    `the store is ${state}`,
    async () => {
      const now = await storeOf(understudy);
      return now.state === state && now;
    },
    RECOVERS_WITHIN_MS,
  );
}

async function untilStored(understudy: Understudy): Promise<void> {
  await eventually(
    'examples are stored',
    async () => {
      const { state, exchanges } = await storeOf(understudy);
      return state === 'open' && exchanges > 0;
    },
    RECOVERS_WITHIN_MS,
  );
}

async function untilMoreCompared(understudy: Understudy): Promise<void> {
  const compared = await comparedBy(understudy);
  await eventually('comparing goes on', async () => (await comparedBy(understudy)) > compared + 50);
}

/** What `understudy verdict --store` says; undefined while there is no verdict in the file. */
async function storedPairs(file: string): Promise<number | undefined> {
  const { code, out } = await runCommand('verdict', '--store', file, '--json');
  if (code !== 1 && code !== 2) return undefined;
  return JSON.parse(out).verdicts[0]?.mirrors[0]?.pairs.compared;
}

test('an instance that is killed goes on from its store; the file can be read all the while', async () => {
  using folder = temporaryFolder();
  const file = folder.file(STORE);
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const policy = { compare: { gate: quickGate() } };
  const config = { ...oneTap(primary.url, mirror.url, { policy }), store: { file } };
  let stored = 0;
  {
    await using understudy = await startUnderstudy({ config, folder: folder.path });
    await using visitors = startVisitors(await understudy.port(), browse);
    stored = await eventually('a verdict is stored', () => storedPairs(file), RECOVERS_WITHIN_MS);
    await visitors.assertServed();
    understudy.signal('SIGKILL');
    await eventually('it is gone', () => !understudy.alive);
  }
  ok(stored > 0);
  stored = (await storedPairs(file)) ?? 0;
  await using understudy = await startUnderstudy({ config, folder: folder.path });
  const taken = await verdictOf(understudy);
  equal(taken.mirrors[0]?.pairs.compared, stored, 'it begins with what was stored');
  deepEqual([taken.state, taken.mirrors[0]?.findings[0]?.path], ['fail', 'body.currency']);
  const finding = taken.mirrors[0]?.findings[0]?.id;
  const { body } = await understudy.admin('GET', `/api/v1/exchanges?finding=${finding}`);
  ok((body as { items: unknown[] }).items.length > 0, 'and with the examples');
  await using visitors = startVisitors(await understudy.port(), browse);
  await eventually('and goes on', async () => (await comparedBy(understudy)) > stored);
  await visitors.assertServed();
  const { code } = await understudy.stop();
  equal(code, 0);
  ok(((await storedPairs(file)) ?? 0) > stored);
});

test('a locked file and a folder that is gone are shown; nobody else notices, and storing goes on', async () => {
  using folder = temporaryFolder();
  const data = folder.file('data');
  mkdirSync(data);
  const file = folder.file(`data/${STORE}`);
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = { ...oneTap(primary.url, mirror.url), store: { file } };
  await using understudy = await startUnderstudy({ config, folder: folder.path });
  await using visitors = startVisitors(await understudy.port(), browse);
  await untilMoreCompared(understudy);

  {
    using other = new DatabaseSync(file, { timeout: 5000 });
    other.exec('BEGIN IMMEDIATE');
    const { error } = await untilStore(understudy, 'failing');
    match(error ?? '', /another program/);
    match(await understudy.metrics(), /^understudy_store_failing 1$/m);
    await untilMoreCompared(understudy);
    other.exec('ROLLBACK');
  }
  await untilStore(understudy, 'open');

  rmSync(data, { recursive: true });
  await untilStore(understudy, 'failing');
  await untilMoreCompared(understudy);
  mkdirSync(data);
  await untilStored(understudy);
  await visitors.assertServed();
  equal((await understudy.stop()).code, 0);
  ok(existsSync(file));
});

test('a corrupt file is set aside at the start', async () => {
  using folder = temporaryFolder();
  const file = folder.file(STORE);
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = { ...oneTap(primary.url, mirror.url), store: { file } };
  {
    await using understudy = await startUnderstudy({ config, folder: folder.path });
    await using visitors = startVisitors(await understudy.port(), browse);
    await untilStored(understudy);
    await visitors.assertServed();
    await understudy.stop();
  }
  truncateSync(file, 20_000);
  await using understudy = await startUnderstudy({ config, folder: folder.path });
  ok(readdirSync(folder.path).some((name) => name.startsWith(`${STORE}.corrupt-`)));
  await using visitors = startVisitors(await understudy.port(), browse);
  await untilMoreCompared(understudy);
  await untilStored(understudy);
  await visitors.assertServed();
});

/** Mounts a file system of 2 MiB there, where this user may. */
function smallDisk(path: string): Disposable | undefined {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path]);
  return status === 0 ? { [Symbol.dispose]: () => spawnSync('umount', ['-l', path]) } : undefined;
}

test('a full disk is shown; nobody else notices, and storing goes on when there is room', async (t) => {
  using folder = temporaryFolder();
  const data = folder.file('data');
  mkdirSync(data);
  using disk = smallDisk(data);
  if (disk === undefined) return t.diagnostic('this user may not mount a small disk');
  const ballast = folder.file('data/ballast');
  const file = folder.file(`data/${STORE}`);
  await using primary = await startVersion('primary', good);
  await using mirror = await startVersion('mirror', bad);
  const config = { ...oneTap(primary.url, mirror.url), store: { file } };
  await using understudy = await startUnderstudy({ config, folder: folder.path });
  fill(ballast);
  await using visitors = startVisitors(await understudy.port(), browse);
  const { error } = await untilStore(understudy, 'failing');
  match(error ?? '', /the disk is full/);
  await untilMoreCompared(understudy);
  rmSync(ballast);
  await untilStored(understudy);
  await visitors.assertServed();
});

/** Writes until there is no room. */
function fill(path: string): void {
  for (let size = 2 ** 21; size >= 4096; size -= 4096) {
    try {
      writeFileSync(path, Buffer.alloc(size));
      return;
    } catch {
      // Less, then.
    }
  }
}
