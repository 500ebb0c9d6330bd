import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders/contender.ts';
import { launch, type Running } from './launch.ts';
import { type Load, runLoad } from './load.ts';
import { coreBusyMicros, type Usage } from './measure.ts';
import type { Options } from './options.ts';
import type { Mode, Workload } from './scenarios.ts';
import type { Stage } from './stage.ts';
import { verify } from './verify.ts';

/** One measurement of one contender. */
export interface Sample {
  readonly load: Load;
  /** CPU time of the contender's process tree per request, µs; undefined without a proxy. */
  readonly cpuMicrosPerRequest: number | undefined;
  /** Share of the time that the contender used its core. */
  readonly busy: number | undefined;
  /** Share of the time that others used that core. */
  readonly foreign: number;
  /** Requests that the mirror got per request that the primary got; undefined when nothing is mirrored. */
  readonly copies: number | undefined;
}

/** A contender's measurements in one scenario. */
export interface Row {
  readonly contender: string;
  readonly samples: readonly Sample[];
  /** After the last round; undefined without a proxy. */
  readonly usage: Usage | undefined;
  /** Why it was not measured to the end. */
  readonly failure: string | undefined;
}

export interface ThroughputResult {
  readonly workload: Workload;
  readonly mode: Mode;
  readonly rows: readonly Row[];
}

interface Entry {
  readonly running: Running | undefined;
  readonly contender: Contender;
  readonly samples: Sample[];
  failure: string | undefined;
}

/** How long the copies of a run may take to arrive after its end. */
const SETTLE_MS = 3000;
const STILL_MS = 200;

/** Measures all contenders in turn, round after round, all of them running and idle but one. */
export async function measureThroughput(
  stage: Stage,
  contenders: readonly Contender[],
  workload: Workload,
  mode: Mode,
  options: Options,
): Promise<ThroughputResult> {
  const entries: Entry[] = [];
  try {
    for (const contender of contenders) entries.push(await enter(stage, contender, workload, mode, options));
    for (let round = 1; round <= options.rounds; round++) {
      stage.progress(`${workload.name}, ${mode}: round ${round} of ${options.rounds}`);
      for (const entry of entries) {
        if (entry.running === undefined || entry.failure !== undefined) continue;
        entry.samples.push(await sample(stage, entry.running, workload, mode, options.seconds));
        if (!entry.running.alive()) entry.failure = 'ended while it was measured';
      }
    }
    return { workload, mode, rows: entries.map(rowOf) };
  } finally {
    await Promise.all(entries.map((entry) => entry.running?.stop()));
  }
}

function rowOf(entry: Entry): Row {
  const { contender, samples, failure, running } = entry;
  return { contender: contender.name, samples, failure, usage: running?.usage() };
}

/** Starts a contender, looks whether it relays and mirrors truly, and warms it up. */
async function enter(
  stage: Stage,
  contender: Contender,
  workload: Workload,
  mode: Mode,
  options: Options,
): Promise<Entry> {
  stage.progress(`${workload.name}, ${mode}: starting ${contender.name}`);
  let running: Running | undefined;
  try {
    running = await launch(stage, contender, { mode, tls: workload.tls, http2: workload.streams > 0 });
    await verify(stage.checker, running.port, workload, mode === 'mirror');
    await runLoad(stage.processes, stage.cores.load, running.port, workload, options.warmUpSeconds);
    await settled(stage);
    return { running, contender, samples: [], failure: undefined };
  } catch (error) {
    const failure = (error as Error).message;
    stage.progress(`${contender.name}: ${failure}`);
    await running?.stop();
    return { running: undefined, contender, samples: [], failure };
  }
}

async function sample(
  stage: Stage,
  running: Running,
  workload: Workload,
  mode: Mode,
  seconds: number,
): Promise<Sample> {
  const before = await counts(stage, running);
  const load = await runLoad(stage.processes, stage.cores.load, running.port, workload, seconds);
  if (mode === 'mirror') await settled(stage);
  const after = await counts(stage, running);
  const elapsed = (after.time - before.time) * 1000;
  const cpu = after.cpu === undefined || before.cpu === undefined ? undefined : after.cpu - before.cpu;
  return {
    load,
    cpuMicrosPerRequest: cpu === undefined ? undefined : cpu / load.requests,
    busy: cpu === undefined ? undefined : cpu / elapsed,
    foreign: Math.max(0, (after.core - before.core - (cpu ?? 0)) / elapsed),
    copies:
      mode === 'mirror' ? (after.copies - before.copies) / (after.requests - before.requests) : undefined,
  };
}

interface Counts {
  readonly time: number;
  readonly cpu: number | undefined;
  readonly core: number;
  readonly requests: number;
  readonly copies: number;
}

async function counts(stage: Stage, running: Running): Promise<Counts> {
  return {
    requests: await stage.primary.requests(),
    copies: await stage.mirror.requests(),
    cpu: running.usage()?.cpuMicros,
    core: coreBusyMicros(stage.cores.proxy),
    time: performance.now(),
  };
}

/** Waits until the mirror's count stands still: late copies belong to the run that caused them. */
async function settled(stage: Stage): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  let last = -1;
  let since = Date.now();
  while (Date.now() < deadline) {
    const copies = await stage.mirror.requests();
    if (copies !== last) since = Date.now();
    else if (Date.now() - since >= STILL_MS) return;
    last = copies;
    await sleep(20);
  }
}
