/**
 * What one observer costs for each exchange: µs CPU, system calls included, from the tape to the compared pair, with a
 * real nginx as the mirror. Live workers are left out: the tape is written here, and that part is measured apart.
 *
 *   node --single-threaded-gc bench/observer.ts [--closing]
 *
 * --closing: a connection for each exchange.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { heldWritesBuffer } from '../src/compare/held-writes.ts';
import { epochMicros } from '../src/kit/clock.ts';
import { createTapeTrack, TapeWriter } from '../src/live/tape-writer.ts';
import type { TapeTrack } from '../src/live/tape-writer.ts';
import { testMatch, testPolicy } from '../src/model/fixtures.ts';
import type { Policy } from '../src/model/policy.ts';
import { createTape, FROM_CLIENT, FROM_PRIMARY, unreadBytes, viewTape } from '../src/model/tape.ts';
import type { Tape } from '../src/model/tape.ts';
import { TapeThread } from '../src/workers/tape-thread.ts';
import { findBinary } from './binaries.ts';
import { divideCores } from './cores.ts';
import { nginxConfig } from './nginx-config.ts';
import { freePort, untilListening } from './ports.ts';
import { openProcesses } from './processes.ts';

const CLOSING = process.argv.includes('--closing');
const CONNECTIONS = 32;
const EXCHANGES = 100_000;
const ROUNDS = 4;
const BODY = 'x'.repeat(300);
const REQUEST = Buffer.from(
  'GET / HTTP/1.1\r\nHost: orders.example:8080\r\nUser-Agent: bench\r\nAccept: */*\r\nX-Env: prod\r\nX-Team: shop\r\n\r\n',
);
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 300\r\nConnection: keep-alive\r\n\r\n${BODY}`,
);

function policy(port: number): Policy {
  const headers = [
    { type: 'Exact', name: 'x-env', value: 'prod' },
    { type: 'Exact', name: 'x-team', value: 'shop' },
  ] as const;
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const endpoint = { url: `http://127.0.0.1:${port}`, address, protocol: 'http1', tls: false } as const;
  return testPolicy({
    name: 'bench',
    matches: [testMatch({ headers })],
    mirrors: [{ name: 'copy', endpoint, tls: undefined }],
  });
}

/** Writes exchanges as a live worker does, as fast as the observer finishes them. */
async function exchanges(writer: TapeWriter, tape: Tape, count: number): Promise<void> {
  const tracks = Array.from({ length: CONNECTIONS }, (_, index) =>
    createTapeTrack(index + 1, index, () => ({
      sourceIp: '127.0.0.1',
      sourcePort: 40_000 + index,
      destinationIp: '127.0.0.1',
      destinationPort: 8080,
      tls: false,
      principal: '',
    })),
  );
  const { control } = viewTape(tape);
  if (!CLOSING) for (const track of tracks) writer.open(track, epochMicros());
  for (let written = 0; written < count;) {
    if (unreadBytes(control) < 65_536) {
      if (CLOSING) for (const track of tracks) writer.open(track, epochMicros());
      for (const track of tracks) writer.data(track, FROM_CLIENT, REQUEST, epochMicros());
      for (const track of tracks) writer.data(track, FROM_PRIMARY, ANSWER, epochMicros());
      if (CLOSING) for (const track of tracks) end(writer, track);
      written += CONNECTIONS;
    }
    await pause(1);
  }
  if (!CLOSING) for (const track of tracks) writer.close(track, undefined, epochMicros());
}

function end(writer: TapeWriter, track: TapeTrack): void {
  writer.end(track, FROM_PRIMARY, epochMicros());
  writer.close(track, undefined, epochMicros());
}

async function main(): Promise<void> {
  const nginx = findBinary('nginx');
  if (nginx === undefined) throw new Error('nginx is not installed');
  const cores = divideCores();
  spawnSync('taskset', ['-a', '-p', '-c', String(cores.proxy), String(process.pid)]);
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  await using processes = openProcesses();
  try {
    const port = await freePort();
    const config = nginxConfig(
      folder,
      `server { listen 127.0.0.1:${port}; location / { return 200 "${BODY}"; } }`,
    );
    writeFileSync(join(folder, 'nginx.conf'), config);
    const child = processes.start(cores.load, {
      file: nginx,
      args: ['-p', folder, '-c', join(folder, 'nginx.conf')],
    });
    await untilListening(port, 5_000, child.ended);
    const tape = createTape(1, 16 * 2 ** 20, CONNECTIONS);
    const observer = new TapeThread({
      tap: 'bench',
      tape,
      settings: {
        perWorker: 1,
        tapeBytes: tape.ringBytes,
        heapBytes: 256 * 2 ** 20,
        stallMs: 5000,
        nice: 0,
        headBytes: 65_536,
        connections: 1000,
      },
      policies: [policy(port)],
      paused: [],
      connections: CONNECTIONS,
      idPrefix: 'bench',
      instance: { markerKey: new Uint8Array(32), heldWrites: heldWritesBuffer(), recordedBytes: 65_536 },
      primary: {
        endpoints: [],
        connectTimeoutMs: 1000,
        sendProxyProtocol: 'off',
        restMs: 1000,
        restMaxMs: 1000,
        tls: undefined,
      },
    });
    observer.start();
    const writer = new TapeWriter(tape);
    await exchanges(writer, tape, EXCHANGES / 2);
    for (let round = 0; round < ROUNDS; round++) {
      const from = process.cpuUsage();
      const start = performance.now();
      await exchanges(writer, tape, EXCHANGES);
      const { user, system } = process.cpuUsage(from);
      const rate = Math.round(EXCHANGES / ((performance.now() - start) / 1000));
      process.stdout.write(
        `${((user + system) / EXCHANGES).toFixed(2)} µs CPU (${(user / EXCHANGES).toFixed(2)} user, ${(system / EXCHANGES).toFixed(2)} system), ${rate} exchanges/s\n`,
      );
    }
    const { counts, policies } = observer.thread.report();
    process.stdout.write(
      `${counts.exchanges} exchanges, ${JSON.stringify(policies[0]?.mirrors[0]?.pairs)}\n`,
    );
    await observer.drain();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
