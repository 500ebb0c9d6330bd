import { fileURLToPath } from 'node:url';
import { runHttp2Load } from './http2-load.ts';
import { HEADERS, type Workload } from './scenarios.ts';
import type { Processes } from './processes.ts';

/** What one run of wrk saw. Latencies are from the request's first byte out to the answer's last byte in. */
export interface Load {
  readonly requests: number;
  readonly durationMicros: number;
  readonly bytes: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Answers other than 2xx and 3xx. */
  readonly statusErrors: number;
  /** Failed connects, reads and writes. */
  readonly socketErrors: number;
  /** Requests that took more than wrk's 2 s; they still count once they are answered. */
  readonly timeouts: number;
}

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));
/** wrk joins its threads a moment after the time is up. */
const SLACK_MS = 10_000;

/**
 * Runs wrk with one thread against a port of this machine.
 *
 * @throws Error with what wrk said when it fails or does not end
 */
export async function runLoad(
  processes: Processes,
  cores: string,
  port: number,
  workload: Workload,
  seconds: number,
): Promise<Load> {
  if (workload.streams > 0) return runHttp2Load(processes, cores, port, workload, seconds);
  const url = `${workload.tls ? 'https' : 'http'}://127.0.0.1:${port}${workload.path}`;
  const headers = { ...HEADERS, ...(workload.closing ? { Connection: 'close' } : {}) };
  const wrk = processes.start(cores, {
    file: 'wrk',
    args: [
      '-t1',
      `-c${workload.connections}`,
      `-d${seconds}s`,
      `-s${SCRIPT}`,
      ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      url,
    ],
    env: { BENCH_POST_BYTES: String(workload.postBytes), BENCH_RATE: String(workload.rate) },
  });
  let output = '';
  wrk.stdout.on('data', (text: string) => {
    output += text;
  });
  const late = setTimeout(() => wrk.signal('SIGKILL'), seconds * 1000 + SLACK_MS);
  const code = await wrk.ended;
  clearTimeout(late);
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (code !== 0 || line === undefined) throw new Error(`wrk failed (${code}): ${wrk.complaint()} ${output}`);
  return JSON.parse(line) as Load;
}
