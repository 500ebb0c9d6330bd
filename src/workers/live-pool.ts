import { Worker } from 'node:worker_threads';
import { backoffMs } from '../kit/backoff.ts';
import { messageOf, UserError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { createLiveStats, LIVE_STAT } from '../model/live-stats.ts';
import type { Address, ListenerSettings } from '../model/settings.ts';
import type { EndpointStatus } from '../model/status.ts';
import type { Tape } from '../model/tape.ts';
import type { ClientPem } from '../live/tls-client.ts';
import type { TlsBundle } from '../live/tls-server.ts';
import { workerEntry } from './entry.ts';
import type { FromLive, LiveWorkerData, ToLive } from './messages.ts';

export interface LivePoolOptions {
  readonly settings: ListenerSettings;
  readonly certificates: TlsBundle | undefined;
  readonly primaryPem: ClientPem | undefined;
  /** Tapes that the worker with this index writes to. */
  readonly tapesOf: (worker: number) => readonly Tape[];
  readonly onEndpoints: (before: readonly EndpointStatus[], now: readonly EndpointStatus[]) => void;
  readonly log: Logger;
}

interface LiveWorker {
  readonly index: number;
  worker: Worker;
  restartsInRow: number;
  startedAt: number;
  endpoints: readonly EndpointStatus[];
}

const RESTART = { baseMs: 100, maxMs: 10_000 };
/** A worker that has run for this long was well: its next restart is quick again. */
const WELL_MS = 60_000;

/** The live workers of one listener: threads that share its address. */
export class LivePool implements AsyncDisposable {
  /** Counts of each worker; they outlive its thread. */
  readonly stats: readonly Float64Array[];
  readonly #options: LivePoolOptions;
  readonly #open = new Int32Array(new SharedArrayBuffer(4));
  readonly #workers: LiveWorker[] = [];
  #settings: ListenerSettings;
  #certificates: TlsBundle | undefined;
  #primaryPem: ClientPem | undefined;
  #listen: Address;
  #stopping = false;

  private constructor(options: LivePoolOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#certificates = options.certificates;
    this.#primaryPem = options.primaryPem;
    this.#listen = options.settings.listen;
    this.stats = Array.from({ length: options.settings.workers }, createLiveStats);
  }

  /**
   * Starts all workers; resolves when they accept connections.
   *
   * @throws UserError when the address cannot be had
   */
  static async start(options: LivePoolOptions): Promise<LivePool> {
    const pool = new LivePool(options);
    try {
      // One after another: the first one finds out which port it is where any will do.
      for (let index = 0; index < options.settings.workers; index++) await pool.#start(index);
    } catch (error) {
      await pool[Symbol.asyncDispose]();
      throw error;
    }
    return pool;
  }

  get settings(): ListenerSettings {
    return this.#settings;
  }

  /** Where it listens, with the port that it was given. */
  get address(): Address {
    return this.#listen;
  }

  /** All workers' view of the endpoints together. */
  get endpoints(): readonly EndpointStatus[] {
    return mergeEndpoints(this.#workers.map(({ endpoints }) => endpoints));
  }

  reload(
    settings: ListenerSettings,
    certificates: TlsBundle | undefined,
    primaryPem: ClientPem | undefined,
  ): void {
    this.#settings = settings;
    this.#certificates = certificates;
    this.#primaryPem = primaryPem;
    this.#tellAll({ kind: 'reload', settings, certificates, primaryPem });
  }

  setCertificates(certificates: TlsBundle): void {
    this.#certificates = certificates;
    this.#tellAll({ kind: 'certificates', certificates });
  }

  /** Hands a worker the tapes it is to write to from now on. */
  observe(index: number, tapes: readonly Tape[]): void {
    this.#tell(index, { kind: 'observe', tapes });
  }

  /** Stops accepting; resolves when all connections are over. */
  async drain(drainMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#workers.map(async ({ worker }) => {
        // One that has failed and is not there again yet.
        if (worker.threadId < 0) return;
        const drained = new Promise<void>((resolve) => {
          worker.on('message', (message: FromLive) => {
            if (message.kind === 'drained') resolve();
          });
          worker.once('exit', () => resolve());
        });
        worker.postMessage({ kind: 'drain', drainMs } satisfies ToLive);
        await drained;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }

  async #start(index: number): Promise<void> {
    const { settings, tapesOf } = this.#options;
    const stats = this.stats[index];
    if (stats === undefined) throw new RangeError(`no live worker ${index}`);
    const data: LiveWorkerData = {
      listener: {
        settings: this.#settings,
        listen: this.#listen,
        shared: settings.workers > 1,
        stats,
        openOverAll: this.#open,
        certificates: this.#certificates,
        primaryPem: this.#primaryPem,
        firstId: index + 1,
        idStep: settings.workers,
      },
      tapes: tapesOf(index),
    };
    const worker = new Worker(workerEntry('live'), {
      workerData: data,
      name: `live ${settings.name} ${index}`,
    });
    const known = this.#workers[index];
    const entry: LiveWorker = known ?? { index, worker, restartsInRow: 0, startedAt: 0, endpoints: [] };
    entry.worker = worker;
    entry.startedAt = performance.now();
    this.#workers[index] = entry;
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromLive) => {
        if (message.kind === 'listening') {
          if (this.#listen.kind === 'tcp') this.#listen = { ...this.#listen, port: message.port };
          resolve();
        } else if (message.kind === 'refused') {
          reject(
            new UserError(message.message, { code: 'unavailable', where: message.where, hint: message.hint }),
          );
        } else if (message.kind === 'endpoints') {
          const before = this.endpoints;
          entry.endpoints = message.endpoints;
          this.#options.onEndpoints(before, this.endpoints);
        }
      });
      worker.on('error', (error) => {
        this.#options.log.error('a live worker failed', {
          listener: settings.name,
          worker: index,
          error: messageOf(error),
        });
        reject(error);
      });
      worker.once('exit', () => this.#exited(entry, worker));
    });
  }

  /** A live worker never ends by itself; should it all the same, its place is taken at once. */
  #exited(entry: LiveWorker, worker: Worker): void {
    if (this.#stopping || entry.worker !== worker) return;
    const stats = this.stats[entry.index];
    if (stats !== undefined) releaseOpen(stats, this.#open);
    if (performance.now() - entry.startedAt > WELL_MS) entry.restartsInRow = 0;
    const delay = backoffMs(entry.restartsInRow++, RESTART, Math.random);
    setTimeout(() => {
      if (this.#stopping) return;
      this.#start(entry.index).catch((error: unknown) => {
        this.#options.log.error('a live worker cannot be started again', { error: String(error) });
        const again = entry.worker;
        // One that cannot listen lives on; its end is followed by the next try. One that never began has no end.
        if (again.threadId > 0) void again.terminate();
        else this.#exited(entry, again);
      });
    }, delay).unref();
  }

  #tell(index: number, message: ToLive): void {
    this.#workers[index]?.worker.postMessage(message);
  }

  #tellAll(message: ToLive): void {
    for (const { worker } of this.#workers) worker.postMessage(message);
  }
}

/** The connections of a worker that is gone are closed: takes them off the listener's count. */
function releaseOpen(stats: Float64Array, openOverAll: Int32Array): void {
  const open = stats[LIVE_STAT.open] ?? 0;
  stats[LIVE_STAT.open] = 0;
  Atomics.sub(openOverAll, 0, open);
}

function mergeEndpoints(all: readonly (readonly EndpointStatus[])[]): readonly EndpointStatus[] {
  const merged = new Map<string, EndpointStatus>();
  for (const status of all.flat()) {
    const before = merged.get(status.url);
    merged.set(status.url, before === undefined ? status : worse(before, status));
  }
  return [...merged.values()];
}

function worse(left: EndpointStatus, right: EndpointStatus): EndpointStatus {
  const resting = [left.restingUntil, right.restingUntil].filter((until) => until !== undefined);
  return {
    url: left.url,
    state: left.state === 'resting' || right.state === 'resting' ? 'resting' : 'up',
    restingUntil: resting.length === 0 ? undefined : Math.max(...resting),
    connections: left.connections + right.connections,
    failures: left.failures + right.failures,
  };
}
