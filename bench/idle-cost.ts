import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders/contender.ts';
import { launch } from './launch.ts';
import { runLoad } from './load.ts';
import { SMALL_GET } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** What an instance costs that has seen traffic and now sees none. */
export interface IdleRow {
  readonly contender: string;
  readonly seconds: number;
  /** Share of one core. */
  readonly share: number;
  readonly rssBytes: number;
}

const SECONDS = 20;
/** Busy loops may go on for a moment after the last request. */
const CALM_MS = 3000;

/** Measures a contender that mirrors, after a second of load. */
export async function measureIdle(stage: Stage, contender: Contender): Promise<IdleRow> {
  stage.progress(`idle: ${contender.name}, ${SECONDS} s`);
  const running = await launch(stage, contender, { mode: 'mirror', tls: false });
  try {
    await runLoad(stage.processes, stage.cores.load, running.port, SMALL_GET, 1);
    await sleep(CALM_MS);
    const before = running.usage();
    const start = performance.now();
    await sleep(SECONDS * 1000);
    const after = running.usage();
    const elapsedMicros = (performance.now() - start) * 1000;
    const share = ((after?.cpuMicros ?? 0) - (before?.cpuMicros ?? 0)) / elapsedMicros;
    return { contender: contender.name, seconds: SECONDS, share, rssBytes: after?.rssBytes ?? 0 };
  } finally {
    await running.stop();
  }
}
