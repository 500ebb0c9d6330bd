import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { FAULT_FILE_VARIABLE } from '../../test/fixtures/thread-fault.ts';
import { createLogger } from '../kit/log.ts';
import type { StoreBatch } from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import {
  differing,
  testAnswer,
  testExchange,
  testMinute,
  testOther,
  testSettings,
  testVerdict,
} from '../store/fixtures.ts';
import { openStoreReader } from '../store/open-store.ts';
import { QUESTIONS_LIMIT, QUEUE_BATCHES, StoreClient } from './store.ts';

const AT = 1_800_000_000_000;

async function start(settings: Partial<StoreSettings> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    format: 'json',
    terminal: false,
    colour: false,
    write: (line) => lines.push(line),
  });
  const client = await StoreClient.start({ settings: testSettings(settings), log });
  return { client, lines, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

function batch(ids: readonly string[]): StoreBatch {
  return { exchanges: ids.map((id) => testExchange(id)), minutes: [testMinute()], verdicts: [] };
}

test('what is written is there, and the sender keeps its bodies', async () => {
  await using started = await start();
  const { client } = started;
  assert.equal(client.status().state, 'open');
  // Small parts of a large buffer, as sockets give them.
  const large = randomBytes(1_000_000);
  const exchange = testExchange('a', {
    primary: testAnswer(large.subarray(100, 4200)),
    others: [testOther({ answer: testAnswer(large.subarray(9000, 9100)) }), testOther({ answer: undefined })],
  });
  client.write({ exchanges: [exchange], minutes: [testMinute()], verdicts: [testVerdict('x')] });
  await client.flush();
  const [stored] = await client.exchange('a');
  assert.equal(Buffer.compare(stored?.primary.body ?? Buffer.alloc(0), large.subarray(100, 4200)), 0);
  assert.equal(
    Buffer.compare(stored?.others[0]?.answer?.body ?? Buffer.alloc(0), large.subarray(9000, 9100)),
    0,
  );
  assert.equal(exchange.primary.body.length, 4100, 'it was not given away');
  assert.equal((await client.exchanges({ limit: 5 })).items.length, 1);
  assert.deepEqual(await client.savedVerdicts(), [testVerdict('x')]);
  assert.deepEqual(await client.minutes('orders', 'v2', AT, AT + 1), [testMinute()]);
  const { file, exchanges, dropped } = client.status();
  assert.deepEqual([file, exchanges, dropped], ['memory', 1, 0]);
});

test('an end writes what waits, and a start takes it up', async () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    await using started = await start({ file });
    for (let i = 0; i < 20; i++) started.client.write(batch([`${i}`]));
    started.client.write({ exchanges: [], minutes: [], verdicts: [testVerdict('last')] });
  }
  await using started = await start({ file });
  assert.equal(started.client.status().exchanges, 20);
  assert.equal((await started.client.savedVerdicts())[0]?.state, 'last');
  using reader = openStoreReader(file);
  assert.equal(reader.reader.minutes('orders', 'v2', AT, AT + 1)[0]?.pairs, 200);
});

test('a file that is not ours fails the start', async () => {
  using folder = temporaryFolder();
  const file = folder.file('notes.txt');
  writeFileSync(file, 'remember the milk');
  await assert.rejects(start({ file }), {
    name: 'UserError',
    code: 'unavailable',
    where: file,
    hint: 'name another file; this one is left as it is',
  });
});

test('a disk that fails is no reason not to start', async () => {
  using folder = temporaryFolder();
  await using started = await start({ file: join(folder.path, 'absent', 'store.db') });
  const { client, lines } = started;
  assert.match(client.status().error ?? '', /make its folder/);
  client.write(batch(['a']));
  await client.flush();
  assert.equal(client.status().dropped, 1);
  await assert.rejects(client.exchanges({ limit: 1 }), { name: 'UserError', code: 'unavailable' });
  assert.match(lines.join(''), /the store cannot be written/);
});

test('a question that makes no sense is answered with an error of the one who asks', async () => {
  await using started = await start();
  await assert.rejects(started.client.exchanges({ limit: 1, cursor: 'nonsense' }), {
    name: 'UserError',
    code: 'usage',
  });
});

test('while the thread waits for a lock, the queue stays short; counts arrive later', async () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  await using started = await start({ file });
  const { client } = started;
  const batches = QUEUE_BATCHES + 100;
  {
    using other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    // Nothing is handled before this turn is over, so what is turned away is what the queue has no room for.
    for (let i = 0; i < batches; i++) client.write(batch([`${i}`]));
    assert.equal(client.status().dropped, 100);
    other.exec('ROLLBACK');
  }
  await client.flush();
  assert.equal(client.status().dropped, 100);
  assert.equal((await client.minutes('orders', 'v2', AT, AT + 1))[0]?.pairs, batches * 10);
  assert.equal((await client.exchanges({ limit: 1000 })).items.length, QUEUE_BATCHES);
});

test('an end writes also what found no place in the queue', async () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  const { client } = await start({ file });
  for (let i = 0; i < QUEUE_BATCHES + 50; i++) client.write(batch([`${i}`]));
  await client[Symbol.asyncDispose]();
  assert.equal(client.status().dropped, 50);
  using reader = openStoreReader(file);
  assert.equal(reader.reader.minutes('orders', 'v2', AT, AT + 1)[0]?.pairs, (QUEUE_BATCHES + 50) * 10);
});

test('a batch larger than the queue is turned away', async () => {
  await using started = await start();
  const { client } = started;
  const big = testExchange('big', { primary: testAnswer(new Uint8Array(17 * 2 ** 20)) });
  client.write({ exchanges: [big], minutes: [], verdicts: [] });
  client.write(batch(['a']));
  await client.flush();
  assert.equal(client.status().dropped, 1);
  assert.equal(client.status().exchanges, 1);
});

test('more questions than can wait are refused', async () => {
  await using started = await start();
  const all = await Promise.allSettled(
    Array.from({ length: QUESTIONS_LIMIT + 5 }, () => started.client.exchanges({ limit: 1 })),
  );
  assert.equal(all.filter(({ status }) => status === 'rejected').length, 5);
});

test('after the end nothing is taken, and nothing hangs', async () => {
  const { client } = await start();
  await client[Symbol.asyncDispose]();
  client.write(batch(['late']));
  assert.equal(client.status().dropped, 1);
  await assert.rejects(client.flush(), { name: 'UserError' });
  await client[Symbol.asyncDispose]();
});

test('the file is ours alone only as long as the store runs', async () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  await using second = await (async () => {
    await using first = await start({ file });
    const waiting = await start({ file });
    assert.match(waiting.client.status().error ?? '', /another instance writes this file/);
    first.client.write(batch(['a']));
    return waiting;
  })();
  await eventually('the second store is open', () => second.client.status().state === 'open');
  assert.equal(second.client.status().exchanges, 1);
});

/** A program whose store thread fails in the middle of its work. */
const WITH_FAULT = `
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const { StoreClient } = await import(${JSON.stringify(import.meta.resolve('./store.ts'))});
const { silentLogger } = await import(${JSON.stringify(import.meta.resolve('../kit/log.ts'))});
const { testExchange, testMinute, testSettings } =
  await import(${JSON.stringify(import.meta.resolve('../store/fixtures.ts'))});
const [file, fault] = process.argv.slice(2);
const client = await StoreClient.start({ settings: testSettings({ file }), log: silentLogger });
const write = (id) => client.write({ exchanges: [testExchange(id)], minutes: [testMinute()], verdicts: [] });
write('before');
await client.flush();
writeFileSync(process.env.${FAULT_FILE_VARIABLE}, 'store ' + fault);
while (client.status().state === 'open') await sleep(5);
write('during');
const refused = await client.exchanges({ limit: 1 }).then(() => 'no', (error) => error.name);
while (client.status().state !== 'open') await sleep(5);
write('after');
await client.flush();
const ids = (await client.exchanges({ limit: 10 })).items.map(({ id }) => id);
const [minute] = await client.minutes('orders', 'v2', 0, 9e15);
console.log(JSON.stringify({ refused, ids, dropped: client.status().dropped, pairs: minute.pairs }));
await client[Symbol.asyncDispose]();
`;

for (const fault of ['throw', 'exit', 'allocate']) {
  test(`a thread that ends (${fault}) is started again and goes on`, () => {
    using folder = temporaryFolder();
    const faults = import.meta.resolve('../../test/fixtures/thread-fault.ts');
    const program = folder.file('program.mjs');
    writeFileSync(program, WITH_FAULT);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', faults, program, folder.file('store.db'), fault],
      {
        encoding: 'utf8',
        timeout: 60_000,
        env: { ...process.env, [FAULT_FILE_VARIABLE]: folder.file('fault') },
      },
    );
    assert.notEqual(stdout, '', stderr);
    assert.deepEqual(JSON.parse(stdout), {
      refused: 'UserError',
      ids: ['after', 'before'],
      dropped: 1,
      pairs: 30,
    });
    assert.ok(!readdirSync(folder.path).some((name) => name.includes('corrupt')));
  });
}

test('what is stored never stands in a log of the thread', async () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  await using started = await start({ file });
  const { client, lines } = started;
  const secret = 'hush-hush';
  client.write({
    exchanges: [differing('a', [secret], { primary: testAnswer(secret.repeat(50)) })],
    minutes: [],
    verdicts: [],
  });
  await client.flush();
  {
    using other = new DatabaseSync(file);
    other.exec(`UPDATE body SET content = x'00'`);
  }
  await assert.rejects(client.exchange('a'), { name: 'UserError', message: /damaged/ });
  assert.doesNotMatch(lines.join(''), new RegExp(secret));
});
