import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { createLogger } from '../kit/log.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { RecordedExchange, StoreBatch } from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import { openForWriting } from './connection.ts';
import { differing, testAnswer, testExchange, testMinute, testSettings, testVerdict } from './fixtures.ts';
import { openStore, openStoreReader } from './open-store.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';
import { LEAST_BYTES } from './size-cap.ts';
import { SET_ASIDE_LIMIT } from './set-aside.ts';
import type { Store } from './store.ts';

const AT = 1_800_000_000_000;
/** Longer than any pause between two attempts. */
const LATER_MS = 60_000;

function batch(...exchanges: readonly RecordedExchange[]): StoreBatch {
  return { exchanges, minutes: [], verdicts: [] };
}

function open(settings: Partial<StoreSettings>, random = () => 0.5) {
  const clock = new ManualClock(AT);
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    format: 'json',
    terminal: false,
    colour: false,
    write: (line) => lines.push(line),
  });
  const store = openStore(testSettings(settings), { clock, random, log });
  return { store, clock, lines, [Symbol.dispose]: () => store[Symbol.dispose]() };
}

function idsOf(store: Store): readonly string[] {
  return store.exchanges({ limit: 100 }).items.map(({ id }) => id);
}

function sqlite(file: string, sql: string): void {
  using db = new DatabaseSync(file);
  db.exec(sql);
}

const foreign: readonly (readonly [name: string, make: (file: string) => void])[] = [
  ['a text', (file) => writeFileSync(file, 'shopping list: '.repeat(20))],
  ['a short text', (file) => writeFileSync(file, 'x')],
  ['a database of another program', (file) => sqlite(file, 'CREATE TABLE t (x); INSERT INTO t VALUES (1)')],
  ['a marked database of another program', (file) => sqlite(file, 'PRAGMA application_id = 7')],
  [
    'a database with triggers and our mark',
    (file) =>
      sqlite(
        file,
        `PRAGMA application_id = ${APPLICATION_ID}; CREATE TABLE t (x);
         CREATE TRIGGER u AFTER INSERT ON t BEGIN SELECT 1; END`,
      ),
  ],
  [
    'a store of a newer version',
    (file) => {
      openForWriting(file)[Symbol.dispose]();
      sqlite(file, `PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    },
  ],
];
for (const [name, make] of foreign) {
  test(`${name} is refused, and left as it is`, () => {
    using folder = temporaryFolder();
    const file = folder.file('store.db');
    make(file);
    const before = readFileSync(file);
    const refused = { name: 'UserError', code: 'unavailable', where: file };
    assert.throws(() => openStore(testSettings({ file })), refused);
    assert.throws(() => openStoreReader(file), refused);
    assert.deepEqual(readFileSync(file), before);
    assert.ok(!existsSync(`${file}.lock`), 'nothing of ours is left beside it');
  });
}

test('a folder, or what never ends, is refused without reading it', () => {
  using folder = temporaryFolder();
  execFileSync('mkfifo', [folder.file('pipe')]);
  for (const file of [folder.path, folder.file('pipe'), '/dev/zero']) {
    assert.throws(() => openStore(testSettings({ file })), { name: 'UserError' });
  }
});

test('an empty file becomes a store; reading alone makes none', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  assert.throws(() => openStoreReader(file), { name: 'UserError', message: 'there is no such file' });
  assert.equal(existsSync(file), false);
  writeFileSync(file, '');
  assert.throws(() => openStoreReader(file), { name: 'UserError' });
  using opened = open({ file });
  assert.equal(opened.store.status().state, 'open');
});

test('a file goes from one version to the next with what is in it, or not at all', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using opened = open({ file });
    opened.store.write(batch(testExchange('a')));
  }
  const next = [...MIGRATIONS, 'ALTER TABLE exchange ADD COLUMN note TEXT'];
  assert.throws(() => openForWriting(file, [...next, 'CREATE TABLE exchange (x)']));
  {
    using opened = open({ file });
    assert.deepEqual(idsOf(opened.store), ['a']);
  }
  {
    using connection = openForWriting(file, next);
    assert.deepEqual(
      { ...connection.db.prepare('SELECT id, note FROM exchange').get() },
      { id: 'a', note: null },
    );
  }
  assert.throws(() => openStore(testSettings({ file })), /has version 2, and this program knows up to 1/);
});

test('a second instance waits until the first one has ended', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  const first = open({ file });
  first.store.write(batch(testExchange('a')));
  using second = open({ file });
  assert.match(second.store.status().error ?? '', /another instance writes this file/);
  second.store.write(batch(testExchange('b')));
  assert.throws(() => second.store.exchanges({ limit: 1 }), { name: 'UserError', code: 'unavailable' });
  first[Symbol.dispose]();
  second.store.tick();
  assert.equal(second.store.status().state, 'failing', 'not before its time');
  second.clock.advance(LATER_MS);
  second.store.tick();
  const { state, dropped, error } = second.store.status();
  assert.deepEqual([state, dropped, error], ['open', 1, undefined]);
  assert.deepEqual(idsOf(second.store), ['a']);
});

test('while another program holds a lock, exchanges are turned away, counts and verdicts wait, reading goes on', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using opened = open({ file });
  const { store, clock, lines } = opened;
  store.write({ exchanges: [testExchange('before')], minutes: [testMinute()], verdicts: [testVerdict('1')] });
  using other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const during = {
    exchanges: [testExchange('during')],
    minutes: [testMinute()],
    verdicts: [testVerdict('2')],
  };
  store.write(during);
  store.write(during);
  assert.equal(store.status().state, 'failing');
  assert.match(store.status().error ?? '', /another program has locked the file .*: end that program/);
  assert.equal(store.status().dropped, 2);
  assert.deepEqual(idsOf(store), ['before']);
  other.exec('ROLLBACK');
  clock.advance(LATER_MS);
  store.tick();
  assert.equal(store.status().state, 'open');
  store.write(batch(testExchange('after')));
  assert.deepEqual(idsOf(store), ['after', 'before']);
  assert.equal(store.minutes('orders', 'v2', AT, AT + 1)[0]?.pairs, 30);
  assert.equal(store.savedVerdicts()[0]?.state, '2');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ['the store cannot be written', 'the store is written again'],
  );
});

test('a reader that does not end keeps the log small all the same: storing stops until it has', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  const maxBytes = LEAST_BYTES;
  using opened = open({ file, maxBytes });
  const { store, clock } = opened;
  store.write(batch(testExchange('a')));
  using reader = new DatabaseSync(file, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM exchange').get();
  for (let i = 0; i < 300; i++) {
    store.write(batch(differing(`${i}`, [`body.f${i}`], { primary: testAnswer(randomBytes(10_000)) })));
  }
  assert.match(
    store.status().error ?? '',
    /a program that reads the file keeps its log .*: end that program/,
  );
  assert.ok(store.status().bytes <= maxBytes && store.status().dropped > 200);
  reader.exec('COMMIT');
  clock.advance(LATER_MS);
  store.tick();
  assert.equal(store.status().state, 'open');
});

test('pauses between attempts grow to a minute', () => {
  using folder = temporaryFolder();
  let attempts = 0;
  // Asked once for each failure, for the part of the pause that chance takes off.
  const random = () => {
    attempts++;
    return 0;
  };
  using opened = open({ file: join(folder.path, 'absent', 'store.db') }, random);
  const seconds: number[] = [];
  for (let second = 1; second <= 200; second++) {
    const before = attempts;
    opened.clock.advance(1000);
    opened.store.tick();
    opened.store.write(batch());
    if (attempts > before) seconds.push(second);
  }
  assert.deepEqual(seconds, [1, 3, 7, 15, 31, 63, 123, 183]);
});

function flip(file: string, from: number, bytes: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, randomBytes(bytes), 0, bytes, from);
  closeSync(descriptor);
}

const damages: readonly (readonly [name: string, damage: (file: string) => void])[] = [
  ['its table of contents is overwritten', (file) => flip(file, 100, 3000)],
  ['the file is cut off', (file) => truncateSync(file, 20_000)],
  ['every page but the first is overwritten', (file) => flip(file, 4096, 100_000)],
  ['its first bytes are flipped', (file) => flip(file, 0, 16)],
];
for (const [name, damage] of damages) {
  test(`${name}: the file is set aside, and a new one begun`, () => {
    using folder = temporaryFolder();
    const file = folder.file('store.db');
    {
      using opened = open({ file });
      for (let i = 0; i < 50; i++) {
        opened.store.write(batch(testExchange(`${i}`, { primary: testAnswer(randomBytes(2000)) })));
      }
    }
    damage(file);
    using opened = open({ file });
    const { store, lines } = opened;
    store.write({ exchanges: [testExchange('new')], minutes: [testMinute()], verdicts: [testVerdict('v')] });
    assert.deepEqual([store.status().state, store.status().dropped], ['open', 0]);
    assert.deepEqual(idsOf(store), ['new']);
    assert.equal(store.savedVerdicts().length, 1);
    assert.deepEqual(
      readdirSync(folder.path).filter((entry) => entry.includes('corrupt')),
      ['store.db.corrupt-20270115T080000Z'],
    );
    assert.match(lines.join(''), /the store file was corrupt; a new one is begun/);
  });
}

test('a file that becomes corrupt while it is open is set aside by whoever comes upon it', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using opened = open({ file });
  const { store, clock } = opened;
  for (let i = 0; i < 500; i++) {
    store.write(batch(differing(`${i}`, [`body.f${i}`], { primary: testAnswer(randomBytes(20_000)) })));
  }
  flip(file, 4096 * 30, 1_000_000);
  for (let i = 0; i < 500; i++) {
    try {
      store.exchange(`${i}`);
      store.exchanges({ limit: 1000 });
    } catch (error) {
      assert.equal(error instanceof Error && error.name, 'UserError');
    }
    store.write(batch(differing(`again ${i}`, [`body.g${i}`], { primary: testAnswer(randomBytes(2000)) })));
    clock.advance(LATER_MS);
    store.tick();
  }
  assert.equal(store.status().state, 'open');
  assert.ok(readdirSync(folder.path).some((entry) => entry.includes('corrupt')));
  assert.equal(store.exchange('again 499').length, 1);
});

test('verdicts that can still be read are taken over from a corrupt file', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using opened = open({ file });
    opened.store.write({
      exchanges: [testExchange('a')],
      minutes: [],
      verdicts: [testVerdict('days of traffic')],
    });
    opened.store.write({ exchanges: [], minutes: [testMinute()], verdicts: [] });
  }
  // The page where minutes begin becomes nonsense.
  {
    using db = new DatabaseSync(file);
    const page = Number(
      db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'minute'`).get()?.['rootpage'],
    );
    db.close();
    flip(file, (page - 1) * 4096, 4096);
  }
  using opened = open({ file });
  opened.store.write({ exchanges: [], minutes: [testMinute()], verdicts: [] });
  assert.equal(opened.store.status().state, 'open');
  assert.ok(readdirSync(folder.path).some((entry) => entry.includes('corrupt')));
  assert.deepEqual(opened.store.savedVerdicts(), [testVerdict('days of traffic')]);
  assert.equal(opened.store.minutes('orders', 'v2', AT, AT + 1)[0]?.pairs, 10);
});

test('a disk that keeps breaking files does not fill with them', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  for (let i = 0; i < SET_ASIDE_LIMIT + 2; i++) {
    {
      using opened = open({ file });
      opened.store.write(batch(testExchange('a')));
    }
    flip(file, 100, 3000);
  }
  using opened = open({ file });
  assert.match(
    opened.store.status().error ?? '',
    /5 corrupt ones before it are there already: look at the disk/,
  );
  assert.equal(readdirSync(folder.path).filter((entry) => entry.includes('corrupt')).length, SET_ASIDE_LIMIT);
});

test('a folder that vanishes: storing stops, and goes on in a new file when it is back', () => {
  using folder = temporaryFolder();
  const inner = join(folder.path, 'inner');
  mkdirSync(inner);
  using opened = open({ file: join(inner, 'store.db') });
  const { store, clock } = opened;
  store.write(batch(testExchange('before')));
  renameSync(inner, join(folder.path, 'elsewhere'));
  store.write({ exchanges: [testExchange('during')], minutes: [testMinute()], verdicts: [] });
  assert.match(store.status().error ?? '', /the file cannot be opened .*: make its folder/);
  mkdirSync(inner);
  clock.advance(LATER_MS);
  store.write(batch(testExchange('after')));
  assert.deepEqual([store.status().state, store.status().dropped], ['open', 1]);
  assert.deepEqual(idsOf(store), ['after']);
  assert.equal(store.minutes('orders', 'v2', AT, AT + 1).length, 1);
});

test('a file that is removed or replaced is opened anew', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using opened = open({ file });
  const { store } = opened;
  store.write(batch(testExchange('a')));
  rmSync(file);
  store.write(batch(testExchange('b')));
  assert.deepEqual(idsOf(store), ['b']);
  using reader = openStoreReader(file);
  assert.equal(reader.reader.exchanges({ limit: 9 }).items.length, 1);
});

/** A program of its own that stores until it cannot, and tells how that went. */
const FILLER = `
const { openStore } = await import(${JSON.stringify(import.meta.resolve('./open-store.ts'))});
const { differing, testAnswer, testMinute, testSettings } =
  await import(${JSON.stringify(import.meta.resolve('./fixtures.ts'))});
const { randomBytes } = await import('node:crypto');
const file = process.argv[1];
const store = openStore(testSettings({ file, maxBytes: 64 * 2 ** 20 }));
let writes = 0;
while (store.status().state === 'open' && writes < 5000) {
  const primary = testAnswer(randomBytes(4000));
  store.write({ exchanges: [differing('' + writes, ['body.f' + writes], { primary })], minutes: [testMinute()], verdicts: [] });
  writes++;
}
store.write({ exchanges: [differing('late', ['body'])], minutes: [testMinute()], verdicts: [] });
const readable = store.exchanges({ limit: 1000 }).items.length;
console.log(JSON.stringify({ writes, readable, ...store.status() }));
`;

test('a limit on the size of files: storing stops, what is there stays readable', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  // Blocks of 512 bytes: 1 MiB.
  const script = 'ulimit -f 2048; exec "$@"';
  const node = [process.execPath, '--input-type=module', '-e', FILLER, file];
  const { stdout, stderr, status } = spawnSync('sh', ['-c', script, 'sh', ...node], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const told = JSON.parse(stdout);
  assert.equal(told.state, 'failing');
  assert.ok(told.writes > 5 && told.writes < 1000, stdout);
  assert.ok(told.dropped >= 2, stdout);
  // Without the limit it goes on with what is there.
  using opened = open({ file });
  opened.store.write(batch(testExchange('after')));
  assert.equal(opened.store.status().state, 'open');
  assert.ok(opened.store.status().exchanges > 5);
});

/** A file system of 2 MiB; undefined where this user may not mount one. */
function smallDisk(path: string): Disposable | undefined {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path]);
  if (status !== 0) return undefined;
  return { [Symbol.dispose]: () => spawnSync('umount', ['-l', path]) };
}

if (process.getuid?.() === 0) {
  test('a full disk: storing stops, says so, and goes on when there is room', (t) => {
    using folder = temporaryFolder();
    using disk = smallDisk(folder.path);
    if (disk === undefined)
      return t.diagnostic('mounting is forbidden here; the limit on files stands for it');
    const file = folder.file('store.db');
    writeFileSync(folder.file('ballast'), Buffer.alloc(1_000_000));
    using opened = open({ file, maxBytes: 64 * 2 ** 20 });
    const { store, clock } = opened;
    let writes = 0;
    for (; store.status().state === 'open' && writes < 5000; writes++) {
      const primary = testAnswer(randomBytes(4000));
      store.write(batch(differing(`${writes}`, [`body.f${writes}`], { primary })));
    }
    assert.match(store.status().error ?? '', /the disk is full .*: make room on the disk/);
    assert.ok(writes > 3 && writes < 1000);
    clock.advance(LATER_MS);
    store.write({
      ...batch(testExchange('still full', { primary: testAnswer(randomBytes(60_000)) })),
      minutes: [testMinute()],
    });
    assert.equal(store.status().state, 'failing');
    const readable = idsOf(store).length;
    assert.ok(readable > 3);
    rmSync(folder.file('ballast'));
    clock.advance(LATER_MS);
    store.tick();
    store.write(batch(testExchange('after', { at: AT + 1 })));
    assert.equal(store.status().state, 'open');
    assert.equal(idsOf(store)[0], 'after');
    assert.equal(store.minutes('orders', 'v2', AT, AT + 1)[0]?.pairs, 10);
  });

  test('a disk that may only be read: storing stops, and says so', (t) => {
    using folder = temporaryFolder();
    using disk = smallDisk(folder.path);
    if (disk === undefined) return t.diagnostic('mounting is forbidden here');
    const file = folder.file('store.db');
    {
      using opened = open({ file });
      opened.store.write(batch(testExchange('a')));
    }
    spawnSync('mount', ['-o', 'remount,ro', folder.path]);
    using opened = open({ file });
    assert.match(opened.store.status().error ?? '', /may not be written .*: let this user write/);
    using reader = openStoreReader(file);
    assert.equal(reader.reader.exchange('a').length, 1);
  });
}

const hostile: readonly (readonly [name: string, sql: string])[] = [
  ['a body that was never packed', `UPDATE body SET content = x'ff'`],
  ['a body with a wrong length', `UPDATE body SET content = x'00ffffffff00'`],
  ['a compressed body cut off', 'UPDATE body SET content = substr(content, 1, 40)'],
  ['a body of another content', `UPDATE body SET content = x'00020000006162'`],
  ['a body that claims 4 GiB', `UPDATE body SET content = CAST(x'01ffffffff' || substr(content, 6) AS BLOB)`],
  ['a body that is gone', 'DELETE FROM body'],
  ['a head that is no JSON', `UPDATE exchange SET head = x'00010000007b'`],
  ['a head of another shape', `UPDATE exchange SET head = x'00020000007b7d'`],
];
for (const [name, sql] of hostile) {
  test(`${name}: an error for who asks for it, and nothing else`, () => {
    using folder = temporaryFolder();
    const file = folder.file('store.db');
    using opened = open({ file });
    const { store } = opened;
    store.write(
      batch(testExchange('a', { primary: testAnswer('long enough to be compressed '.repeat(100)) })),
    );
    sqlite(file, sql);
    assert.throws(() => store.exchange('a'), {
      name: 'UserError',
      message: /the store's file is damaged at/,
    });
    assert.deepEqual(idsOf(store), ['a']);
    store.write(batch(testExchange('b', { primary: testAnswer('another'), others: [] })));
    assert.equal(store.exchange('b').length, 1);
    assert.equal(store.status().state, 'open');
  });
}

test('damaged verdicts are an error for who asks for them', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using opened = open({ file });
  opened.store.write({ exchanges: [], minutes: [], verdicts: [testVerdict('x')] });
  for (const content of ['x', '{}', '[]', 'null', '{"mirrors":1}']) {
    using db = new DatabaseSync(file);
    const packed = Buffer.concat([Buffer.from([0, content.length, 0, 0, 0]), Buffer.from(content)]);
    db.prepare('UPDATE verdict SET verdict = ?').run(packed);
    assert.throws(() => opened.store.savedVerdicts(), { name: 'UserError' });
  }
});

test('whatever is flipped in a file, reading it ends with a UserError or with what was found', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using opened = open({ file });
    const exchanges = Array.from({ length: 60 }, (_, i) =>
      differing(`${i}`, [`body.f${i % 7}`], { primary: testAnswer(randomBytes(i * 100)) }),
    );
    opened.store.write({ exchanges, minutes: [testMinute()], verdicts: [testVerdict('state')] });
  }
  const whole = readFileSync(file);
  let refused = 0;
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(whole);
    // Every other time in the first pages, where most depends on each byte.
    const within = round % 2 === 0 ? bytes.length : 8192;
    for (let bit = 0; bit < 8; bit++) {
      const position = Math.floor(Math.random() * within);
      bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << bit), position);
    }
    writeFileSync(file, bytes);
    try {
      using opened = openStoreReader(file);
      const { reader } = opened;
      reader.savedVerdicts();
      reader.minutes('orders', 'v2', 0, AT * 2);
      for (const { id } of reader.exchanges({ limit: 1000 }).items) reader.exchange(id);
    } catch (error) {
      assert.equal(error instanceof Error && error.name, 'UserError', String(error));
      refused++;
    }
  }
  assert.ok(refused > 10 && refused < 150, `${refused}`);
});

test('what is stored never stands in a log', () => {
  using folder = temporaryFolder();
  const secret = 'hush-hush';
  const file = folder.file('store.db');
  const exchange = testExchange(secret, {
    source: secret,
    route: secret,
    request: { ...testExchange('a').request, target: `/${secret}`, headers: [['x-a', secret]] },
    primary: testAnswer(secret.repeat(100)),
  });
  using opened = open({ file });
  const { store, clock, lines } = opened;
  const verdicts = [testVerdict(secret)];
  store.write({ exchanges: [exchange], minutes: [], verdicts });
  {
    using other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    store.write(batch(exchange));
  }
  clock.advance(LATER_MS);
  store.tick();
  sqlite(file, `UPDATE exchange SET head = x'00'; UPDATE body SET content = x'00'`);
  assert.throws(() => store.exchange(secret));
  rmSync(file);
  store.write(batch(exchange));
  flip(file, 0, 8192);
  store.write(batch(exchange));
  rmSync(folder.path, { recursive: true });
  store.write(batch(exchange));
  assert.ok(lines.length >= 4, `${lines.length} lines`);
  assert.doesNotMatch(lines.join(''), new RegExp(secret));
});
