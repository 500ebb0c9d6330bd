import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contenders/contender.ts';
import { launch } from './launch.ts';
import { SMALL_GET } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** Memory of a contender with many idle keep-alive connections, while it mirrors. */
export interface ConnectionsRow {
  readonly contender: string;
  readonly connections: number;
  readonly rssBefore: number;
  /** Two seconds after the last connection has been answered. */
  readonly rssOpen: number;
  readonly rssPeak: number;
  /** Connections that answered once more after that. */
  readonly alive: number;
  readonly failure: string | undefined;
}

const CONNECTIONS = 10_000;
/** File descriptors a relay needs besides two per connection. */
const SPARE_DESCRIPTORS = 400;
const HOLD = fileURLToPath(new URL('hold.ts', import.meta.url));
const OPEN_MS = 60_000;

export async function measureConnections(
  stage: Stage,
  contenders: readonly Contender[],
): Promise<readonly ConnectionsRow[]> {
  const rows: ConnectionsRow[] = [];
  for (const contender of contenders) {
    stage.progress(`memory-connections: ${contender.name}`);
    try {
      rows.push(await measure(stage, contender));
    } catch (error) {
      const failure = (error as Error).message;
      stage.progress(`${contender.name}: ${failure}`);
      const none = { connections: 0, rssBefore: 0, rssOpen: 0, rssPeak: 0, alive: 0 };
      rows.push({ contender: contender.name, ...none, failure });
    }
  }
  return rows;
}

async function measure(stage: Stage, contender: Contender): Promise<ConnectionsRow> {
  const running = await launch(stage, contender, { mode: 'mirror', tls: false });
  const connections = reachable();
  const rssBefore = running.usage()?.rssBytes ?? 0;
  const hold = stage.processes.start(stage.cores.load, {
    file: process.execPath,
    args: [HOLD, String(running.port), String(connections), SMALL_GET.path],
  });
  try {
    const count = async (): Promise<number> => {
      const answer = once(hold.stdout, 'data', { signal: AbortSignal.timeout(OPEN_MS) });
      const failed = hold.ended.then(() => Promise.reject(new Error(hold.complaint())));
      const [line] = (await Promise.race([answer, failed])) as [string];
      return Number(line);
    };
    await count();
    await sleep(2000);
    const open = running.usage();
    hold.stdin.write('again\n');
    const alive = await count();
    const row = { contender: contender.name, connections, rssBefore, alive, failure: undefined };
    return { ...row, rssOpen: open?.rssBytes ?? 0, rssPeak: running.usage()?.peakBytes ?? 0 };
  } finally {
    await hold.stop();
    await running.stop();
  }
}

/** Every relayed connection takes two file descriptors of one process, and the limit is inherited. */
function reachable(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = Number(limits.match(/^Max open files\s+\S+\s+(\d+)/m)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(CONNECTIONS, Math.floor((hard - SPARE_DESCRIPTORS) / 2));
}
