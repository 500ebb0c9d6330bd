import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A child process pinned to some cores, with everything it starts in a process group of its own. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** End of what it wrote to standard error. */
  complaint(): string;
  readonly ended: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM to the process, and SIGKILL to its group when it has ended or `STOP_MS` later. */
  stop(): Promise<void>;
}

export interface Processes extends AsyncDisposable {
  start(cores: string, command: Command): Child;
  /** Ends everything at once; for the way out on a signal. */
  killAll(): void;
}

const STOP_MS = 3000;
const COMPLAINT_CHARS = 4096;

/**
 * Starts children that cannot outlive the benchmark: each gets SIGTERM from the kernel when its parent dies
 * (prctl(2), PR_SET_PDEATHSIG), and its whole group is killed on disposal.
 */
export function openProcesses(): Processes {
  const running = new Set<Child>();
  return {
    start(cores, command) {
      const child = start(cores, command);
      running.add(child);
      void child.ended.then(() => running.delete(child));
      return child;
    },
    killAll() {
      for (const child of running) killGroup(child.pid);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((child) => child.stop()));
    },
  };
}

function start(cores: string, command: Command): Child {
  const wrapped = ['--pdeathsig', 'TERM', 'taskset', '-c', cores, command.file, ...command.args];
  const spawned = spawn('setpriv', wrapped, {
    env: { ...process.env, ...command.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  // setpriv and taskset become the command by execve, so this is the command's own id
  const pid = spawned.pid;
  if (pid === undefined) throw new Error(`cannot start setpriv for ${command.file}`);
  let complaint = '';
  spawned.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-COMPLAINT_CHARS);
  });
  spawned.stdin.on('error', () => {});
  // nobody has to read it, and a full pipe must not stop the child
  spawned.stdout.setEncoding('utf8').resume();
  const ended = endOf(spawned);
  return {
    pid,
    stdin: spawned.stdin,
    stdout: spawned.stdout,
    complaint: () => complaint.trim(),
    ended,
    signal: (name) => spawned.kill(name),
    async stop() {
      spawned.kill('SIGTERM');
      const late = setTimeout(() => killGroup(pid), STOP_MS);
      await ended;
      clearTimeout(late);
      killGroup(pid);
    },
  };
}

async function endOf(spawned: ChildProcess): Promise<number | null> {
  const [code] = (await once(spawned, 'exit')) as [number | null];
  return code;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // every process of the group has ended
  }
}
