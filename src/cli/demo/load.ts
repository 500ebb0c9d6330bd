import { Agent, request } from 'node:http';
import { ORDERS } from './orders.ts';

/** What the load has seen so far. */
export interface LoadStats {
  readonly sent: number;
  readonly answered: number;
  /** Requests without a whole answer. */
  readonly failed: number;
  /** Requests that were due while every connection was busy. */
  readonly late: number;
  /** Of the last thousand answers, ms; 0 before the first one. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadOptions {
  readonly target: string;
  readonly requestsPerSecond: number;
}

/** Keep-alive connections; a request that finds none free is left out and counted. */
const CONNECTIONS = 32;
const TICK_MS = 10;
const REMEMBERED = 1000;

/** Sends a mix of requests at a steady rate, whether or not they are answered in time, as users do. */
export class Load implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #timer: NodeJS.Timeout;
  readonly #lastMs: number[] = [];
  readonly #startedAt = performance.now();
  #due = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #late = 0;
  #open = 0;
  #stopped = false;
  #whenIdle: () => void = () => {};

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stats(): LoadStats {
    const sorted = this.#lastMs.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#failed,
      late: this.#late,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }

  /** Sends nothing more and waits for the answers that are still to come. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    this.#agent.destroy();
  }

  #tick(): void {
    const wanted = ((performance.now() - this.#startedAt) / 1000) * this.#options.requestsPerSecond;
    for (; this.#due < wanted; this.#due++) {
      if (this.#open >= CONNECTIONS) this.#late += 1;
      else this.#send(mixOf(this.#due));
    }
  }

  #send({ method, path, body }: Mix): void {
    const startedAt = performance.now();
    this.#sent += 1;
    this.#open += 1;
    const done = (answered: boolean): void => {
      this.#open -= 1;
      if (answered) this.#answered += 1;
      else this.#failed += 1;
      this.#lastMs.push(performance.now() - startedAt);
      if (this.#lastMs.length > REMEMBERED) this.#lastMs.shift();
      if (this.#stopped && this.#open === 0) this.#whenIdle();
    };
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sending = request(`${this.#options.target}${path}`, {
      agent: this.#agent,
      method,
      headers,
      timeout: 5000,
    });
    sending.on('timeout', () => sending.destroy());
    let complete = false;
    sending.on('response', (response) => {
      response.resume();
      response.on('end', () => {
        complete = true;
      });
      // What breaks off is told by the request's own end.
      response.on('error', () => {});
    });
    sending.on('error', () => {});
    sending.on('close', () => done(complete));
    sending.end(body);
  }
}

export interface Mix {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

/** The n-th request of the mix: of 20, eleven single orders, four lists, two searches, and one each of the others. */
export function mixOf(n: number): Mix {
  const kind = n % 20;
  const turn = Math.floor(n / 20);
  if (kind < 11) return { method: 'GET', path: `/api/orders/${((turn * 11 + kind) % ORDERS) + 1}` };
  if (kind < 15) return { method: 'GET', path: `/api/orders?page=${(turn * 4 + kind) % (ORDERS / 10)}` };
  if (kind < 17) return { method: 'GET', path: `/api/search?q=${['ada', 'nobody'][kind - 15] ?? ''}` };
  if (kind === 17)
    return { method: 'POST', path: '/api/orders', body: JSON.stringify({ customer: 'ada', note: turn }) };
  return { method: 'GET', path: kind === 18 ? '/' : `/api/orders/${ORDERS + 1 + (turn % ORDERS)}` };
}
