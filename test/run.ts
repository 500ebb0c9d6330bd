/**
 * What `npm test` runs: format, lint, types, the state of the generated pages, then every test. `npm test -- src/wire`
 * runs the tests below a path and nothing else. Where `CI` is set, a test that is skipped counts as a failure: there every
 * real peer is there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const SUITES = ['src', 'test', 'tools', 'bench'];
/** Files tested at the same time: suites measure times and start real peers. */
const CONCURRENCY = 2;
/** One test, ms; a hang must not hold up a machine for hours. */
const TEST_TIMEOUT_MS = 300_000;

const env = {
  ...process.env,
  PATH: join(ROOT, 'node_modules', '.bin') + delimiter + (process.env['PATH'] ?? ''),
};

function run(command: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined) process.stderr.write(`${command}: ${error.message}\n`);
  return status === 0;
}

function checks(): readonly (readonly [name: string, command: string, args: readonly string[]])[] {
  const docs = existsSync(join(ROOT, 'tools', 'docs.ts'));
  return [
    ['format (mend with: npm run format)', 'oxfmt', ['--check', '.']],
    ['lint', 'oxlint', ['--deny-warnings']],
    ['types', 'tsc', ['--noEmit']],
    ...(docs
      ? [['docs (mend with: npm run docs)', process.execPath, ['tools/docs.ts', '--check']] as const]
      : []),
  ];
}

/** @returns test files, empty for a path that has none */
function filesBelow(path: string): readonly string[] {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  const files = globSync(`${path.replace(/\/+$/, '')}/**/*.test.ts`, { cwd: ROOT });
  return files.filter((file) => !file.includes('node_modules')).toSorted();
}

/** Names of skipped tests, from the runner's TAP output. */
function skippedIn(tap: string): readonly string[] {
  return [...tap.matchAll(/^ *ok \d+ - (.*) # SKIP(.*)$/gm)].map((found) => `${found[1]}:${found[2]}`);
}

function test(files: readonly string[]): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-test-'));
  try {
    const tap = join(folder, 'tap');
    const passed = run(process.execPath, [
      '--test',
      `--test-concurrency=${CONCURRENCY}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      '--test-reporter=tap',
      `--test-reporter-destination=${tap}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      ...files,
    ]);
    const skipped = (process.env['CI'] ?? '') === '' ? [] : skippedIn(readFileSync(tap, 'utf8'));
    for (const name of skipped) process.stderr.write(`skipped although CI is set: ${name}\n`);
    return passed && skipped.length === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function main(paths: readonly string[]): number {
  const empty = paths.find((path) => filesBelow(path).length === 0);
  if (empty !== undefined) {
    process.stderr.write(`no tests below ${empty}\n`);
    return 64;
  }
  for (const [name, command, args] of paths.length === 0 ? checks() : []) {
    process.stdout.write(`▶ ${name}\n`);
    if (!run(command, args)) {
      process.stderr.write(`✖ ${name}\n`);
      return 1;
    }
  }
  return test((paths.length === 0 ? SUITES : paths).flatMap(filesBelow)) ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
