import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { LoadStats } from './load.ts';
import type { FromThread, StageLoad, ToThread, Trio } from './messages.ts';

/** Two services, each three times, and their load, in a thread of their own. */
export class Stage implements AsyncDisposable {
  readonly orders: Trio;
  readonly stock: Trio;
  #stats: LoadStats = { sent: 0, answered: 0, failed: 0, late: 0, p50Ms: 0, p99Ms: 0 };
  readonly #worker: Worker;

  private constructor(worker: Worker, urls: Extract<FromThread, { kind: 'ready' }>) {
    this.#worker = worker;
    this.orders = urls.orders;
    this.stock = urls.stock;
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'stats') this.#stats = message.stats;
    });
  }

  static async start(): Promise<Stage> {
    // `.ts` in a checkout, `.js` in the published package.
    const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const worker = new Worker(new URL(`./thread${ending}`, import.meta.url));
    return new Stage(worker, await heard(worker, 'ready'));
  }

  get stats(): LoadStats {
    return this.#stats;
  }

  load(options: StageLoad): void {
    this.#say({ kind: 'load', options });
  }

  /** Stops the load and waits for the answers that are still to come. */
  async end(): Promise<void> {
    const quiet = heard(this.#worker, 'quiet');
    this.#say({ kind: 'end' });
    await quiet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#worker, 'exit');
    this.#say({ kind: 'close' });
    await exited;
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}

/** The next message of a kind; rejects when the thread fails or ends before. */
function heard<Kind extends FromThread['kind']>(
  worker: Worker,
  kind: Kind,
): Promise<Extract<FromThread, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromThread): void => {
      if (message.kind !== kind) return;
      stop();
      resolve(message as Extract<FromThread, { kind: Kind }>);
    };
    const onEnd = (): void => onError(new Error("the demo's thread ended"));
    const onError = (error: Error): void => {
      stop();
      reject(error);
    };
    const stop = (): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onEnd);
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onEnd);
  });
}
