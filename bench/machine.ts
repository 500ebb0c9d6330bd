import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { versionOf } from './binaries.ts';
import type { Absent, Contender } from './contenders/contender.ts';
import type { Cores } from './cores.ts';

/** What a reader has to know to judge the figures. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly proxyCore: number;
  readonly loadCores: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Running processes on average in the minute before the start. */
  readonly loadAverage: number;
  readonly versions: Readonly<Record<string, string>>;
}

export function machineFacts(cores: Cores, contenders: readonly (Contender | Absent)[]): Machine {
  const versions = Object.fromEntries(
    contenders.map((contender) => [contender.name, 'absent' in contender ? 'absent' : contender.version]),
  );
  return {
    date: new Date().toISOString(),
    commit: spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    proxyCore: cores.proxy,
    loadCores: cores.load,
    memoryBytes: totalmem(),
    kernel: release(),
    loadAverage: loadavg()[0] ?? 0,
    versions: { ...versions, wrk: versionOf('wrk', '-v') },
  };
}
