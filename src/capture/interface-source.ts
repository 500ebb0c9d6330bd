import { execFile, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { access } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { backoffMs } from '../kit/backoff.ts';
import type { Clock } from '../kit/clock.ts';
import type { Counts } from '../kit/counts.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { CaptureFeed } from './capture-feed.ts';
import {
  NOBODY,
  commandOf,
  confinement,
  droppedOf,
  findProgram,
  isReady,
  namespacePath,
  refusal,
} from './capture-program.ts';
import type { CaptureProgram, InterfaceSettings, Launch } from './capture-program.ts';
import { sleep } from './sleep.ts';
import { createSourceCounts } from './source.ts';
import type { CaptureLoss, CaptureSink, CaptureSource } from './source.ts';

type Child = ChildProcessByStdio<null, Readable, Readable>;

const RESTART = { baseMs: 250, maxMs: 15_000 };
/** A program that has run for this long did not fail at its beginning, ms. */
const SETTLED_MS = 10_000;
/** How long a program may take to begin, and to end after SIGTERM, ms. */
const BEGIN_MS = 10_000;
const END_MS = 2000;
/** How often tcpdump is told to tell its drops, ms. */
const FIGURES_MS = 1000;
/** Of what a program writes on standard error, the end is kept: bytes. */
const ERRORS_KEPT = 4096;

/**
 * Packets that pass an interface, captured by tcpdump or dumpcap as a child process with as few rights as it can have. Of
 * CPU the first needs 0.75 µs for a packet, the other 1.3, and it tells its drops while it runs, so `auto` prefers it; where
 * little happens it hands packets over up to a second late, dumpcap a tenth of one.
 *
 * A program that ends is started again, and so is one whose interface has gone, until it is back.
 */
export class InterfaceSource implements CaptureSource {
  readonly counts = createSourceCounts();
  readonly patient = false;
  readonly #settings: InterfaceSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #launch: Launch | undefined;
  #running: Promise<void> | undefined;

  constructor(settings: InterfaceSettings, clock: Clock, log: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
  }

  get description(): string {
    const { interface: name, namespace } = this.#settings;
    const where = namespace === undefined ? name : `${name} in namespace ${namespace}`;
    return this.#launch === undefined ? where : `${where}, by ${this.#launch.program}`;
  }

  async start(sink: CaptureSink): Promise<void> {
    const { namespace } = this.#settings;
    if (namespace !== undefined && !(await exists(namespacePath(namespace)))) {
      throw new UserError(`there is no network namespace ${namespace}`, {
        code: 'unavailable',
        where: namespace,
        hint: 'ip netns lists them; a path such as /proc/123/ns/net is one too.',
      });
    }
    const feed = new CaptureFeed(sink, this.counts, this.#clock);
    const session = await this.#begin(feed, await chooseLaunch(this.#settings.program));
    this.#running = this.#run(feed, session).then(() => sink.end(undefined));
  }

  pause(): void {}

  resume(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** As long as it is not stopped, one program after the other. */
  async #run(feed: CaptureFeed, first: Session): Promise<void> {
    const { signal } = this.#stopped;
    let session: Session | undefined = first;
    let failures = 0;
    for (;;) {
      if (session !== undefined) {
        const beganMs = this.#clock.monotonic();
        await this.#watch(feed, session);
        if (this.#clock.monotonic() - beganMs > SETTLED_MS) failures = 0;
        const reason = session.errors.trim().split('\n').at(-1);
        if (!signal.aborted)
          this.#log.warn('the capture program ended, and is started again', {
            source: this.description,
            reason,
          });
      }
      if (signal.aborted) return;
      await sleep(backoffMs(failures++, RESTART), this.#clock, signal);
      if (signal.aborted) return;
      session = await this.#again(feed, first.launch);
    }
  }

  async #again(feed: CaptureFeed, launch: Launch): Promise<Session | undefined> {
    feed.restart();
    try {
      const session = await this.#begin(feed, launch);
      this.counts.restarts++;
      return session;
    } catch (error) {
      this.#log.warn('the capture program does not begin', {
        source: this.description,
        reason: messageOf(error),
      });
      return undefined;
    }
  }

  /** Starts a program, and resolves when it captures. */
  async #begin(feed: CaptureFeed, launch: Launch): Promise<Session> {
    const [command = '', ...args] = commandOf(this.#settings, launch);
    const child = this.#spawn(command, args, launch.program);
    const session = new Session(child, launch);
    const ready = new Promise<boolean>((resolve) => {
      child.stderr.on('data', () => isReady(launch.program, session.errors) && resolve(true));
      void session.ended.then(() => resolve(false));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      feed.write(chunk);
      feed.batch();
    });
    const cancel = this.#clock.after(BEGIN_MS, () => child.kill('SIGKILL'));
    const began = await ready;
    cancel();
    if (!began) throw refusal(this.#settings, launch.program, session.errors);
    this.#launch = launch;
    return session;
  }

  /** Some failures are thrown at once, the others are told as events. */
  #spawn(command: string, args: readonly string[], program: CaptureProgram): Child {
    try {
      return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (error) {
      throw refusal(this.#settings, program, messageOf(error));
    }
  }

  /** Until the program has ended and all that it wrote is read. */
  async #watch(feed: CaptureFeed, session: Session): Promise<void> {
    const { child, launch } = session;
    const before = { ...this.counts.lost };
    const cancels = [this.#clock.every(FIGURES_MS, () => feed.idle())];
    if (launch.program === 'tcpdump') {
      cancels.push(this.#clock.every(FIGURES_MS, () => child.kill('SIGUSR1')));
    }
    session.onErrors = () => this.#countDrops(before, session);
    const stop = (): void => void this.#end(session);
    this.#stopped.signal.addEventListener('abort', stop);
    if (this.#stopped.signal.aborted) stop();
    await session.ended;
    this.#stopped.signal.removeEventListener('abort', stop);
    for (const cancel of cancels) cancel();
    // Once more: what the file's statistics say is the same, under other names.
    this.#countDrops(before, session);
  }

  #countDrops(before: Counts<CaptureLoss>, { errors }: Session): void {
    const dropped = droppedOf(errors);
    if (dropped === undefined) return;
    const { lost } = this.counts;
    lost.kernel = before.kernel + dropped.kernel;
    lost.interface = before.interface + dropped.interface;
    lost.program = before.program + dropped.program;
  }

  async #end({ child, ended }: Session): Promise<void> {
    child.kill('SIGTERM');
    const cancel = this.#clock.after(END_MS, () => {
      child.kill('SIGKILL');
      child.stdout.destroy();
    });
    await ended;
    cancel();
  }
}

/** One run of a program. */
class Session {
  readonly child: Child;
  readonly launch: Launch;
  /** It has ended, and its pipes with it. Also when it never began. */
  readonly ended: Promise<void>;
  /** The end of what it wrote on standard error. */
  errors = '';
  onErrors: () => void = () => {};

  constructor(child: Child, launch: Launch) {
    this.child = child;
    this.launch = launch;
    child.stderr.on('data', (chunk: Buffer) => {
      this.errors = (this.errors + chunk.toString('utf8')).slice(-ERRORS_KEPT);
      this.onErrors();
    });
    this.ended = new Promise((resolve) => {
      child.on('close', () => resolve());
      child.on('error', (error) => {
        this.errors += messageOf(error);
        resolve();
      });
    });
  }
}

/** @throws UserError when no program is installed */
async function chooseLaunch(wanted: InterfaceSettings['program']): Promise<Launch> {
  const isRoot = process.geteuid?.() === 0;
  const confined = await findConfinement(isRoot);
  const dropsRights = isRoot && !confined.includes('--clear-groups') && (await canRun('true', [], NOBODY));
  const isStuck = isRoot && !confined.includes('--clear-groups') && !dropsRights;
  const names: CaptureProgram[] = wanted === 'auto' ? ['tcpdump', 'dumpcap'] : [wanted];
  // As root that may not become anybody else, tcpdump does not run; dumpcap gives its rights up without that.
  if (isStuck) names.reverse();
  for (const program of names) {
    const path = await findProgram(program);
    if (path !== undefined) return { program, path, confinement: confined, dropsRights };
  }
  throw new UserError(`${names.join(' or ')} is needed for capturing, and is not installed`, {
    code: 'unavailable',
    hint: `apt-get install ${wanted === 'dumpcap' ? 'wireshark-common' : 'tcpdump'}`,
  });
}

/**
 * As much of it as can be had: in a container root may lack the right to become somebody else, and the `setpriv` of BusyBox
 * cannot do any of it.
 */
async function findConfinement(isRoot: boolean): Promise<readonly string[]> {
  const setpriv = await findProgram('setpriv');
  if (setpriv === undefined) return [];
  for (const command of [confinement(setpriv, isRoot), confinement(setpriv, false)]) {
    if (await canRun(setpriv, [...command.slice(1), 'true'])) return command;
  }
  return [];
}

async function canRun(program: string, args: readonly string[], identity = {}): Promise<boolean> {
  try {
    await promisify(execFile)(program, args, identity);
    return true;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
