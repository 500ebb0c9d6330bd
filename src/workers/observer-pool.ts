import { Worker } from 'node:worker_threads';
import { backoffMs } from '../kit/backoff.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { CONTROL, COUNTER, createTape, unreadBytes, viewTape } from '../model/tape.ts';
import type { Tape, TapeViews } from '../model/tape.ts';
import type { Policy } from '../model/policy.ts';
import type { ObserverSettings, PrimarySettings } from '../model/settings.ts';
import type { ObserverStatus, TapeStatus } from '../model/status.ts';
import type { Judged } from './answer-judge.ts';
import { workerEntry } from './entry.ts';
import { closeReport, mergeReports } from './reports.ts';
import type {
  BreakerChange,
  FromObserver,
  InstanceData,
  ObserverReport,
  ObserverWorkerData,
  ToObserver,
} from './messages.ts';

export interface ObserverPoolOptions {
  readonly tap: string;
  /** Live workers of the tap; each has `settings.perWorker` observers. */
  readonly liveWorkers: number;
  readonly settings: ObserverSettings;
  readonly connections: number;
  readonly instance: InstanceData;
  readonly primary: PrimarySettings;
  readonly policies: readonly Policy[];
  readonly paused: readonly string[];
  /** An observer was replaced: its live worker has to write to the new tape. */
  readonly onReplaced: (liveWorker: number, observer: number, reason: string) => void;
  readonly onBreaker: (change: BreakerChange) => void;
  readonly onJudged: (judged: Judged) => void;
  readonly log: Logger;
}

/** One place for an observer; threads and tapes come and go in it. */
interface Seat {
  readonly id: number;
  readonly liveWorker: number;
  tape: Tape;
  views: TapeViews;
  worker: Worker | undefined;
  report: ObserverReport | undefined;
  /** What the observers that sat here before have counted. */
  past: ObserverReport | undefined;
  restarts: number;
  restartsInRow: number;
  /** When the tape was last seen to be read, or empty. */
  readAt: number;
  tail: number;
  startedAt: number;
}

const WATCH_MS = 250;
const RESTART = { baseMs: 50, maxMs: 10_000 };
/** An observer that has run for this long is well: the next restart is immediate again. */
const WELL_MS = 60_000;

let tapeIds = 0;

/**
 * The observers of one tap. One that fails, exceeds its heap or leaves its tape unread is replaced, and the replacement
 * gets a tape of its own and does not wait for the old thread to end: a thread in an endless loop may take minutes to,
 * and must not write to anything that its successor uses.
 */
export class ObserverPool implements AsyncDisposable {
  readonly #options: ObserverPoolOptions;
  readonly #seats: readonly Seat[];
  readonly #timer: NodeJS.Timeout;
  #policies: readonly Policy[];
  #paused: readonly string[];
  #stopping = false;

  constructor(options: ObserverPoolOptions) {
    this.#options = options;
    this.#policies = options.policies;
    this.#paused = options.paused;
    this.#seats = Array.from({ length: options.liveWorkers * options.settings.perWorker }, (_, id) =>
      this.#seat(id),
    );
    for (const seat of this.#seats) this.#start(seat);
    this.#timer = setInterval(() => this.#watch(), WATCH_MS).unref();
  }

  tapesOf(liveWorker: number): readonly Tape[] {
    return this.#seats.filter((seat) => seat.liveWorker === liveWorker).map(({ tape }) => tape);
  }

  /** Everything that was counted, by the observers of now and those before them. */
  get reports(): readonly ObserverReport[] {
    return this.#seats.flatMap(({ past, report }) => [past ?? [], report ?? []].flat());
  }

  get restarts(): number {
    return this.#seats.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  get status(): readonly ObserverStatus[] {
    return this.#seats.map((seat) => ({
      id: seat.id,
      state: seat.report === undefined ? 'starting' : this.#stalledFor(seat) > 1000 ? 'stalled' : 'running',
      restarts: seat.restarts,
      connections: seat.report?.connections ?? 0,
      heapBytes: seat.report?.heapBytes ?? 0,
    }));
  }

  get tape(): TapeStatus & { readonly leftOut: number } {
    const sum = (counter: number) =>
      this.#seats.reduce((total, { views }) => total + (views.counters[counter] ?? 0), 0);
    return {
      capacityBytes: this.#seats.reduce((total, { tape }) => total + tape.ringBytes, 0),
      usedBytes: this.#seats.reduce((total, { views }) => total + unreadBytes(views.control), 0),
      droppedBytes: sum(COUNTER.droppedBytes),
      leftOut: sum(COUNTER.leftOut),
    };
  }

  setPolicies(policies: readonly Policy[], paused: readonly string[]): void {
    this.#policies = policies;
    this.#paused = paused;
    this.#tellAll({ kind: 'policies', policies, paused });
  }

  setPaused(paused: readonly string[]): void {
    this.#paused = paused;
    this.#tellAll({ kind: 'paused', paused });
  }

  /** Lets observers read what is on their tapes and finish their copies. Resolves when they have, or at the deadline. */
  async drain(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, timeoutMs).unref());
    const all = this.#seats.map(async ({ worker }) => {
      if (worker === undefined) return;
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      worker.postMessage({ kind: 'drain' } satisfies ToObserver);
      await ended;
    });
    await Promise.race([Promise.all(all), deadline]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    // Not awaited: a thread that spins may not end for minutes, and the process ends without it.
    for (const { worker } of this.#seats) void worker?.terminate();
  }

  #seat(id: number): Seat {
    const tape = this.#tape();
    return {
      id,
      liveWorker: Math.floor(id / this.#options.settings.perWorker),
      tape,
      views: viewTape(tape),
      worker: undefined,
      report: undefined,
      past: undefined,
      restarts: 0,
      restartsInRow: 0,
      readAt: performance.now(),
      tail: 0,
      startedAt: performance.now(),
    };
  }

  #tape(): Tape {
    return createTape(++tapeIds, this.#options.settings.tapeBytes, this.#options.connections);
  }

  #start(seat: Seat): void {
    const { tap, settings, connections, instance, primary, log } = this.#options;
    const data: ObserverWorkerData = {
      tap,
      tape: seat.tape,
      settings,
      policies: this.#policies,
      paused: this.#paused,
      connections,
      idPrefix: `${process.pid.toString(36)}-${Date.now().toString(36)}-${seat.tape.id.toString(36)}`,
      instance,
      primary,
    };
    const worker = new Worker(workerEntry('observer'), {
      workerData: data,
      name: `observer ${tap} ${seat.id}`,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(16, Math.round(settings.heapBytes / 2 ** 20)) },
    });
    seat.worker = worker;
    seat.startedAt = performance.now();
    seat.readAt = seat.startedAt;
    seat.tail = 0;
    let reason = 'ended';
    worker.on('message', (message: FromObserver) => {
      // Counts are good whoever took them; what only the present one may say comes after.
      if (message.kind === 'judged') this.#options.onJudged(message.judged);
      if (seat.worker !== worker) return;
      if (message.kind === 'report') seat.report = message.report;
      else if (message.kind === 'breaker') this.#options.onBreaker(message);
    });
    worker.on('error', (error) => {
      reason = messageOf(error);
      log.error('an observer failed', { tap, observer: seat.id, error: reason });
    });
    worker.once('exit', () => {
      if (seat.worker === worker && !this.#stopping) this.#replace(seat, reason);
    });
  }

  #watch(): void {
    for (const seat of this.#seats) {
      const stalledMs = this.#stalledFor(seat);
      if (stalledMs < this.#options.settings.stallMs || seat.worker === undefined || this.#stopping) continue;
      void seat.worker.terminate();
      this.#replace(seat, `has not read its tape for ${Math.round(stalledMs / 1000)} s`);
    }
  }

  /** How long the tape has held something that nobody read, ms. */
  #stalledFor(seat: Seat): number {
    const { control } = seat.views;
    const tail = unreadBytes(control) === 0 ? -1 : Atomics.load(control, CONTROL.tail);
    const now = performance.now();
    if (tail === -1 || tail !== seat.tail) {
      seat.tail = tail;
      seat.readAt = now;
    }
    return now - seat.readAt;
  }

  #replace(seat: Seat, reason: string): void {
    const { log, onReplaced, tap } = this.#options;
    seat.worker = undefined;
    if (seat.report !== undefined)
      seat.past = mergeReports([seat.past ?? [], closeReport(seat.report)].flat());
    seat.report = undefined;
    const { counters } = seat.views;
    seat.restarts++;
    if (performance.now() - seat.startedAt > WELL_MS) seat.restartsInRow = 0;
    const delay = seat.restartsInRow === 0 ? 0 : backoffMs(seat.restartsInRow, RESTART, Math.random);
    seat.restartsInRow++;
    seat.tape = this.#tape();
    seat.views = viewTape(seat.tape);
    seat.views.counters.set(counters);
    log.warn('an observer is replaced', { tap, observer: seat.id, reason, delayMs: Math.round(delay) });
    onReplaced(seat.liveWorker, seat.id, reason);
    setTimeout(() => {
      if (!this.#stopping) this.#start(seat);
    }, delay).unref();
  }

  #tellAll(message: ToObserver): void {
    for (const { worker } of this.#seats) worker?.postMessage(message);
  }
}
