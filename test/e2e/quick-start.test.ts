import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Summary } from '../../src/model/status.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import type { Peer } from '../fixtures/peers.ts';
import { patternBytes } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import type { TemporaryFolder } from '../fixtures/temporary-folder.ts';
import { spawnTied } from '../fixtures/understudy.ts';

// The README's five minutes, with real servers of somebody else on both sides and curl as the client.
const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'understudy');

/** Runs the launcher until the test is over. */
async function startFromReadme(...args: readonly string[]) {
  const child = spawnTied(LAUNCHER, args);
  return {
    stop: () => {
      child.process.kill('SIGTERM');
      return child.ended();
    },
    stderr: child.stderr,
    [Symbol.asyncDispose]: () => child.kill(),
  };
}

/** Everything that curl prints: head and body. */
async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-i', '--max-time', '10', ...args], {
    encoding: 'latin1',
  });
  // The only line that says when it was asked.
  return stdout.replace(/^Date: .*\r\n/gim, '');
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** `run` as the README calls it. */
function quickStart(live: number, primary: number, mirror: number): readonly string[] {
  return ['run', '--listen', `127.0.0.1:${live}`, '--primary', url(primary), '--mirror', url(mirror)];
}

/** One nginx worker that keeps everything in the folder. */
function startNginx(folder: TemporaryFolder, servers: string, ready: number): Promise<Peer> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    folder.file('nginx.conf'),
    `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${folder.file('nginx.pid')};
error_log ${folder.file('error.log')}; events { worker_connections 256; }
http {
  ${temporary.map((name) => `${name}_temp_path ${folder.file(name)};`).join(' ')}
  client_max_body_size 16m; access_log off;
  log_format short '$request_method $uri $status $request_length $http_x_understudy_mirror';
  ${servers}
}`,
  );
  const options = ['-e', folder.file('error.log'), '-p', folder.path, '-c', folder.file('nginx.conf')];
  return startPeer('nginx', options, ready);
}

async function summary(admin: number): Promise<Summary> {
  return (await (await fetch(`http://127.0.0.1:${admin}/api/v1/summary`)).json()) as Summary;
}

function site(folder: TemporaryFolder): string {
  const path = folder.file('site');
  mkdirSync(path);
  writeFileSync(join(path, 'hello.txt'), 'hello from a file\n');
  writeFileSync(join(path, 'large.bin'), patternBytes(300_000));
  return path;
}

test('python3 -m http.server', { skip: missingPeers('python3', 'curl') }, async () => {
  using folder = temporaryFolder();
  const path = site(folder);
  const [primary, mirror, live, admin] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const serve = (port: number) =>
    spawnTied('python3', [
      '-u',
      '-m',
      'http.server',
      String(port),
      '--bind',
      '127.0.0.1',
      '--directory',
      path,
    ]);
  const [one, two] = [serve(primary), serve(mirror)];
  try {
    for (const port of [primary, mirror])
      await eventually('it serves', () => fetch(`http://127.0.0.1:${port}/`));
    await using understudy = await startFromReadme(
      ...quickStart(live, primary, mirror),
      '--admin',
      `127.0.0.1:${admin}`,
      '--json',
    );
    await eventually('it is ready', async () => (await fetch(`${url(admin)}/readyz`)).ok, 20_000);
    const requests = [
      ['/'],
      ['/hello.txt'],
      ['/large.bin'],
      ['/missing'],
      ['-I', '/hello.txt'],
      ['-X', 'POST', '-d', 'hello', '/'],
    ];
    for (const request of requests) {
      const asked = (port: number) => curl(...request.slice(0, -1), url(port) + request.at(-1));
      equal(await asked(live), await asked(primary), request.join(' '));
    }
    await eventually('copies are in the log of the mirror', () => {
      const log = two.stderr();
      return ['GET /hello.txt', 'GET /large.bin', 'GET /missing', 'HEAD /hello.txt'].every((line) =>
        log.includes(`"${line} HTTP/1.1"`),
      );
    });
    equal(two.stderr().includes('POST'), false, 'writes are held back');
    const counted = await eventually('the pairs are compared', async () => {
      const now = await summary(admin);
      return now.pairs.same + now.pairs.different === 5 && now;
    });
    equal(counted.requests.http1, 6);
    equal(counted.heldWrites, 1);
    equal(counted.pairs.same, 5);
    await two.kill();
    equal(await curl(`${url(live)}/hello.txt`), await curl(`${url(primary)}/hello.txt`));
    await eventually('why copies fail is counted', async () => (await summary(admin)).failures.connect === 1);
    match(
      await (await fetch(`${url(admin)}/metrics`)).text(),
      /understudy_mirror_failures_total\{policy="main",mirror="mirror",reason="connect"\} 1/,
    );
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.ended, 'signal');
    equal(result.exchanges, 7);
  } finally {
    for (const child of [one, two]) await child.kill();
  }
});

test(
  'nginx with curl, keep-alive, ranges and a large upload',
  { skip: missingPeers('nginx', 'curl') },
  async () => {
    using folder = temporaryFolder();
    const path = site(folder);
    const [primary, mirror, live, admin] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const server = (port: number, name: string): string =>
      `server { listen 127.0.0.1:${port}; root ${path}; access_log ${folder.file(name)} short; location /up { proxy_pass ${url(port)}/hello.txt; proxy_method GET; proxy_set_header x-understudy-mirror ''; } }`;
    await using _nginx = await startNginx(
      folder,
      server(primary, 'primary.log') + server(mirror, 'mirror.log'),
      mirror,
    );
    await using understudy = await startFromReadme(
      ...quickStart(live, primary, mirror),
      '--writes',
      'mirror',
      '--admin',
      `127.0.0.1:${admin}`,
      '--json',
    );
    await eventually('it is ready', async () => (await fetch(`${url(admin)}/readyz`)).ok, 20_000);
    writeFileSync(folder.file('upload'), patternBytes(700_000));
    const requests = (port: number): readonly (readonly string[])[] => [
      // Two requests over one connection.
      [`${url(port)}/hello.txt`, `${url(port)}/large.bin`],
      ['-r', '1000-1999', `${url(port)}/large.bin`],
      ['-H', 'Expect: 100-continue', '--data-binary', `@${folder.file('upload')}`, `${url(port)}/up`],
      ['-H', 'Transfer-Encoding: chunked', '--data-binary', `@${folder.file('upload')}`, `${url(port)}/up`],
      ['--http1.0', `${url(port)}/hello.txt`],
    ];
    for (const [i, request] of requests(live).entries())
      equal(await curl(...request), await curl(...(requests(primary)[i] ?? [])), request.join(' '));
    const { code, result } = await understudy.stop();
    equal(code, 0);
    equal(result.exchanges, 6);
    equal(result.mirrored, 6);
    equal(result.pairs.same, 6, JSON.stringify(result.policies[0]?.mirrors[0]));
    const log = readFileSync(folder.file('mirror.log'), 'utf8').trim().split('\n');
    const copies = log
      .filter((line) => line.endsWith(' main/mirror'))
      .map((line) => line.split(' ').slice(0, 3).join(' '));
    deepEqual(copies.toSorted(), [
      'GET /hello.txt 200',
      'GET /hello.txt 200',
      'GET /large.bin 200',
      'GET /large.bin 206',
      'POST /up 200',
      'POST /up 200',
    ]);
  },
);

test(
  'HTTP/2 goes through nginx and curl untouched, and is seen',
  { skip: missingPeers('nginx', 'curl') },
  async () => {
    using folder = temporaryFolder();
    const path = site(folder);
    const [primary, live, admin] = [await freePort(), await freePort(), await freePort()];
    const server = `server { listen 127.0.0.1:${primary} http2; root ${path}; }`;
    await using _nginx = await startNginx(folder, server, primary);
    await using understudy = await startFromReadme(
      ...quickStart(live, primary, primary),
      '--admin',
      `127.0.0.1:${admin}`,
      '--json',
    );
    await eventually('it is ready', async () => (await fetch(`${url(admin)}/readyz`)).ok, 20_000);
    for (const file of ['hello.txt', 'large.bin', 'missing']) {
      const asked = (port: number) => curl('--http2-prior-knowledge', `${url(port)}/${file}`);
      equal(await asked(live), await asked(primary));
    }
    const { result } = await understudy.stop();
    deepEqual(result.requests, { http1: 0, http2: 3 });
    deepEqual([result.exchanges, result.incomplete], [3, 0]);
    equal(result.taps[0]?.unfollowed.given_up, 0);
  },
);
