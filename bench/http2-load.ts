import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Load } from './load.ts';
import type { Processes } from './processes.ts';
import { HEADERS, type Workload } from './scenarios.ts';

/** h2load waits for what is under way when the time is up. */
const SLACK_MS = 10_000;

/**
 * Runs h2load with one thread against a port of this machine. It prints no percentiles, so they are taken from its log of
 * all requests: start, status, and duration in microseconds.
 *
 * @throws Error with what h2load said when it fails or does not end
 */
export async function runHttp2Load(
  processes: Processes,
  cores: string,
  port: number,
  workload: Workload,
  seconds: number,
): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-h2load-'));
  const log = join(folder, 'log');
  try {
    const headers = Object.entries(HEADERS).map(([name, value]) => `--header=${name}: ${value}`);
    const child = processes.start(cores, {
      file: 'h2load',
      args: [
        '--threads=1',
        `--clients=${workload.connections}`,
        `--max-concurrent-streams=${workload.streams}`,
        `--duration=${seconds}`,
        `--log-file=${log}`,
        ...(workload.rate > 0 ? [`--rps=${workload.rate / workload.connections}`] : []),
        ...headers,
        `http://127.0.0.1:${port}${workload.path}`,
      ],
    });
    let output = '';
    child.stdout.on('data', (text: string) => {
      output += text;
    });
    const late = setTimeout(() => child.signal('SIGKILL'), seconds * 1000 + SLACK_MS);
    const code = await child.ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`h2load failed (${code}): ${child.complaint()} ${output}`);
    return { ...totals(output), ...percentiles(readFileSync(log, 'latin1')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function totals(output: string): Omit<Load, 'p50Micros' | 'p99Micros'> {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`h2load said something else: ${output}`);
    return Number(found);
  };
  const duration = /^finished in ([\d.]+)(s|ms|us),/m.exec(output);
  const unit = { s: 1e6, ms: 1e3, us: 1 }[duration?.[2] ?? 's'] ?? 1e6;
  return {
    requests: number(/(\d+) done,/),
    durationMicros: Number(duration?.[1]) * unit,
    bytes: number(/^traffic: .*?\((\d+)\) total/m),
    statusErrors: number(/(\d+) 4xx/) + number(/(\d+) 5xx/),
    socketErrors: number(/(\d+) errored/),
    timeouts: number(/(\d+) timeout/),
  };
}

function percentiles(log: string): Pick<Load, 'p50Micros' | 'p99Micros'> {
  const lines = log.trimEnd().split('\n');
  const micros = Float64Array.from(lines, (line) => Number(line.split('\t')[2])).toSorted();
  const at = (share: number): number => micros[Math.floor(share * (micros.length - 1))] ?? Number.NaN;
  return { p50Micros: at(0.5), p99Micros: at(0.99) };
}
