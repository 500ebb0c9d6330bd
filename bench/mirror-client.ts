/**
 * What a copy costs the observer: µs CPU of this process, system calls included, per bodyless GET with a 300-byte answer
 * from a local nginx, 32 copies under way. Each request is decoded anew, as on the tape; beside it stands what a bare
 * socket costs that writes the same bytes and looks at nothing. This process and nginx get a core each.
 *
 *   node bench/mirror-client.ts [--json]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { Mirror } from '../src/mirror/mirror.ts';
import type { CopyRequest } from '../src/model/copy.ts';
import { RequestDecoder } from '../src/wire/http1/decoder.ts';
import type { Http1RequestHead } from '../src/wire/http1/head.ts';
import { findBinary } from './binaries.ts';
import { divideCores } from './cores.ts';
import { nginxConfig } from './nginx-config.ts';
import { freePort, untilListening } from './ports.ts';
import { openProcesses } from './processes.ts';

const UNDER_WAY = 32;
const WARM_UP = 60_000;
const COPIES = 100_000;
const ROUNDS = 5;
const ANSWER_BYTES = 300;
const POST_BODY = Buffer.alloc(4096, 'x');

const FIELDS = [
  'Host: orders.example:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64)',
  'Accept: application/json',
  'Accept-Encoding: gzip, deflate',
  'X-Request-Id: 0123456789abcdef',
  'Cookie: session=0123456789abcdef0123456789abcdef',
  'Connection: keep-alive',
];
const GET = Buffer.from(`GET /api/orders/12345?expand=items HTTP/1.1\r\n${FIELDS.join('\r\n')}\r\n\r\n`);
const POST = Buffer.concat([
  Buffer.from(
    `POST /api/orders HTTP/1.1\r\n${FIELDS.join('\r\n')}\r\nContent-Length: ${POST_BODY.length}\r\n\r\n`,
  ),
  POST_BODY,
]);

interface Result {
  readonly name: string;
  readonly cpuMicros: number;
  readonly perSecond: number;
}

/** Best round: the others tell what else the machine was doing. */
async function measure(name: string, run: (count: number) => Promise<void>): Promise<Result> {
  await run(WARM_UP);
  let best: Result = { name, cpuMicros: Infinity, perSecond: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const from = process.cpuUsage();
    const start = performance.now();
    await run(COPIES);
    const { user, system } = process.cpuUsage(from);
    const cpuMicros = (user + system) / COPIES;
    const perSecond = Math.round(COPIES / ((performance.now() - start) / 1000));
    if (cpuMicros < best.cpuMicros) best = { name, cpuMicros, perSecond };
  }
  return best;
}

function mirrorTo(port: number): Mirror {
  return new Mirror({
    policy: 'bench',
    mirror: {
      name: 'nginx',
      endpoint: {
        url: `http://127.0.0.1:${port}`,
        address: { kind: 'tcp', host: '127.0.0.1', port },
        protocol: 'http1',
        tls: false,
      },
      tls: undefined,
    },
    order: 'none',
    markerKey: Buffer.alloc(32, 1),
    limits: {
      concurrency: 64,
      queue: 256,
      bodyBytes: 1024 * 1024,
      bufferBytes: 64 * 1024 * 1024,
      timeoutMs: 5_000,
      streamTimeoutMs: 60_000,
      messages: 10_000,
      requestsPerSecond: undefined,
      bytesPerSecond: undefined,
      breaker: { failures: 5, openMs: 1_000, openMaxMs: 30_000 },
    },
    rewrite: {
      host: 'preserve',
      path: undefined,
      headers: { set: { 'x-env': 'shadow' }, add: {}, remove: ['authorization'] },
      redact: { headers: [], queryParams: [], jsonFields: [] },
    },
  });
}

/** Copies `count` requests, always `UNDER_WAY` at a time. */
function copies(mirror: Mirror, request: Uint8Array, count: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let begun = 0;
  let done = 0;
  const onDone: CopyRequest['onDone'] = (outcome) => {
    if (outcome.kind !== 'answered') reject(new Error(`a copy failed: ${JSON.stringify(outcome)}`));
    if (++done === count) resolve();
    else if (begun < count) decoder.write(request);
  };
  let copy: ReturnType<Mirror['copy']>;
  const decoder = new RequestDecoder({
    head(head: Http1RequestHead, framing) {
      copy = mirror.copy({
        id: `b-${(++begun).toString(36)}`,
        head,
        body: framing.kind === 'length' ? framing.bytes : 'none',
        connectionId: 1,
        onDone,
      });
      if (typeof copy === 'string') reject(new Error(copy));
    },
    body: (chunk) => void (typeof copy !== 'string' && copy.write(chunk)),
    end: () => void (typeof copy !== 'string' && copy.end()),
    bodyGap: () => {},
    tunnel: () => {},
    broken: (reason) => reject(new Error(reason)),
  });
  for (let i = 0; i < UNDER_WAY; i++) decoder.write(request);
  return promise;
}

/** What the same bytes cost on bare sockets. */
function bare(port: number, request: Uint8Array, count: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let begun = 0;
  let done = 0;
  for (let i = 0; i < UNDER_WAY; i++) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const send = (): void => {
      if (begun++ < count) socket.write(request);
      else socket.destroy();
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', () => {
      if (++done === count) resolve();
      send();
    });
  }
  return promise;
}

async function main(): Promise<void> {
  const nginx = findBinary('nginx');
  if (nginx === undefined) throw new Error('nginx is not installed');
  const cores = divideCores();
  spawnSync('taskset', ['-a', '-p', '-c', String(cores.proxy), String(process.pid)]);
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  await using processes = openProcesses();
  await using mirrors = new AsyncDisposableStack();
  try {
    const port = await freePort();
    const answer = 'x'.repeat(ANSWER_BYTES);
    writeFileSync(
      join(folder, 'nginx.conf'),
      nginxConfig(folder, `server { listen 127.0.0.1:${port}; location / { return 200 "${answer}"; } }`),
    );
    const child = processes.start(cores.load, {
      file: nginx,
      args: ['-p', folder, '-c', join(folder, 'nginx.conf')],
    });
    await untilListening(port, 5_000, child.ended);
    const mirror = mirrors.use(mirrorTo(port));
    const results = [
      await measure('bare sockets, GET', (count) => bare(port, GET, count)),
      await measure('decode and copy, GET', (count) => copies(mirror, GET, count)),
      await measure('bare sockets, POST 4 KiB', (count) => bare(port, POST, count)),
      await measure('decode and copy, POST 4 KiB', (count) => copies(mirror, POST, count)),
    ];
    print(results);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(results: readonly Result[]): void {
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ answerBytes: ANSWER_BYTES, underWay: UNDER_WAY, results })}\n`);
    return;
  }
  process.stdout.write(
    `${UNDER_WAY} under way, answers of ${ANSWER_BYTES} bytes, best of ${ROUNDS} rounds\n`,
  );
  for (const { name, cpuMicros, perSecond } of results) {
    process.stdout.write(
      `${cpuMicros.toFixed(2).padStart(7)} µs CPU ${String(perSecond).padStart(7)} /s  ${name}\n`,
    );
  }
}

await main();
