import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FileWatch } from './file-watch.ts';
import { ManualClock } from './manual-clock.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-watch-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Polling is far away unless a test brings it near, so that what is seen was told by the folder. */
async function watching(files: readonly string[], pollMs = 3_600_000) {
  let changes = 0;
  let wake: (() => void) | undefined;
  const onChange = () => {
    changes++;
    wake?.();
  };
  const watch = await FileWatch.start(files, { onChange, settleMs: 5, pollMs });
  return {
    /** Does something, and resolves when it has been noticed. */
    async noticed(act: () => void) {
      const noticed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      act();
      // The watch alone does not keep the process alive.
      const alive = setInterval(() => {}, 1000);
      await noticed;
      clearInterval(alive);
    },
    changes: () => changes,
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

const kinds: readonly (readonly [string, (file: string) => void])[] = [
  ['writing in place', (file) => writeFileSync(file, 'two and more')],
  [
    'renaming another file to it',
    (file) => {
      writeFileSync(`${file}.new`, 'two');
      renameSync(`${file}.new`, file);
    },
  ],
  ['removing it', (file) => unlinkSync(file)],
];

for (const [kind, act] of kinds) {
  test(`notices ${kind}, again and again`, { timeout: 10_000 }, async () => {
    const file = join(folder, 'a.pem');
    writeFileSync(file, 'one');
    using watch = await watching([file]);
    await watch.noticed(() => act(file));
    await watch.noticed(() => writeFileSync(file, 'three, three'));
    await watch.noticed(() => act(file));
    assert.equal(watch.changes(), 3);
  });
}

test('notices a file that appears', { timeout: 10_000 }, async () => {
  const file = join(folder, 'a.pem');
  using watch = await watching([file]);
  await watch.noticed(() => writeFileSync(file, 'one'));
});

test('notices the swap of a Kubernetes volume', { timeout: 10_000 }, async () => {
  const version = (name: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'tls.crt'), 'same size');
    symlinkSync(name, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  version('..2026_01');
  symlinkSync('..data/tls.crt', join(folder, 'tls.crt'));
  using watch = await watching([join(folder, 'tls.crt')]);
  await watch.noticed(() => version('..2026_02'));
  await watch.noticed(() => version('..2026_03'));
});

test(
  'notices by polling that a link above the folder leads elsewhere, and watches there',
  { timeout: 10_000 },
  async () => {
    for (const name of ['a', 'b']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'tls.crt'), 'same size');
    }
    symlinkSync('a', join(folder, 'current'));
    using watch = await watching([join(folder, 'current', 'tls.crt')], 20);
    await watch.noticed(() => {
      symlinkSync('b', join(folder, 'next'));
      renameSync(join(folder, 'next'), join(folder, 'current'));
    });
    await watch.noticed(() => writeFileSync(join(folder, 'b', 'tls.crt'), 'written in place'));
  },
);

test('waits for a folder that does not exist yet', { timeout: 10_000 }, async () => {
  const file = join(folder, 'later', 'a.pem');
  using watch = await watching([file], 20);
  await watch.noticed(() => {
    mkdirSync(join(folder, 'later'));
    writeFileSync(file, 'one');
  });
});

test('says nothing of other files in the folder', { timeout: 10_000 }, async () => {
  const file = join(folder, 'a.pem');
  writeFileSync(file, 'one');
  using watch = await watching([file]);
  writeFileSync(join(folder, 'b.pem'), 'other');
  await watch.noticed(() => writeFileSync(file, 'two and more'));
  assert.equal(watch.changes(), 1);
});

test('leaves no timer behind', async () => {
  const clock = new ManualClock();
  const watch = await FileWatch.start([join(folder, 'a.pem')], { onChange: () => assert.fail(), clock });
  assert.ok(clock.pending > 0);
  watch[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
