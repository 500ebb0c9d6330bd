/**
 * Whether comparing is felt on the live path: one instance on one core with three listeners before the same primary. One
 * copies nothing (`percent: 0`), one compares answers that are equal, one compares 2 KiB of JSON with a field that differs in
 * each. They take turns at the same load; an nginx answers as the primary, another one as the mirror.
 *
 *   node bench/compare-live.ts [--rounds 40] [--seconds 1] [--rate 1000]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { httpGet } from './ask.ts';
import { findBinary } from './binaries.ts';
import { divideCores, leaveProxyCore } from './cores.ts';
import { runLoad } from './load.ts';
import type { Load } from './load.ts';
import { nginxConfig } from './nginx-config.ts';
import { freePort, untilListening } from './ports.ts';
import { openProcesses } from './processes.ts';
import type { Processes } from './processes.ts';
import { SMALL_GET } from './scenarios.ts';
import { spreadOf } from './statistics.ts';
import { table } from './table.ts';

const START_MS = 20_000;
const CONNECTIONS = 8;
/** Copies under way may end before the next one has its turn. */
const WARM_UP_SECONDS = 2;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '1' },
    rate: { type: 'string', default: '1000' },
  },
});

function bodyOf(currency: string): string {
  const items = Array.from({ length: 26 }, (_, i) => ({
    sku: `sku-${i}`,
    count: i,
    price: 12.5 * i,
    name: 'a thing to order',
  }));
  return JSON.stringify({ id: 4711, currency, total: 123.45, items });
}

interface Way {
  readonly name: string;
  readonly title: string;
  readonly port: number;
  readonly loads: Load[];
}

async function startNginx(
  processes: Processes,
  cores: string,
  folder: string,
  bodies: readonly string[],
): Promise<readonly number[]> {
  mkdirSync(folder);
  const ports: number[] = [];
  const servers: string[] = [];
  for (const body of bodies) {
    const port = await freePort();
    ports.push(port);
    servers.push(
      `server { listen 127.0.0.1:${port}; default_type application/json; location / { return 200 '${body}'; } }`,
    );
  }
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, nginxConfig(folder, servers.join('\n')));
  const nginx = findBinary('nginx');
  if (nginx === undefined || findBinary('wrk') === undefined)
    throw new Error('the benchmark needs nginx and wrk');
  const child = processes.start(cores, { file: nginx, args: ['-e', 'stderr', '-c', file] });
  for (const port of ports) await untilListening(port, START_MS, child.ended);
  return ports;
}

async function wayOf(name: string, title: string): Promise<Way> {
  return { name, title, port: await freePort(), loads: [] };
}

function policyOf(name: string, port: number, percent: number): object {
  return { name, taps: [name], percent, mirrors: [{ name: 'v2', url: `http://127.0.0.1:${port}` }] };
}

/** A quarter of the values is below it: what is left of a busy machine's disturbances is little. */
function quietQuarter(micros: readonly number[]): number {
  return micros.toSorted((a, b) => a - b)[Math.floor(micros.length / 4)] ?? Number.NaN;
}

const folder = mkdtempSync(join(tmpdir(), 'understudy-compare-live-'));
const cores = divideCores();
leaveProxyCore(cores);
{
  await using processes = openProcesses();
  const [primary = 0] = await startNginx(processes, cores.load, join(folder, 'primary'), [bodyOf('EUR')]);
  const [equal = 0, different = 0] = await startNginx(processes, cores.load, join(folder, 'mirror'), [
    bodyOf('EUR'),
    bodyOf('USD'),
  ]);
  const admin = await freePort();
  const ways = [
    await wayOf('none', 'nothing copied'),
    await wayOf('equal', 'compared, equal'),
    await wayOf('different', 'compared, 2 KiB JSON differs'),
  ];
  const file = join(folder, 'understudy.yaml');
  writeFileSync(
    file,
    stringify({
      admin: { listen: `127.0.0.1:${admin}` },
      log: { level: 'warn' },
      listeners: ways.map(({ name, port }) => ({
        name,
        listen: `127.0.0.1:${port}`,
        primary: `http://127.0.0.1:${primary}`,
        workers: 1,
      })),
      policies: [
        policyOf('none', equal, 0),
        policyOf('equal', equal, 100),
        policyOf('different', different, 100),
      ],
    }),
  );
  const instance = processes.start(String(cores.proxy), {
    file: join(import.meta.dirname, '..', 'bin', 'understudy'),
    args: ['run', '--config', file],
    env: { UNDERSTUDY_NODE: process.execPath },
  });
  for (const { port } of ways) {
    await untilListening(port, START_MS, instance.ended).catch((error: Error) => {
      throw new Error(`${error.message}: ${instance.complaint()}`);
    });
  }
  const workload = {
    ...SMALL_GET,
    path: '/orders/4711',
    connections: CONNECTIONS,
    rate: Number(values.rate),
  };
  for (const { port } of ways) await runLoad(processes, cores.load, port, workload, WARM_UP_SECONDS);
  for (let round = 0; round < Number(values.rounds); round++) {
    // Another one begins in each round, so that none always follows the same one.
    for (let turn = 0; turn < ways.length; turn++) {
      const now = ways[(round + turn) % ways.length];
      now?.loads.push(await runLoad(processes, cores.load, now.port, workload, Number(values.seconds)));
    }
  }
  const policies = JSON.parse((await httpGet(admin, '/api/v1/policies')).body.toString());
  const rows = ways.map(({ name, title, loads }, at) => {
    const p50 = spreadOf(loads.map(({ p50Micros }) => p50Micros));
    const p99 = spreadOf(loads.map(({ p99Micros }) => p99Micros));
    const more = spreadOf(
      loads.map(({ p99Micros }, round) => p99Micros - (ways[0]?.loads[round]?.p99Micros ?? 0)),
    );
    const { same, different: differs, incomplete } = policies[at].mirrors[0].pairs;
    const requests = loads.reduce((sum, load) => sum + load.requests, 0);
    const shown = ({ median, min, max }: typeof p50): string =>
      `${Math.round(median)} (${Math.round(min)} … ${Math.round(max)})`;
    return [
      title,
      String(requests),
      `${same} / ${differs} / ${incomplete}`,
      shown(p50),
      shown(p99),
      name === 'none' ? '–' : shown(more),
      String(Math.round(quietQuarter(loads.map(({ p99Micros }) => p99Micros)))),
    ];
  });
  process.stdout.write(
    `${table(['', 'requests', 'same / different / incomplete', 'p50, µs', 'p99, µs', 'p99 − nothing copied', 'quiet quarter: p99, µs'], rows)}\n`,
  );
}
rmSync(folder, { recursive: true, force: true });
