import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as commands from './docs-commands.ts';
import * as configuration from './docs-configuration.ts';
import * as metrics from './docs-metrics.ts';

/**
 * Writes the pages of the manual that are made from the program itself: `node tools/docs.ts`. With `--check` it writes
 * nothing, and fails when one of them is not what it would write.
 */
const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const pages = [configuration, commands, metrics].flatMap(({ generate }) => generate());
const stale = pages.filter(({ path, text }) => readPage(path) !== text);

for (const { path, text } of stale) {
  if (!check) writeFileSync(join(root, path), text);
  process.stdout.write(`${path} ${check ? 'is stale: run npm run docs' : 'written'}\n`);
}
if (check && stale.length > 0) process.exitCode = 1;

function readPage(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
