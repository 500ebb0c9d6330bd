import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { findingId } from '../model/finding-id.ts';
import type { ExchangeFilter, RecordedExchange, StoreBatch } from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import {
  differing,
  testAnswer,
  testDifference,
  testExchange,
  testMinute,
  testOther,
  testSettings,
  testVerdict,
} from './fixtures.ts';
import { openStore, openStoreReader } from './open-store.ts';
import { FINDINGS_PER_EXCHANGE } from './findings-of.ts';
import { LEAST_BYTES, MEMORY_BYTES } from './size-cap.ts';
import type { Store } from './store.ts';

const AT = 1_800_000_000_000;

function batch(exchanges: readonly RecordedExchange[]): StoreBatch {
  return { exchanges, minutes: [], verdicts: [] };
}

function idsOf(store: Store, filter: Partial<ExchangeFilter> = {}): readonly string[] {
  return store.exchanges({ limit: 1000, ...filter }).items.map(({ id }) => id);
}

const idOf = (path: string) => findingId('v2', 'GET /orders/{id}', path, 'value');

/** A random number that is always the same: nothing past the first matches is kept. */
const never = () => 0.999999;

function open(settings: Partial<StoreSettings> = {}, random: () => number = never): Store {
  return openStore(testSettings(settings), { random });
}

test('an exchange comes back as it was, with its bodies', () => {
  using store = open();
  const whole = testExchange('whole', {
    primary: testAnswer(Uint8Array.from(randomBytes(5000))),
    others: [
      testOther({ answer: testAnswer('€'.repeat(500)), differences: [testDifference({ other: undefined })] }),
      testOther({ name: 'control', role: 'control', answer: undefined, failure: 'timeout' }),
      testOther({ name: 'again', role: 'repeat', answer: testAnswer('') }),
    ],
  });
  store.write(batch([whole]));
  assert.deepEqual(store.exchange('whole'), [whole]);
  assert.deepEqual(store.exchange('another'), []);
  assert.deepEqual(store.exchanges({ limit: 1 }).items, [
    {
      id: 'whole',
      at: AT,
      policy: 'orders',
      route: 'GET /orders/{id}',
      method: 'GET',
      target: '/orders/whole',
      status: 200,
      others: [
        { name: 'v2', role: 'mirror', status: 200, differences: 1 },
        { name: 'control', role: 'control', status: undefined, differences: 0 },
        { name: 'again', role: 'repeat', status: 200, differences: 0 },
      ],
    },
  ]);
});

test('hostile names, numbers and texts come back as they were', () => {
  using store = open();
  const odd = testExchange('\u0000"\ud800', {
    policy: "'; DROP TABLE exchange; --",
    at: 1.5,
    primary: testAnswer('', Number.NaN),
    route: '\udfff'.repeat(5000),
  });
  store.write(batch([odd, testExchange('next')]));
  assert.equal(store.status().state, 'open');
  assert.equal(store.exchanges({ limit: 10 }).items.length, 2);
  assert.deepEqual(idsOf(store, { policy: odd.policy }).length, 1);
});

test('an exchange of two policies is kept once for each, and again it takes the place of the first', () => {
  using store = open();
  store.write(batch([testExchange('a', { policy: 'one' }), testExchange('a', { policy: 'two' })]));
  store.write(batch([testExchange('a', { policy: 'two', source: '10.9.9.9' })]));
  assert.deepEqual(
    store.exchange('a').map(({ policy, source }) => [policy, source]),
    [
      ['one', '10.0.0.1'],
      ['two', '10.9.9.9'],
    ],
  );
  assert.equal(store.status().exchanges, 2);
});

test('a restart goes on where it stopped', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  const settings = { file, randomExchanges: 2 };
  {
    using store = open(settings);
    store.write({
      exchanges: [testExchange('a'), testExchange('b'), testExchange('c')],
      minutes: [testMinute()],
      verdicts: [testVerdict('{"state":1}')],
    });
  }
  assert.equal(statSync(file).mode & 0o777, 0o600);
  using store = open(settings, () => 0.5);
  assert.equal(store.status().exchanges, 2);
  assert.deepEqual(store.savedVerdicts(), [testVerdict('{"state":1}')]);
  // The fourth match: algorithm R with 0.5 gives place 2 of 4, which is past the two places.
  store.write({ exchanges: [testExchange('d')], minutes: [testMinute()], verdicts: [testVerdict('2')] });
  assert.deepEqual(idsOf(store), ['b', 'a']);
  assert.deepEqual(store.savedVerdicts(), [testVerdict('2')]);
  assert.deepEqual(store.minutes('orders', 'v2', AT, AT + 1), [
    testMinute({ pairs: 20, same: 16, different: 2, failures: 2 }),
  ]);
});

const bigBatches: readonly (readonly [name: string, sizes: readonly number[]])[] = [
  ['in one batch', [100]],
  ['one by one', Array.from({ length: 100 }, () => 1)],
  ['in batches', [1, 7, 42, 50]],
];
for (const [name, sizes] of bigBatches) {
  test(`a finding keeps its first and its freshest examples, ${name}`, () => {
    using store = open({ examplesPerFinding: 5 });
    let next = 0;
    for (const size of sizes) {
      store.write(
        batch(
          Array.from({ length: size }, () => {
            const index = next++;
            return differing(`${index}`, ['body.total'], { at: AT + index });
          }),
        ),
      );
    }
    const finding = findingId('v2', 'GET /orders/{id}', 'body.total', 'value');
    assert.deepEqual(idsOf(store, { finding }), ['99', '98', '2', '1', '0']);
    assert.equal(store.status().exchanges, 5);
  });
}

test('an exchange stays as long as one of its findings needs it', () => {
  using store = open({ examplesPerFinding: 2 });
  const write = (id: string, paths: readonly string[], second: number) =>
    store.write(batch([differing(id, paths, { at: AT + second })]));
  write('both', ['often', 'rare'], 0);
  write('x', ['often'], 1);
  write('both fresh', ['often', 'rare'], 2);
  write('y', ['often'], 3);
  write('z', ['often'], 4);
  assert.deepEqual(idsOf(store, { finding: idOf('rare') }), ['both fresh', 'both']);
  // Kept for the other finding, it is an example of this one too.
  assert.deepEqual(idsOf(store, { finding: idOf('often') }), ['z', 'both fresh', 'both']);
});

test('findings of two policies do not take each other away', () => {
  using store = open({ examplesPerFinding: 1 });
  store.write(batch(['one', 'two'].map((policy) => differing(policy, ['body'], { policy }))));
  assert.equal(store.status().exchanges, 2);
});

test('the control alone makes no finding', () => {
  using store = open({ randomExchanges: 0 });
  const noise = testOther({ name: 'c', role: 'control', differences: [testDifference()] });
  store.write(batch([testExchange('noise', { others: [testOther(), noise] })]));
  assert.deepEqual(idsOf(store), []);
});

test('an answer that differs everywhere is linked to so many findings and no more', () => {
  using store = open();
  const paths = Array.from({ length: 10_000 }, (_, index) => `body.f${index}`);
  store.write(batch([differing('all', paths)]));
  const listed = (path: string) =>
    idsOf(store, { finding: findingId('v2', 'GET /orders/{id}', path, 'value') }).length;
  assert.deepEqual([listed('body.f0'), listed(`body.f${FINDINGS_PER_EXCHANGE}`)], [1, 0]);
});

test('matches are kept at random over the whole run', () => {
  const places = 100;
  const kept: number[] = [];
  let state = 1;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  using store = open({ randomExchanges: places }, random);
  for (let i = 0; i < 100; i++) {
    store.write(batch(Array.from({ length: 100 }, (_, j) => testExchange(`${i * 100 + j}`, { at: AT + i }))));
  }
  kept.push(...idsOf(store).map(Number));
  assert.equal(kept.length, places);
  // Of 10,000, a hundred at random: the mean lies within five standard errors of the middle.
  const mean = kept.reduce((sum, id) => sum + id, 0) / places;
  assert.ok(Math.abs(mean - 5000) < (5 * 10_000) / Math.sqrt(12 * places), `mean ${mean}`);
});

test('fewer random matches than before: those past it go', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using store = open({ file, randomExchanges: 50 });
    store.write(batch(Array.from({ length: 50 }, (_, i) => testExchange(`${i}`))));
  }
  using store = open({ file, randomExchanges: 10 });
  store.write(batch([]));
  assert.equal(store.status().exchanges, 10);
});

test('a body is stored once, and goes with its last use', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using store = open({ file, examplesPerFinding: 2 });
  const shared = testAnswer(randomBytes(4000));
  const exchange = (id: string, path: string) =>
    testExchange(id, {
      primary: shared,
      others: [testOther({ answer: shared, differences: [testDifference({ path })] })],
    });
  using reader = new DatabaseSync(file, { readOnly: true });
  const uses = () =>
    reader
      .prepare('SELECT uses FROM body')
      .all()
      .map(({ uses: count }) => count);
  store.write(batch([exchange('a', 'one'), exchange('b', 'two')]));
  assert.deepEqual(uses(), [4]);
  // The same exchange again, with another body.
  store.write(batch([differing('a', ['one'])]));
  assert.deepEqual(uses(), [2, 2]);
  store.write(batch([differing('b', ['two'])]));
  assert.deepEqual(uses(), [4]);
});

const MIXED: readonly RecordedExchange[] = [
  testExchange('plain', { at: AT }),
  testExchange('post', {
    at: AT + 1,
    request: { ...testExchange('x').request, method: 'POST' },
    policy: 'pay',
  }),
  differing('differs', ['body.a'], { at: AT + 2, route: 'GET /other' }),
  testExchange('bad', { at: AT + 3, primary: testAnswer('', 503) }),
  testExchange('third', {
    at: AT + 4,
    others: [testOther(), testOther({ name: 'v3', differences: [testDifference()] })],
  }),
];
const filters: readonly (readonly [Partial<ExchangeFilter>, readonly string[]])[] = [
  [{}, ['third', 'bad', 'differs', 'post', 'plain']],
  [{ policy: 'pay' }, ['post']],
  [{ method: 'POST' }, ['post']],
  [{ route: 'GET /other' }, ['differs']],
  [{ status: 503 }, ['bad']],
  [{ different: true }, ['third', 'differs']],
  [{ different: false }, ['bad', 'post', 'plain']],
  [{ mirror: 'v3' }, ['third']],
  [{ mirror: 'v2', different: true }, ['differs']],
  [{ mirror: 'v2', different: false }, ['third', 'bad', 'post', 'plain']],
  [{ after: AT + 3 }, ['third', 'bad']],
  [{ before: AT + 1 }, ['plain']],
  [{ finding: findingId('v2', 'GET /other', 'body.a', 'value') }, ['differs']],
  [{ finding: 'no such finding' }, []],
  [{ policy: 'orders', different: false, after: AT + 1, status: 503 }, ['bad']],
  [{ limit: 2 }, ['third', 'bad']],
  [{ limit: -1 }, ['third']],
];
for (const [filter, expected] of filters) {
  test(`a list with ${JSON.stringify(filter)}`, () => {
    using store = open();
    store.write(batch(MIXED));
    assert.deepEqual(idsOf(store, filter), expected);
  });
}

test('pages show each exchange once, also when others come in between', () => {
  using store = open();
  store.write(batch(Array.from({ length: 25 }, (_, i) => testExchange(`${i}`, { at: AT + (i >> 2) }))));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = store.exchanges({ limit: 4, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next;
    store.write(batch([testExchange(`new ${seen.length}`, { at: AT + 1000 })]));
  } while (cursor !== undefined);
  assert.deepEqual(
    seen,
    Array.from({ length: 25 }, (_, i) => `${24 - i}`),
  );
});

for (const cursor of ['', 'x', '1.', '1.2.3', "1' OR 1.1", '9'.repeat(30), 'zzzzzzzzzzz.zzzzzzzzzzz']) {
  test(`"${cursor}" is no cursor`, () => {
    using store = open();
    assert.throws(() => store.exchanges({ limit: 1, cursor }), { name: 'UserError' });
  });
}

/** Everything of a store in a folder of its own, with the lock and the log. */
function bytesIn(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(`${path}/${name}`).size, 0);
}

const loads: readonly (readonly [name: string, bytes: number, count: number])[] = [
  ['small bodies', 4_000, 2_600],
  ['large bodies', 20_000, 560],
];
for (const [name, bytes, count] of loads) {
  test(`ten times its cap is written, and the file with all that belongs to it stays below: ${name}`, () => {
    using folder = temporaryFolder();
    const maxBytes = LEAST_BYTES;
    const file = folder.file('store.db');
    {
      using store = open({ file, maxBytes });
      let peak = 0;
      for (let i = 0; i < count; i += 20) {
        const exchanges = Array.from({ length: 20 }, (_, j) =>
          differing(`${i + j}`, [`body.f${i + j}`], {
            at: AT + i + j,
            primary: testAnswer(randomBytes(bytes)),
          }),
        );
        store.write({ exchanges, minutes: [testMinute({ at: AT + i })], verdicts: [testVerdict(`${i}`)] });
        peak = Math.max(peak, bytesIn(folder.path));
      }
      assert.ok(peak < maxBytes, `${peak} bytes`);
      assert.ok(peak > maxBytes / 2, `only ${peak} bytes are used`);
      const { state, dropped, exchanges } = store.status();
      assert.deepEqual([state, dropped], ['open', 0]);
      assert.equal(idsOf(store, { limit: 1 })[0], `${count - 1}`);
      assert.ok(exchanges > 10);
      assert.equal(store.minutes('orders', 'v2', 0, AT * 2).length, count / 20);
      assert.equal(store.savedVerdicts()[0]?.state, `${count - 20}`);
    }
    using check = new DatabaseSync(file, { readOnly: true });
    assert.equal(check.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    // Every body is used as often as it says.
    const wrong = check
      .prepare('SELECT key FROM body WHERE uses <> (SELECT count(*) FROM answer WHERE body = key)')
      .all();
    assert.deepEqual(wrong, []);
    const left = check
      .prepare(
        `SELECT (SELECT count(*) FROM answer WHERE exchange NOT IN (SELECT seq FROM exchange)) +
           (SELECT count(*) FROM example WHERE exchange NOT IN (SELECT seq FROM exchange)) AS rows`,
      )
      .get();
    assert.equal(left?.['rows'], 0);
  });
}

test('a smaller cap than before: the file shrinks, and the oldest go', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using store = open({ file, maxBytes: 8 * LEAST_BYTES });
    for (let i = 0; i < 200; i++) {
      store.write(batch([testExchange(`${i}`, { at: AT + i, primary: testAnswer(randomBytes(20_000)) })]));
    }
    assert.ok(statSync(file).size + statSync(`${file}-wal`).size > 3 * LEAST_BYTES);
  }
  using store = open({ file, maxBytes: LEAST_BYTES });
  assert.ok(bytesIn(folder.path) < LEAST_BYTES, `${bytesIn(folder.path)} bytes`);
  assert.equal(idsOf(store)[0], '199');
  assert.ok(store.status().exchanges < 100);
});

test('an exchange that is larger than the file has room for is turned away and counted', () => {
  using folder = temporaryFolder();
  using store = open({ file: folder.file('store.db'), maxBytes: LEAST_BYTES });
  store.write(
    batch([testExchange('huge', { primary: testAnswer(randomBytes(500_000)) }), testExchange('a')]),
  );
  assert.deepEqual(idsOf(store), ['a']);
  assert.equal(store.status().dropped, 1);
});

test('bodies of a mebibyte are kept where the file has room', () => {
  using folder = temporaryFolder();
  using store = open({ file: folder.file('store.db'), maxBytes: 32 * LEAST_BYTES, bodyBytes: LEAST_BYTES });
  for (let i = 0; i < 40; i++) {
    const primary = testAnswer(randomBytes(LEAST_BYTES));
    const others = [
      testOther({
        answer: testAnswer(randomBytes(LEAST_BYTES)),
        differences: [testDifference({ path: `${i}` })],
      }),
    ];
    store.write(batch([testExchange(`${i}`, { at: AT + i, primary, others })]));
    assert.ok(bytesIn(folder.path) <= 32 * LEAST_BYTES);
  }
  assert.deepEqual([store.status().dropped, store.status().state], [0, 'open']);
  assert.equal(store.exchange('39')[0]?.primary.body.length, LEAST_BYTES);
});

test('a verdict that the file has no room for is told, and with more room it is written', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  const verdict = testVerdict(randomBytes(300_000).toString('base64'));
  {
    using store = open({ file, maxBytes: LEAST_BYTES });
    store.write({ exchanges: [], minutes: [], verdicts: [verdict] });
    assert.match(store.status().error ?? '', /store\.maxBytes is too small .*: raise it/);
  }
  using store = open({ file, maxBytes: 16 * LEAST_BYTES });
  store.write({ exchanges: [], minutes: [], verdicts: [verdict] });
  assert.equal(store.savedVerdicts()[0]?.state, verdict.state);
});

test('without a file it lives in memory, in less room', () => {
  using store = open({ maxBytes: 2 ** 30, examplesPerFinding: 2 });
  for (let i = 0; i < 400; i++) {
    const body = randomBytes(200_000);
    store.write(batch([differing(`${i}`, [`body.f${i}`], { at: AT + i, primary: testAnswer(body) })]));
  }
  const { file, bytes, maxBytes, state } = store.status();
  assert.deepEqual([file, maxBytes, state], ['memory', MEMORY_BYTES, 'open']);
  assert.ok(bytes > MEMORY_BYTES / 2 && bytes <= MEMORY_BYTES, `${bytes} bytes`);
  assert.equal(idsOf(store)[0], '399');
});

test('a reader sees what an instance writes, while it writes', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  using store = open({ file });
  using opened = openStoreReader(file);
  store.write({ exchanges: [testExchange('a')], minutes: [testMinute()], verdicts: [testVerdict('x')] });
  assert.equal(opened.reader.exchanges({ limit: 1 }).items[0]?.id, 'a');
  assert.equal(opened.reader.exchange('a')[0]?.primary.body.length, 2);
  assert.equal(opened.reader.savedVerdicts()[0]?.state, 'x');
  assert.deepEqual(opened.reader.minutes('orders', 'v2', AT, AT + 1), [testMinute()]);
});

test('a finished file can be read where nothing may be written', () => {
  using folder = temporaryFolder();
  const file = folder.file('store.db');
  {
    using store = open({ file });
    store.write(batch([testExchange('a')]));
  }
  chmodSync(file, 0o400);
  chmodSync(dirname(file), 0o500);
  try {
    using opened = openStoreReader(file);
    assert.equal(opened.reader.exchanges({ limit: 1 }).items[0]?.id, 'a');
  } finally {
    chmodSync(dirname(file), 0o700);
  }
});
