import { setTimeout as sleep } from 'node:timers/promises';
import { httpSend } from './ask.ts';
import type { Contender } from './contenders/contender.ts';
import { usageOf, type Usage } from './measure.ts';
import { freePort, untilListening } from './ports.ts';
import { SMALL_GET, type Mode } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** A contender at work. */
export interface Running {
  readonly contender: Contender;
  readonly port: number;
  /** Undefined for the direct way to the primary. */
  readonly pid: number | undefined;
  usage(): Usage | undefined;
  /** Whether it is still there. */
  alive(): boolean;
  stop(): Promise<void>;
}

export interface LaunchOptions {
  readonly mode: Mode;
  readonly tls: boolean;
  /** Another mirror than the stage's. */
  readonly mirrorPort?: number;
}

const START_MS = 20_000;
/** Some listen before they know their routes. */
const ROUTES_MS = 5000;

/**
 * Starts a contender on the proxy's core and waits until it listens.
 *
 * @throws Error with what it wrote to standard error when it does not
 */
export async function launch(stage: Stage, contender: Contender, options: LaunchOptions): Promise<Running> {
  const port = await freePort();
  const command = contender.prepare({
    folder: stage.subfolder(),
    port,
    adminPort: await freePort(),
    primaryPort: stage.primary.port,
    mirrorPort: options.mode === 'mirror' ? (options.mirrorPort ?? stage.mirror.port) : undefined,
    tls: options.tls ? stage.certificate : undefined,
  });
  if (command === undefined) return straight(stage, contender, options.tls);
  const child = stage.processes.start(String(stage.cores.proxy), command);
  try {
    await untilListening(port, START_MS, child.ended);
    await untilAnswering(port, options.tls);
  } catch (error) {
    await child.stop();
    const complaint = child.complaint() || (error as Error).message;
    throw new Error(`${contender.name} did not start: ${complaint}`, { cause: error });
  }
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  return {
    contender,
    port,
    pid: child.pid,
    usage: () => usageOf(child.pid),
    alive: () => !ended,
    stop: () => child.stop(),
  };
}

async function untilAnswering(port: number, tls: boolean): Promise<void> {
  const deadline = Date.now() + ROUTES_MS;
  for (;;) {
    const problem = await httpSend(port, SMALL_GET.path, tls).then(
      ({ status }) => (status === 200 ? undefined : `it answers with status ${status}`),
      (error: Error) => error.message,
    );
    if (problem === undefined) return;
    if (Date.now() > deadline) throw new Error(problem);
    await sleep(50);
  }
}

function straight(stage: Stage, contender: Contender, tls: boolean): Running {
  return {
    contender,
    port: tls ? stage.primary.tlsPort : stage.primary.port,
    pid: undefined,
    usage: () => undefined,
    alive: () => true,
    stop: async () => {},
  };
}
