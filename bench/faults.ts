import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders/contender.ts';
import { type FaultMirror, startFaultMirror } from './fault-mirror.ts';
import { launch, type Running } from './launch.ts';
import { type Load, runLoad } from './load.ts';
import { forgetPeak } from './measure.ts';
import type { Options } from './options.ts';
import { type Fault, FAULTS, PACED, SMALL_GET, type Workload } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** The live path while its mirror is ill. */
export interface FaultSample {
  readonly load: Load;
  /** Copies per request in the warm-up, while the mirror was healthy. */
  readonly copiesBefore: number;
  /** Resident size before the fault and its peak since, of the whole process tree. */
  readonly rssBefore: number;
  readonly rssPeak: number;
}

export interface FaultRow {
  readonly contender: string;
  readonly fault: Fault;
  readonly samples: readonly FaultSample[];
  readonly failure: string | undefined;
}

/** At a pace at which everyone copies every request. */
const WARM_UP_SECONDS = 3;
/** Of the warm-up: the last moments of it already meet the fault. */
const FALL_BEFORE_END_MS = 300;

/** Share of the requests that must have been copied by then; some are still under way. */
const LEAST_COPIES = 0.8;

/** Everyone starts afresh for every measurement, so that no fault meets what an earlier one has left behind. */
export async function measureFaults(
  stage: Stage,
  contenders: readonly Contender[],
  options: Options,
): Promise<readonly FaultRow[]> {
  const entries = contenders.flatMap((contender) =>
    FAULTS.map((fault) => ({ contender, fault, samples: [] as FaultSample[], failures: [] as string[] })),
  );
  for (let round = 1; round <= options.rounds; round++) {
    for (const entry of entries) {
      const { contender, fault } = entry;
      stage.progress(`faults: ${fault.name} mirror, ${contender.name}, round ${round} of ${options.rounds}`);
      try {
        entry.samples.push(await sample(stage, contender, fault, options));
      } catch (error) {
        entry.failures.push(`${fault.name} mirror, round ${round}: ${(error as Error).message}`);
        stage.progress(`${contender.name}: ${(error as Error).message}`);
      }
    }
  }
  return entries.map(({ contender, fault, samples, failures }) => ({
    contender: contender.name,
    fault,
    samples,
    failure: failures[0],
  }));
}

async function sample(
  stage: Stage,
  contender: Contender,
  fault: Fault,
  options: Options,
): Promise<FaultSample> {
  await using mirror = await startFaultMirror(stage);
  const running = await launch(stage, contender, { mode: 'mirror', tls: false, mirrorPort: mirror.port });
  try {
    const { processes, cores } = stage;
    const load = (workload: Workload, seconds: number): Promise<Load> =>
      runLoad(processes, cores.load, running.port, workload, seconds);
    const falling = fallDuring(stage, running, mirror, fault, WARM_UP_SECONDS * 1000 - FALL_BEFORE_END_MS);
    // both are waited for, so that no rejection goes unheard
    const [, before] = await Promise.all([load(PACED, WARM_UP_SECONDS), falling]);
    const measured = await load(SMALL_GET, options.seconds);
    if (!running.alive()) throw new Error('ended while its mirror was ill');
    return { load: measured, ...before, rssPeak: running.usage()?.peakBytes ?? 0 };
  } finally {
    await running.stop();
  }
}

/**
 * Lets the mirror fall ill in the middle of traffic, with copies under way.
 *
 * @returns the resident size of the contender just before, and what it had copied
 * @throws Error when the healthy mirror had not got its copies
 */
async function fallDuring(
  stage: Stage,
  running: Running,
  mirror: FaultMirror,
  fault: Fault,
  afterMs: number,
): Promise<Pick<FaultSample, 'rssBefore' | 'copiesBefore'>> {
  const requestsBefore = await stage.primary.requests();
  await sleep(afterMs);
  const copies = await mirror.requests();
  const requests = (await stage.primary.requests()) - requestsBefore;
  const rssBefore = running.usage()?.rssBytes ?? 0;
  if (running.pid !== undefined) forgetPeak(running.pid);
  mirror.fall(fault);
  if (copies < requests * LEAST_COPIES) {
    throw new Error(`copied ${copies} of ${requests} requests while the mirror was healthy`);
  }
  return { rssBefore, copiesBefore: copies / requests };
}
