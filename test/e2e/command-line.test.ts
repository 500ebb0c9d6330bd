import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { FAULTS } from '../../src/cli/demo/faults.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'understudy');
const TIMEOUT = { timeout: 60_000 };

/** A service that counts its requests. */
async function startService() {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end('hello');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function understudy(...args: readonly string[]) {
  const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, out: text(child.stdout), err: text(child.stderr) };
}

function quickStart(port: number, primary: string, mirror: string): readonly string[] {
  return ['run', '--listen', `127.0.0.1:${port}`, '--primary', primary, '--mirror', mirror];
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

async function answering(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.text();
    if (response?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('run --until --json ends by itself and says what it did in its last line', TIMEOUT, async () => {
  using primary = await startService();
  using mirror = await startService();
  const port = await freePort();
  const { child, out, err } = understudy(
    ...quickStart(port, primary.url, mirror.url),
    '--admin',
    'off',
    '--until',
    '5-pairs',
    '--json',
  );
  await answering(`http://127.0.0.1:${port}/`);
  for (let i = 0; i < 4; i++) equal(await (await fetch(`http://127.0.0.1:${port}/${i}`)).text(), 'hello');
  equal(await (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' })).text(), 'hello');
  equal(await exitCode(child), 0, await err);
  const result = JSON.parse((await out).trimEnd().split('\n').at(-1) ?? '');
  equal(result.ended, 'until');
  equal(result.requests.http1, primary.requests());
  equal(result.mirrored, mirror.requests());
  deepEqual(result.pairs, { same: mirror.requests(), different: 0, incomplete: 0 });
  equal(result.notMirrored.unsafe_method, result.heldWrites);
});

test('SIGTERM ends it with 0; what it wrote to a reader that left does not matter', TIMEOUT, async () => {
  using primary = await startService();
  const port = await freePort();
  const args = [...quickStart(port, primary.url, primary.url), '--admin', 'off', '--log', 'debug', '--json'];
  const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  await answering(`http://127.0.0.1:${port}/`);
  child.kill('SIGTERM');
  equal(await exitCode(child), 0);
});

test('an address that is taken is a user error', TIMEOUT, async () => {
  using primary = await startService();
  using other = await startService();
  const port = Number(new URL(other.url).port);
  const { child, err } = understudy(...quickStart(port, primary.url, primary.url), '--admin', 'off');
  equal(await exitCode(child), 64);
  match(await err, /^understudy: .*\n {2}hint: /m);
});

test('a policy paused through the admin API copies nothing more', TIMEOUT, async () => {
  using primary = await startService();
  using mirror = await startService();
  const [port, admin] = [await freePort(), await freePort()];
  const listen = `127.0.0.1:${admin}`;
  const { child, out, err } = understudy(
    ...quickStart(port, primary.url, mirror.url),
    '--admin',
    listen,
    '--json',
  );
  const api = `http://${listen}`;
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
  await answering(`${api}/readyz`);
  const paused = await fetch(`${api}/api/v1/policies/main/pause`, { method: 'POST' });
  equal(((await paused.json()) as { state: { kind: string } }).state.kind, 'paused');
  match(await (await fetch(`${api}/metrics`)).text(), /^understudy_policy_paused\{policy="main"\} 1$/m);
  // Observers learn of it a moment later.
  for (let held = 0; held === 0;) {
    await ask();
    const summary = (await (await fetch(`${api}/api/v1/summary`)).json()) as {
      notMirrored: { paused: number };
    };
    held = summary.notMirrored.paused;
  }
  const before = mirror.requests();
  for (let i = 0; i < 5; i++) await ask();
  child.kill('SIGTERM');
  equal(await exitCode(child), 0, await err);
  const result = JSON.parse(await out);
  equal(mirror.requests(), before);
  equal(result.mirrored + result.notMirrored.paused, primary.requests());
});

test(
  'the demo ends with a verdict that names every planted fault and nothing else, with every user answered',
  { timeout: 240_000 },
  async () => {
    const { child, out, err } = understudy('demo', '--rate', '1500');
    const printed = await out;
    equal(await exitCode(child), 0, `${printed}\n${await err}`);
    const planted = FAULTS.length;
    ok(
      printed.includes(`Of ${planted} planted faults the verdict names ${planted}, and nothing else`),
      printed,
    );
    match(printed, /^FAIL orders-v2 → v2: /m);
    match(printed, /users: \d+ answered, 0 failed/);
    ok(!printed.includes('\u001B'), 'no terminal codes in a pipe');
  },
);
