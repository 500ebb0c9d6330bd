import { setTimeout as sleep } from 'node:timers/promises';
import { send, type Scheme } from './ask.ts';
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
  readonly http2?: boolean;
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
  const { http2 = false, tls } = options;
  const { primary, mirror } = stage;
  const command = contender.prepare({
    folder: stage.subfolder(),
    port,
    adminPort: await freePort(),
    primaryPort: http2 ? primary.http2Port : primary.port,
    mirrorPort:
      options.mode === 'mirror'
        ? (options.mirrorPort ?? (http2 ? mirror.http2Port : mirror.port))
        : undefined,
    tls: tls ? stage.certificate : undefined,
    http2,
  });
  if (command === undefined)
    return straight(contender, http2 ? primary.http2Port : tls ? primary.tlsPort : primary.port);
  const child = stage.processes.start(String(stage.cores.proxy), command);
  try {
    await untilListening(port, START_MS, child.ended);
    await untilAnswering(port, http2 ? 'h2c' : tls ? 'https' : 'http');
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

async function untilAnswering(port: number, scheme: Scheme): Promise<void> {
  const deadline = Date.now() + ROUTES_MS;
  for (;;) {
    const problem = await send(scheme, port, SMALL_GET.path).then(
      ({ status }) => (status === 200 ? undefined : `it answers with status ${status}`),
      (error: Error) => error.message,
    );
    if (problem === undefined) return;
    if (Date.now() > deadline) throw new Error(problem);
    await sleep(50);
  }
}

function straight(contender: Contender, port: number): Running {
  return {
    contender,
    port,
    pid: undefined,
    usage: () => undefined,
    alive: () => true,
    stop: async () => {},
  };
}
