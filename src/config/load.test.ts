import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { createTestSurroundings, golden } from '../../test/fixtures/config.ts';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import { DEFAULT_STORE } from '../model/settings.ts';
import { MAX_CONFIG_BYTES, loadConfig, parseConfig } from './load.ts';
import type { LoadedConfig } from './load.ts';
import { ConfigError, renderProblems } from './problem.ts';

const FOLDER = join(import.meta.dirname, 'testdata');
const EXAMPLE = join(import.meta.dirname, '../../docs/example.yaml');
const surroundings = createTestSurroundings({ UNDERSTUDY_ADMIN_TOKEN: 'a-token-for-the-example' });
after(() => surroundings[Symbol.dispose]());

const yamlIn = (folder: string): string[] => globSync(`${folder}/*.yaml`, { cwd: FOLDER }).toSorted();

function parse(text: string, name = 'understudy.yaml'): LoadedConfig {
  return parseConfig(text, name, surroundings);
}

function errorOf(text: string, name?: string): ConfigError {
  try {
    parse(text, name);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return assert.fail('it was accepted');
}

/** Settings with `undefined` shown, and warnings as text. */
function settingsText({ settings, warnings }: LoadedConfig): string {
  const json = JSON.stringify(settings, (_key, value: unknown) => (value === undefined ? null : value), 2);
  return warnings.length === 0 ? `${json}\n` : `${json}\n\n${renderProblems(warnings)}\n`;
}

for (const [file, output] of [
  ...yamlIn('good').map((name) => [join(FOLDER, name), join(FOLDER, name.replace(/yaml$/, 'txt'))] as const),
  [EXAMPLE, join(FOLDER, 'good/example.txt')] as const,
]) {
  test(`accepts ${basename(file)}`, () => {
    const text = settingsText(parse(readFileSync(file, 'utf8'), basename(file)));
    assert.equal(text, golden(output, text));
  });
}

for (const name of yamlIn('bad')) {
  test(`refuses ${basename(name)}`, () => {
    const { message } = errorOf(readFileSync(join(FOLDER, name), 'utf8'), basename(name));
    const text = `${message}\n`;
    assert.equal(text, golden(join(FOLDER, name.replace(/yaml$/, 'txt')), text));
    assert.doesNotMatch(text, /hunter2|Invalid input|undefined|\[object|NaN is/);
  });
}

const MINIMAL = readFileSync(join(FOLDER, 'good/minimal.yaml'), 'utf8');

test('what is not written is as the model says', () => {
  const policy = '\npolicies: [ { name: p, mirrors: [ { name: m, url: "http://m" } ] } ]\n';
  const { settings } = parse(MINIMAL.replace(/^policies:.*$/m, '') + policy);
  assert.deepEqual(settings.policies[0]?.compare, DEFAULT_COMPARE);
  assert.deepEqual(settings.store, DEFAULT_STORE);
});

test('several workers cannot share a Unix socket', () => {
  const unix = MINIMAL.replace('127.0.0.1:8080', 'unix:/run/x.sock');
  assert.notEqual(unix, MINIMAL);
  assert.equal(parse(unix.replace('workers: 1', 'workers: auto')).settings.listeners[0]?.workers, 1);
  assert.match(errorOf(unix.replace('workers: 1', 'workers: 2')).message, /cannot share a Unix socket/);
});

test('workers: auto is half of the processors', () => {
  const { settings } = parse(MINIMAL.replace('workers: 1', 'workers: auto'));
  assert.equal(settings.listeners[0]?.workers, Math.max(1, Math.floor(availableParallelism() / 2)));
});

test('a file that is too large is refused before it is read as YAML', () => {
  const error = errorOf(`${MINIMAL}#${'x'.repeat(MAX_CONFIG_BYTES)}`);
  assert.match(error.message, /more than 1048576 bytes/);
});

const hostile: readonly (readonly [what: string, text: string])[] = [
  ['lists in lists', '['],
  ['sections in sections', '{'],
  ['lists in lists on one line', '- '],
  ['keys that are sections', '? '],
  ['anchors', '&a '],
  ['quotes', '"'],
  ['commas', ','],
  ['the same key', 'key: x\n'],
  ['aliases', '- *a\n'],
];
for (const [what, text] of hostile) {
  test(`a MiB of ${what} is refused in time`, { timeout: 60_000 }, () => {
    const head = what === 'aliases' ? 'a: &a x\nb:\n' : what === 'commas' ? '[' : '';
    errorOf(head + text.repeat((MAX_CONFIG_BYTES - head.length) / text.length));
  });
}

test('control characters of the file do not reach the terminal', () => {
  const { message } = errorOf('listeners: []\n"\\e[31mred\\x07": 1\n');
  assert.doesNotMatch(message, /[^\n\P{Cc}]/u);
});

test('reads a file, with certificates from its folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-config-'));
  try {
    const file = join(folder, 'understudy.yaml');
    writeFileSync(join(folder, 'orders.crt'), surroundings.readText('orders.crt'));
    writeFileSync(join(folder, 'orders.key'), surroundings.readText('orders.key'));
    writeFileSync(join(folder, 'token'), 'a-token-of-some-length\n');
    const tls = 'tls: { cert: orders.crt, key: orders.key } }';
    writeFileSync(file, `${MINIMAL.replace(/ \}\n/, `, ${tls}\n`)}admin: { token: { file: token } }\n`);
    const { settings } = loadConfig(file, {});
    const [listener] = settings.listeners;
    assert.equal(settings.admin.token, 'a-token-of-some-length');
    assert.ok(listener?.tls.mode === 'terminate');
    assert.deepEqual(listener.tls.certificates, [
      { cert: join(folder, 'orders.crt'), key: join(folder, 'orders.key') },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('says so when the file cannot be read', () => {
  assert.throws(() => loadConfig('/nowhere/understudy.yaml', {}), {
    name: 'ConfigError',
    message: /cannot read \/nowhere\/understudy\.yaml: there is no such file/,
  });
  assert.throws(() => loadConfig(tmpdir(), {}), { name: 'ConfigError', message: /it is a folder/ });
});

test('refuses a file that is not UTF-8', () => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-config-'));
  try {
    const file = join(folder, 'understudy.yaml');
    writeFileSync(file, Buffer.from([0x6c, 0xff, 0xfe]));
    assert.throws(() => loadConfig(file, {}), { name: 'ConfigError', message: /not UTF-8/ });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Runs the loader; fails on everything that is neither settings nor a ConfigError with places. */
function survives(text: string): void {
  try {
    const { settings } = parse(text);
    assert.ok(settings.listeners.length > 0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.problems.length > 0);
    for (const problem of error.problems) assert.match(problem.where, /^understudy\.yaml(:\d+:\d+)?$/);
  }
}

const SEEDS = [...yamlIn('good'), ...yamlIn('bad')].map((name) => readFileSync(join(FOLDER, name), 'utf8'));
const WORDS = [
  'null',
  '~',
  '[]',
  '{}',
  '""',
  '0',
  '-1',
  '.nan',
  'true',
  '*a',
  '&a',
  '<<:',
  '? ',
  ': ',
  '- ',
  '{ a: 1 }',
  '__proto__',
  'constructor',
  '\u{1F600}',
  '\u2028',
  '\0',
  '\t',
  '|',
  '>',
  '!!str',
  '%YAML 1.1\n---\n',
  '1e999',
  'unix:',
  '65536',
];

test('property: mutated configurations are accepted or refused, never a crash', () => {
  const cut = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(30),
    word: fc.constantFrom('', ...WORDS),
  });
  fc.assert(
    fc.property(fc.constantFrom(...SEEDS), fc.array(cut, { minLength: 1, maxLength: 4 }), (seed, cuts) => {
      let text = seed;
      for (const { at, length, word } of cuts) {
        const from = Math.floor(at * text.length);
        text = text.slice(0, from) + word + text.slice(from + length);
      }
      survives(text);
    }),
    { numRuns: 300 },
  );
});

test('property: random values in the place of every key are accepted or refused, never a crash', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(...WORDS),
    fc.string({ unit: 'binary' }),
  );
  const keys = [
    'listeners',
    'policies',
    'admin',
    'log',
    'observer',
    'drain',
    'name',
    'listen',
    'primary',
    'tls',
    'endpoints',
    'mirrors',
    'matches',
    'headers',
    'rewrite',
    'set',
    'path',
    'value',
    'type',
    'taps',
    'control',
    'token',
    'limits',
    'compare',
    'ignore',
    'keys',
    'tolerance',
    'noise',
    'routes',
    'templates',
    'gate',
    'latency',
    'store',
    'file',
    '__proto__',
    'toString',
  ];
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5, depthSize: 'medium' },
      value,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('node'), { maxKeys: 6 }),
    ),
  })).node;
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), tree, { maxKeys: 6 }), (root) =>
      survives(JSON.stringify(root)),
    ),
    { numRuns: 300 },
  );
});

test('property: random text is accepted or refused, never a crash', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 300 });
});
