import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { freePort, missingPeers } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import type { TemporaryFolder } from '../fixtures/temporary-folder.ts';

// The gate of docs/pipelines.md, word for word as it stands there.
const ROOT = join(import.meta.dirname, '..', '..');
const OPTIONS = { timeout: 180_000, skip: missingPeers('curl', 'sh') };

/** Sends requests until it is killed; what goes wrong when the gate closes its door does not matter. */
const LOAD = `const target = process.argv[2];
async function user(id) {
  for (let i = 0; ; i++) {
    await fetch(\`\${target}/\${i % 2 === 0 ? 'orders' : 'items'}/\${id * 100000 + i}\`).then((answer) => answer.text()).catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
  }
}
for (let id = 0; id < 8; id++) void user(id);
`;

function gateScript(): string {
  const page = readFileSync(join(ROOT, 'docs', 'pipelines.md'), 'utf8');
  const [, script] = /```sh\n(#!\/bin\/sh\n# gate\.sh[\s\S]*?)```/.exec(page) ?? [];
  if (script === undefined) throw new Error('docs/pipelines.md has no gate.sh');
  return script;
}

/** A service that answers with JSON. */
async function startService(answer: (path: string) => object) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer(request.url ?? '')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function order(path: string): object {
  return { path, total: 12.5, customer: { name: 'Ada' } };
}

interface GateEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function runGate(folder: TemporaryFolder, env: Readonly<Record<string, string>>): Promise<GateEnd> {
  writeFileSync(folder.file('gate.sh'), gateScript());
  writeFileSync(folder.file('load.mjs'), LOAD);
  writeFileSync(
    folder.file('load.sh'),
    `#!/bin/sh\nexec ${process.execPath} ${folder.file('load.mjs')} "$1"\n`,
  );
  for (const name of ['gate.sh', 'load.sh']) chmodSync(folder.file(name), 0o755);
  const child = spawn(folder.file('gate.sh'), {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${join(ROOT, 'bin')}:${process.env['PATH'] ?? ''}`,
      LISTEN: `127.0.0.1:${await freePort()}`,
      ADMIN: `127.0.0.1:${await freePort()}`,
      LOAD: folder.file('load.sh'),
      UNTIL: 'verdict,90s',
      ...env,
    },
  });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: await out, err: await err };
}

test('the gate of the manual lets a version through that answers the same', OPTIONS, async () => {
  using folder = temporaryFolder();
  using primary = await startService(order);
  using control = await startService(order);
  using mirror = await startService(order);
  const { code, out, err } = await runGate(folder, {
    PRIMARY: primary.url,
    CONTROL: control.url,
    MIRROR: mirror.url,
  });
  equal(code, 0, out + err);
  match(out, /^PASS main → mirror/);
  deepEqual(readdirSync(folder.file('out')).toSorted(), [
    'junit.xml',
    'load.log',
    'report.html',
    'report.json',
    'report.md',
    'report.txt',
    'summary.json',
    'summary.txt',
    'understudy.log',
  ]);
});

test('the gate of the manual stops a version that forgets a field, and names it', OPTIONS, async () => {
  using folder = temporaryFolder();
  using primary = await startService(order);
  using mirror = await startService((path) =>
    path.startsWith('/orders/') ? { ...order(path), customer: {} } : order(path),
  );
  const { code, out, err } = await runGate(folder, { PRIMARY: primary.url, MIRROR: mirror.url });
  equal(code, 1, out + err);
  match(out, /^FAIL main → mirror/);
  match(out, /fails the gate: high risk, missing at body\.customer\.name of GET \/orders\/\{/);
  const report = JSON.parse(readFileSync(folder.file('out/report.json'), 'utf8'));
  equal(report.state, 'fail');
  const [finding] = report.verdicts[0].mirrors[0].findings;
  deepEqual([finding.kind, finding.path, finding.fails], ['missing', 'body.customer.name', true]);
  ok(report.examples.length > 0, 'there is an example of it');
  match(readFileSync(folder.file('out/junit.xml'), 'utf8'), /<failure /);
});

test('the gate of the manual says so when it cannot be decided, or was called wrongly', OPTIONS, async () => {
  using folder = temporaryFolder();
  using primary = await startService(order);
  writeFileSync(folder.file('few.sh'), '#!/bin/sh\ncurl -s "$1/[1-5]"\n');
  chmodSync(folder.file('few.sh'), 0o755);
  const undecided = await runGate(folder, {
    PRIMARY: primary.url,
    MIRROR: primary.url,
    UNTIL: 'verdict,5-pairs,60s',
    LOAD: folder.file('few.sh'),
  });
  equal(undecided.code, 2, undecided.out + undecided.err);
  match(undecided.out, /^UNDECIDED main → mirror/);
  const wrong = await runGate(folder, { PRIMARY: 'nonsense', MIRROR: primary.url });
  equal(wrong.code, 64);
  match(wrong.err, /hint/);
});
