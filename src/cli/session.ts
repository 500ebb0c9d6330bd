import type { Clock } from '../kit/clock.ts';
import type { Runtime } from '../model/runtime.ts';
import type { Summary } from '../model/status.ts';
import type { Interruption } from './interruption.ts';
import type { Ending, RunResult } from './run-result.ts';
import { runResult } from './run-result.ts';
import type { Until } from './until.ts';
import { isReached } from './until.ts';

export interface SessionOptions {
  /** Undefined: until a signal comes. */
  readonly until: Until | undefined;
  /** Ends the run as `until` does, whichever says so first. */
  readonly isOver?: () => boolean;
  readonly interruption: Interruption;
  readonly clock: Clock;
  /** Once a second. */
  readonly onSecond: (summary: Summary) => void;
  /** Before the drain. */
  readonly onEnding: (ending: Ending) => Promise<void> | void;
}

const LOOK_MS = 100;

/** Stays with a running instance until its end and drains it. A signal during the drain ends it at once. */
export async function attend(runtime: Runtime, options: SessionOptions): Promise<RunResult> {
  const { interruption, onEnding } = options;
  const ending = await endOf(runtime, options);
  const drained = Promise.resolve(onEnding(ending)).then(() => runtime.drain());
  await Promise.race([drained, interruption.next()]);
  return runResult(runtime, ending);
}

/** Every policy has a verdict that is no longer undecided. */
function isDecided(runtime: Runtime): boolean {
  const policies = runtime.policies();
  const undecided = policies.some(
    ({ name }) => (runtime.verdict(name)?.state ?? 'undecided') === 'undecided',
  );
  return policies.length > 0 && !undecided;
}

async function endOf(
  runtime: Runtime,
  { until, isOver, interruption, clock, onSecond }: SessionOptions,
): Promise<Ending> {
  const startedAt = clock.monotonic();
  const timers: (() => void)[] = [clock.every(1000, () => onSecond(runtime.summary()))];
  const reached = new Promise<Ending>((resolve) => {
    if (until === undefined && isOver === undefined) return;
    const look = (): void => {
      const now = {
        summary: runtime.summary(),
        elapsedMs: clock.monotonic() - startedAt,
        decided: () => isDecided(runtime),
      };
      if ((until !== undefined && isReached(until, now)) || isOver?.() === true) resolve('until');
    };
    timers.push(clock.every(LOOK_MS, look));
  });
  try {
    return await Promise.race([
      reached,
      interruption.next().then((): Ending => 'signal'),
      runtime.finished.then((): Ending => 'end'),
    ]);
  } finally {
    for (const stop of timers) stop();
  }
}
