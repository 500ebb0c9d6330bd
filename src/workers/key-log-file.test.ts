import assert from 'node:assert/strict';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '../../test/fixtures/eventually.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { KeyLog } from '../wire/tls/key-log.ts';
import { KeyLogFile } from './key-log-file.ts';

const line = (random: number): string =>
  `CLIENT_RANDOM ${random.toString(16).padStart(64, '0')} ${'ab'.repeat(48)}\n`;

test('what a key log holds is known at the start, and what comes later when it comes', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('keys.log');
  writeFileSync(path, line(1));
  const keyLog = new KeyLog();
  await using file = new KeyLogFile(path, keyLog);
  await file.start();
  assert.equal(keyLog.size, 1);
  appendFileSync(path, line(2).slice(0, 40));
  appendFileSync(path, line(2).slice(40));
  await eventually('the second is known', () => keyLog.size === 2);
  // Rotated: another file under the same name.
  writeFileSync(`${path}.new`, `# of yesterday\n${line(3)}`);
  renameSync(`${path}.new`, path);
  await eventually('the third is known', () => keyLog.size === 3);
  // Emptied, and shorter than what was read of it.
  writeFileSync(path, line(4));
  await eventually('it is read from its beginning', () => keyLog.size === 4);
  assert.equal(keyLog.counts.malformed, 0);
});

test('a key log may come after the capture', async () => {
  await using folder = await temporaryFolder();
  const keyLog = new KeyLog();
  await using file = new KeyLogFile(folder.file('late.log'), keyLog);
  await file.start();
  writeFileSync(folder.file('late.log'), line(1));
  await eventually('it is known', () => keyLog.size === 1);
});
