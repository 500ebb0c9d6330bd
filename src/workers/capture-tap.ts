import { Worker } from 'node:worker_threads';
import { endsByItself, sourceText } from '../config/capture-text.ts';
import { backoffMs } from '../kit/backoff.ts';
import { messageOf, UserError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { CaptureState, CaptureStatus } from '../model/capture-status.ts';
import type { Policy } from '../model/policy.ts';
import type { ObserverSettings } from '../model/settings.ts';
import type { AdminEvent, ObserverStatus } from '../model/status.ts';
import type { Judged } from './answer-judge.ts';
import { addCaptureCounts, createCaptureCounts, packetStatusOf } from './capture-counts.ts';
import { workerEntry } from './entry.ts';
import type {
  CaptureReport,
  CaptureWorkerData,
  FromCapture,
  InstanceData,
  ObserverReport,
  ToObserver,
} from './messages.ts';
import { closeReport, completenessCounts, mergeReports } from './reports.ts';
import type { InstanceTap } from './tap.ts';

export interface CaptureTapOptions {
  readonly capture: CaptureSettings;
  readonly observer: ObserverSettings;
  /** Those that apply to this tap. Without any its exchanges are counted all the same. */
  readonly policies: readonly Policy[];
  readonly paused: readonly string[];
  readonly instance: InstanceData;
  readonly onJudged: (judged: Judged) => void;
  /** Nothing more comes from it, and every copy is over. */
  readonly onOver: () => void;
  readonly emit: (event: AdminEvent) => void;
  readonly log: Logger;
}

const WATCH_MS = 250;
/** A thread whose source is not open by then is ended. */
const START_MS = 30_000;
const RESTART = { baseMs: 50, maxMs: 10_000 };
/** A thread that has run for this long is well: the next restart is immediate again. */
const WELL_MS = 60_000;
/** Copies may go on for so long after the last packet; more than the default timeout of a copy. */
const COPIES_DRAIN_MS = 6000;

let threads = 0;

/**
 * A packet tap and its thread. One that fails, exceeds its heap or gives no sign of life is replaced, unless it read a file or
 * standard input: what was read once is not read, and not copied, a second time.
 */
export class CaptureTap implements InstanceTap {
  readonly settings: CaptureSettings;
  readonly observer: ObserverSettings;
  readonly #options: CaptureTapOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #finite: boolean;
  #policies: readonly Policy[];
  #paused: readonly string[];
  #worker: Worker | undefined;
  #state: CaptureState = 'starting';
  #problem: string | undefined;
  #source: string;
  #report: CaptureReport | undefined;
  /** What threads before this one have counted. */
  #past: CaptureReport | undefined;
  #restarts = 0;
  #restartsInRow = 0;
  #beat: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #beatSeen = 0;
  #beatAt = 0;
  #startedAt = 0;
  #stopping = false;

  private constructor(options: CaptureTapOptions) {
    const { capture, observer, policies, paused } = options;
    this.#options = options;
    this.settings = capture;
    this.observer = observer;
    this.#policies = policies;
    this.#paused = paused;
    this.#source = sourceText(capture.source);
    this.#finite = endsByItself(capture);
    this.#timer = setInterval(() => this.#watch(), WATCH_MS).unref();
  }

  /** @throws UserError when its packets cannot be had */
  static async start(options: CaptureTapOptions): Promise<CaptureTap> {
    const tap = new CaptureTap(options);
    try {
      await new Promise<void>((resolve, reject) => {
        tap.#start(resolve, reject);
      });
      return tap;
    } catch (error) {
      await tap[Symbol.asyncDispose]();
      throw error;
    }
  }

  get name(): string {
    return this.settings.name;
  }

  /** Whether nothing more comes from it. */
  get over(): boolean {
    return this.#state === 'over' || this.#state === 'failed';
  }

  get restarts(): number {
    return this.#restarts;
  }

  get report(): ObserverReport {
    return mergeReports([this.#past ?? [], this.#report ?? []].flat());
  }

  status(): CaptureStatus {
    const { counts, connections, heapBytes } = this.report;
    const guessed = (this.#past?.guessed ?? 0) + (this.#report?.guessed ?? 0);
    const packets = this.#counts();
    const { tls } = packets;
    return {
      kind: 'capture',
      name: this.name,
      source: this.#source,
      state: this.#state,
      problem: this.#problem,
      ...packetStatusOf(packets),
      connections: { open: connections, accepted: packets.tcp.opened, refused: 0 },
      unfollowed: {
        left_out: 0,
        too_many: counts.tooMany,
        given_up: counts.givenUp,
        opaque_tls: counts.opaque.tls + Object.values(tls.opaque).reduce((sum, count) => sum + count, 0),
        opaque_other: counts.opaque.other,
      },
      observers: [{ id: 0, state: this.#threadState(), restarts: this.#restarts, connections, heapBytes }],
      requests: { http1: counts.http1Requests, http2: counts.http2Requests },
      exchanges: counts.exchanges,
      incomplete: counts.incomplete,
      completeness: completenessCounts(counts, guessed),
      http2Faults: counts.http2Faults,
      resynchronised: counts.resynchronised,
      unreadableHeads: counts.unreadableHeads,
    };
  }

  setPolicies(policies: readonly Policy[], paused: readonly string[]): void {
    this.#policies = policies;
    this.#paused = paused;
    this.#tell({ kind: 'policies', policies, paused });
  }

  setPaused(paused: readonly string[]): void {
    this.#paused = paused;
    this.#tell({ kind: 'paused', paused });
  }

  /** There is nobody to wait for: takes no more packets, and lets copies finish. */
  async drain(): Promise<void> {
    this.#stopping = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, COPIES_DRAIN_MS).unref());
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#tell({ kind: 'drain' });
    await Promise.race([ended, deadline]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    // Not awaited: a thread that spins may not end for minutes.
    void this.#worker?.terminate();
  }

  #threadState(): ObserverStatus['state'] {
    if (this.#report === undefined && !this.over) return 'starting';
    return this.#worker !== undefined && this.#silentMs() > 1000 ? 'stalled' : 'running';
  }

  #counts() {
    const counts = [this.#past?.capture ?? [], this.#report?.capture ?? []].flat();
    return counts.reduce(addCaptureCounts, createCaptureCounts());
  }

  /** @param started called once, when packets can come; `refused` when they cannot be had */
  #start(started: () => void = () => {}, refused?: (error: UserError) => void): void {
    const { capture, observer, instance, log, onJudged } = this.#options;
    const tap = this.name;
    const beat = new SharedArrayBuffer(4);
    const data: CaptureWorkerData = {
      tap,
      capture,
      settings: observer,
      policies: this.#policies,
      paused: this.#paused,
      connections: capture.connections,
      idPrefix: `${process.pid.toString(36)}-${Date.now().toString(36)}-c${(++threads).toString(36)}`,
      instance,
      beat,
    };
    const worker = new Worker(workerEntry('capture'), {
      workerData: data,
      name: `capture ${tap}`,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(16, Math.round(observer.heapBytes / 2 ** 20)) },
    });
    this.#worker = worker;
    this.#beat = new Int32Array(beat);
    this.#beatSeen = 0;
    this.#startedAt = this.#beatAt = performance.now();
    let reason = 'ended';
    worker.on('message', (message: FromCapture) => {
      // Counts are good whoever took them; what only the present one may say comes after.
      if (message.kind === 'judged') onJudged(message.judged);
      if (this.#worker !== worker) return;
      switch (message.kind) {
        case 'started':
          this.#source = message.source;
          this.#state = 'running';
          this.#problem = undefined;
          started();
          break;
        case 'refused':
          reason = message.message;
          this.#refuse(message, refused);
          break;
        case 'report':
          this.#report = message.report;
          break;
        case 'log':
          log[message.level](message.text, { tap, ...message.fields });
          break;
        case 'breaker':
          this.#breaker(message);
          break;
        case 'over':
          this.#worker = undefined;
          this.#end(message.problem);
          break;
        case 'judged':
        case 'drained':
      }
    });
    worker.on('error', (error) => {
      reason = messageOf(error);
      log.error('a capture failed', { tap, error: reason });
    });
    worker.once('exit', () => {
      if (this.#worker !== worker || this.#stopping) return;
      if (this.#state === 'starting' && refused !== undefined)
        this.#refuse({ message: `its thread failed at the start: ${reason}`, where: '', hint: '' }, refused);
      else this.#replace(reason);
    });
  }

  #refuse(
    { message, where, hint }: { readonly message: string; readonly where: string; readonly hint: string },
    refused: ((error: UserError) => void) | undefined,
  ): void {
    this.#problem = message;
    if (refused === undefined) return;
    this.#stopping = true;
    refused(
      new UserError(message, {
        code: 'unavailable',
        where: where === '' ? `capture ${this.name}` : where,
        ...(hint === '' ? {} : { hint }),
      }),
    );
  }

  #breaker({ policy, mirror, open, reason }: Extract<FromCapture, { kind: 'breaker' }>): void {
    const change = { at: Date.now(), policy, mirror };
    const { emit, log } = this.#options;
    emit(open ? { type: 'breaker-opened', ...change, reason } : { type: 'breaker-closed', ...change });
    const what = open ? 'a mirror fails, and is left alone for a while' : 'a mirror answers again';
    log.warn(what, { tap: this.name, policy, mirror, reason });
  }

  #watch(): void {
    const startingMs = performance.now() - this.#startedAt;
    // Its end tells the rest.
    if (this.#state === 'starting' && startingMs > START_MS) void this.#worker?.terminate();
    const silentMs = this.#silentMs();
    if (silentMs < this.#options.observer.stallMs || this.#worker === undefined || this.#stopping) return;
    void this.#worker.terminate();
    this.#replace(`has given no sign of life for ${Math.round(silentMs / 1000)} s`);
  }

  /** How long the thread has done nothing that a living one does, ms. */
  #silentMs(): number {
    const beat = Atomics.load(this.#beat, 0);
    const now = performance.now();
    if (beat !== this.#beatSeen || this.#state === 'starting') {
      this.#beatSeen = beat;
      this.#beatAt = now;
    }
    return now - this.#beatAt;
  }

  #replace(reason: string): void {
    const { log, emit } = this.#options;
    const tap = this.name;
    this.#worker = undefined;
    this.#close();
    if (this.#finite) {
      this.#end(`its thread ${reason}; it is not read a second time`);
      return;
    }
    this.#problem = reason;
    this.#state = 'starting';
    this.#restarts++;
    if (performance.now() - this.#startedAt > WELL_MS) this.#restartsInRow = 0;
    const delay = this.#restartsInRow === 0 ? 0 : backoffMs(this.#restartsInRow, RESTART, Math.random);
    this.#restartsInRow++;
    log.warn('a capture is started again', { tap, reason, delayMs: Math.round(delay) });
    emit({ type: 'observer-restarted', at: Date.now(), tap, observer: 0, reason });
    setTimeout(() => {
      if (!this.#stopping) this.#start();
    }, delay).unref();
  }

  /** What the thread has counted remains when it is gone. */
  #close(): void {
    const report = this.#report;
    this.#report = undefined;
    if (report === undefined) return;
    const past = this.#past;
    this.#past = {
      ...mergeReports([past ?? [], closeReport(report)].flat()),
      guessed: (past?.guessed ?? 0) + report.guessed,
      capture: past === undefined ? report.capture : addCaptureCounts(past.capture, report.capture),
    };
  }

  #end(problem: string | undefined): void {
    const { log, emit, onOver } = this.#options;
    this.#close();
    this.#problem = problem;
    this.#state = problem === undefined ? 'over' : 'failed';
    if (problem === undefined) log.info('a capture is over', { tap: this.name });
    else log.error('a capture has ended', { tap: this.name, problem });
    emit({ type: 'capture-over', at: Date.now(), tap: this.name, problem: problem ?? '' });
    onOver();
  }

  #tell(message: ToObserver): void {
    this.#worker?.postMessage(message);
  }
}
