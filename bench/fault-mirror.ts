import { once } from 'node:events';
import { findBinary } from './binaries.ts';
import { compile } from './compile.ts';
import { freePort, untilListening } from './ports.ts';
import type { Fault } from './scenarios.ts';
import type { Stage } from './stage.ts';

/** A mirror that is healthy until it is told otherwise. */
export interface FaultMirror extends AsyncDisposable {
  readonly port: number;
  /** Requests it has read so far. */
  requests(): Promise<number>;
  fall(fault: Fault): void;
}

/** Starts fault.c on the load's cores. */
export async function startFaultMirror(stage: Stage): Promise<FaultMirror> {
  const compiler = findBinary('gcc') ?? findBinary('cc');
  if (compiler === undefined) throw new Error('no C compiler (gcc) found');
  const port = await freePort();
  const child = stage.processes.start(stage.cores.load, {
    file: compile(compiler, 'fault.c', stage.subfolder()),
    args: [String(port)],
  });
  await untilListening(port, 5000, child.ended);
  return {
    port,
    async requests() {
      child.stdin.write('c');
      const [line] = (await once(child.stdout, 'data')) as [string];
      return Number(line);
    },
    fall(fault) {
      if ('letter' in fault.act) child.stdin.write(fault.act.letter);
      else child.signal(fault.act.signal);
    },
    async [Symbol.asyncDispose]() {
      child.signal('SIGCONT');
      await child.stop();
    },
  };
}
