import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Which cores do what, as taskset takes them. */
export interface Cores {
  /** The one core of the contender. */
  readonly proxy: number;
  /** All others: load generator, backends and this process. */
  readonly load: string;
}

/**
 * Divides the cores this process may use (proc(5): Cpus_allowed_list).
 *
 * @throws Error with fewer than two cores
 */
export function divideCores(): Cores {
  const list = readFileSync('/proc/self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)$/m)?.[1] ?? '';
  const cores = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  const proxy = cores.at(-1);
  if (proxy === undefined || cores.length < 2) throw new Error('the benchmark needs two cores');
  return { proxy, load: cores.slice(0, -1).join(',') };
}

/** Moves all threads of this process to the load's cores, so that it does not compete with a contender. */
export function leaveProxyCore(cores: Cores): void {
  spawnSync('taskset', ['-a', '-p', '-c', cores.load, String(process.pid)]);
}
