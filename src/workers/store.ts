import { Worker } from 'node:worker_threads';
import { backoffMs } from '../kit/backoff.ts';
import { messageOf, UserError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type {
  ExchangeFilter,
  ExchangeSummary,
  MinuteCounts,
  Page,
  RecordedExchange,
  SavedVerdict,
  StoreBatch,
  StoreStatus,
} from '../model/recording.ts';
import type { StoreSettings } from '../model/settings.ts';
import { packExchanges } from '../store/body-transfer.ts';
import { HeldAggregates } from '../store/held-aggregates.ts';
import { batchBytes } from '../store/recorded-size.ts';
import { workerEntry } from './entry.ts';
import type {
  FromStore,
  StoreAnswer,
  StoreQuestion,
  StoreRefusal,
  StoreThreadData,
  ToStore,
} from './store-messages.ts';

export interface StoreClientOptions {
  readonly settings: StoreSettings;
  readonly log: Logger;
}

/** What may wait for the store's thread: past either, exchanges are turned away and counted. */
export const QUEUE_BYTES = 16 * 1024 * 1024;
export const QUEUE_BATCHES = 64;
/** Questions that may wait for an answer, and for how long, ms. */
export const QUESTIONS_LIMIT = 64;
const QUESTION_MS = 10_000;
/** How long a start waits for the file; a disk that hangs does not hold up the instance, ms. */
const OPEN_MS = 5000;
/** How long an end waits until everything is written, ms. */
const CLOSE_MS = 5000;
const RESTART = { baseMs: 100, maxMs: 10_000 };
/** A thread that has run for this long was well: its next restart is quick again. */
const WELL_MS = 60_000;
/** JavaScript heap of the thread, MiB. SQLite's own memory is bounded by its cache. */
const HEAP_MB = 128;

const NOTHING: StoreBatch = { exchanges: [], minutes: [], verdicts: [] };

interface Waiting {
  readonly resolve: (answer: StoreAnswer) => void;
  readonly reject: (error: UserError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The store as main sees it: its thread does the work. Writing takes no time and never fails; a thread that dies is started
 * again, and what it had not written yet is counted as turned away.
 */
export class StoreClient implements AsyncDisposable {
  readonly #options: StoreClientOptions;
  readonly #held = new HeldAggregates();
  readonly #waiting = new Map<number, Waiting>();
  /** What was sent and is not handled yet, oldest first. */
  #sent: { readonly bytes: number; readonly exchanges: number }[] = [];
  #sentBytes = 0;
  #worker: Worker | undefined;
  #status: StoreStatus;
  /** Turned away here, and by threads that have ended. */
  #dropped = 0;
  #questions = 0;
  #restartsInRow = 0;
  #startedAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #closing = false;

  private constructor(options: StoreClientOptions) {
    this.#options = options;
    const { file, maxBytes } = options.settings;
    this.#status = {
      file: file ?? 'memory',
      state: 'failing',
      error: 'the store is being opened',
      bytes: 0,
      maxBytes,
      exchanges: 0,
      dropped: 0,
    };
  }

  /**
   * Starts the thread; resolves when the file is open, or it is known why not, or that takes too long.
   *
   * @throws UserError when the file is not ours, or was written by a newer version
   */
  static async start(options: StoreClientOptions): Promise<StoreClient> {
    const client = new StoreClient(options);
    const refused = await client.#start();
    if (refused === undefined) return client;
    await client[Symbol.asyncDispose]();
    throw userErrorOf(refused);
  }

  /** Hands a batch to the thread. Where too much waits already its exchanges are turned away; the rest follows later. */
  write(batch: StoreBatch): void {
    if (this.#closing) {
      this.#dropped += batch.exchanges.length;
      return;
    }
    const bytes = batchBytes(batch);
    const full = this.#sent.length >= QUEUE_BATCHES || this.#sentBytes + bytes > QUEUE_BYTES;
    const worker = this.#worker;
    if (worker === undefined || (full && this.#sent.length > 0) || bytes > QUEUE_BYTES) {
      this.#dropped += batch.exchanges.length;
      this.#held.add(batch);
      return;
    }
    this.#send(worker, batch, bytes);
  }

  /** Hands a batch over, and what was held before it. */
  #send(worker: Worker, batch: StoreBatch, bytes: number): void {
    this.#held.add(batch);
    const { exchanges, bodies } = packExchanges(batch.exchanges);
    const message: ToStore = { kind: 'write', batch: { exchanges, ...this.#held.get() } };
    this.#held.clear();
    this.#sent.push({ bytes, exchanges: exchanges.length });
    this.#sentBytes += bytes;
    worker.postMessage(message, [bodies]);
  }

  /** Rejects with UserError when the store cannot be read now. */
  async exchanges(filter: ExchangeFilter): Promise<Page<ExchangeSummary>> {
    const answer = await this.#ask({ kind: 'exchanges', filter });
    return answer.kind === 'exchanges' ? answer.page : { items: [], next: undefined };
  }

  /** Rejects with UserError when the store cannot be read now. */
  async exchange(id: string): Promise<readonly RecordedExchange[]> {
    const answer = await this.#ask({ kind: 'exchange', exchange: id });
    return answer.kind === 'exchange' ? answer.exchanges : [];
  }

  /** What a start takes up. Rejects with UserError when the store cannot be read now. */
  async savedVerdicts(): Promise<readonly SavedVerdict[]> {
    const answer = await this.#ask({ kind: 'verdicts' });
    return answer.kind === 'verdicts' ? answer.verdicts : [];
  }

  /** Rejects with UserError when the store cannot be read now. */
  async minutes(
    policy: string,
    mirror: string,
    after: number,
    before: number,
  ): Promise<readonly MinuteCounts[]> {
    const answer = await this.#ask({ kind: 'minutes', policy, mirror, after, before });
    return answer.kind === 'minutes' ? answer.minutes : [];
  }

  /** As the thread told it last, at most about a second ago. */
  status(): StoreStatus {
    return { ...this.#status, dropped: this.#dropped + this.#status.dropped };
  }

  /** Resolves when everything written so far is stored or turned away. Rejects with UserError when the thread has failed. */
  async flush(): Promise<void> {
    await this.#ask({ kind: 'flush' });
    // What found no place in the queue before.
    if (this.#held.empty) return;
    this.write(NOTHING);
    await this.#ask({ kind: 'flush' });
  }

  /** Writes what waits, for as long as `CLOSE_MS`, and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker === undefined) return;
    // The last thing that is told, however much waits before it.
    if (!this.#held.empty) this.#send(worker, NOTHING, 0);
    const ended = new Promise<boolean>((resolve) => worker.once('exit', () => resolve(true)));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), CLOSE_MS);
    });
    worker.postMessage({ kind: 'close' } satisfies ToStore);
    const inTime = await Promise.race([ended, late]);
    clearTimeout(timer);
    if (inTime) return;
    const waiting = this.#lose();
    this.#options.log.warn('the store did not finish in time', { waiting });
    // Not awaited: a thread that waits for a disk ends when the disk lets it.
    void worker.terminate();
  }

  /** @returns why the file was refused, undefined when it was not */
  async #start(): Promise<StoreRefusal | undefined> {
    const { settings, log } = this.#options;
    const worker = new Worker(workerEntry('store-thread'), {
      workerData: { settings } satisfies StoreThreadData,
      name: 'store',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#worker = worker;
    this.#startedAt = performance.now();
    worker.on('error', (error) => log.error('the store thread failed', { error: messageOf(error) }));
    worker.once('exit', () => this.#exited(worker));
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), OPEN_MS).unref();
      const opened = (refused: StoreRefusal | undefined) => {
        clearTimeout(timer);
        resolve(refused);
      };
      worker.once('exit', () => opened(undefined));
      worker.on('message', (message: FromStore) => {
        if (this.#worker !== worker) return;
        if (message.kind === 'opened') opened(message.refused);
        this.#heard(message);
      });
    });
  }

  #heard(message: FromStore): void {
    switch (message.kind) {
      case 'log':
        this.#options.log[message.level](message.message, message.fields);
        break;
      case 'answer':
        this.#take(message.id)?.resolve(message.answer);
        break;
      case 'refusal':
        this.#take(message.id)?.reject(userErrorOf(message.refusal));
        break;
      case 'written':
        this.#sentBytes -= this.#sent.shift()?.bytes ?? 0;
        this.#status = message.status;
        break;
      default:
        this.#status = message.status;
    }
  }

  #exited(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const id of this.#waiting.keys()) this.#take(id)?.reject(unavailable('its thread has ended'));
    this.#lose();
    // The next thread counts from 0.
    this.#dropped += this.#status.dropped;
    this.#status = { ...this.#status, dropped: 0 };
    if (this.#closing) return;
    this.#status = { ...this.#status, state: 'failing', error: 'its thread has ended and is started again' };
    if (performance.now() - this.#startedAt > WELL_MS) this.#restartsInRow = 0;
    const delayMs = backoffMs(this.#restartsInRow++, RESTART);
    this.#options.log.warn('the store thread is started again', { delayMs: Math.round(delayMs) });
    this.#restartTimer = setTimeout(() => {
      if (!this.#closing) void this.#start();
    }, delayMs).unref();
  }

  /** What was sent to a thread that will not answer is lost. */
  #lose(): number {
    const lost = this.#sent.reduce((sum, { exchanges }) => sum + exchanges, 0);
    this.#dropped += lost;
    this.#sent = [];
    this.#sentBytes = 0;
    return lost;
  }

  #ask(question: StoreQuestion): Promise<StoreAnswer> {
    const worker = this.#worker;
    if (worker === undefined || this.#closing)
      return Promise.reject(unavailable('its thread is not running'));
    if (this.#waiting.size >= QUESTIONS_LIMIT) {
      return Promise.reject(unavailable('too many are asking at once'));
    }
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#take(id)?.reject(unavailable(`it has not answered for ${QUESTION_MS / 1000} s`));
      }, QUESTION_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      worker.postMessage({ kind: 'ask', id, question } satisfies ToStore);
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}

function unavailable(why: string): UserError {
  return new UserError(`the store cannot be read now: ${why}`, {
    code: 'unavailable',
    hint: 'try again in a moment',
  });
}

function userErrorOf({ message, code, where, hint }: StoreRefusal): UserError {
  return new UserError(message, {
    code,
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
  });
}
