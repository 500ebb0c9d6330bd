import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** What a process and all its descendants have used so far. */
export interface Usage {
  /** User and system time of all threads, living and dead, µs. The kernel counts it in steps of 10 ms. */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  /** Sum of the largest resident sizes since the start or the last `forgetPeak`. */
  readonly peakBytes: number;
}

/** USER_HZ is 100 on every architecture that Node runs on (proc(5)). */
const MICROS_PER_TICK = 10_000;

/** Reads CPU time and memory of a process tree from /proc (proc(5): stat, status). */
export function usageOf(rootPid: number): Usage {
  let ticks = 0;
  let rssBytes = 0;
  let peakBytes = 0;
  for (const pid of treeOf(rootPid)) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    // fields 14 to 17: utime, stime, cutime, cstime
    for (const field of [11, 12, 13, 14]) ticks += Number(stat[field]);
    const status = read(`/proc/${pid}/status`);
    rssBytes += kibibytes(status, 'VmRSS');
    peakBytes += kibibytes(status, 'VmHWM');
  }
  return { cpuMicros: ticks * MICROS_PER_TICK, rssBytes, peakBytes };
}

/** Sets the peak of every process of a tree back to its present size (proc(5): clear_refs, 5). */
export function forgetPeak(rootPid: number): void {
  for (const pid of treeOf(rootPid)) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Time a core has spent on anything since boot, µs. */
export function coreBusyMicros(core: number): number {
  const line = read('/proc/stat').match(new RegExp(`^cpu${core} (.*)$`, 'm'));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line?.[1] ?? '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * MICROS_PER_TICK;
}

function treeOf(rootPid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? statOf(pid)?.[1] : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent)) ?? [];
    siblings.push(pid);
    children.set(Number(parent), siblings);
  }
  const tree = [rootPid];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Fields of /proc/pid/stat from the third on; the second, the name, may hold spaces and brackets. */
function statOf(pid: number): readonly string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function kibibytes(status: string, field: string): number {
  return Number(status.match(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm'))?.[1] ?? 0) * 1024;
}

/** Empty for a process that has ended in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
