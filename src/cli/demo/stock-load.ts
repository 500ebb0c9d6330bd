import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { STOCK_METHOD, stockRequest } from './stock.ts';

/** Calls under way at once; those that are due beyond them are left out. */
const STREAMS = 32;
const TICK_MS = 10;
const PRODUCTS = 100;

export interface StockLoadStats {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
}

/** Calls the gRPC service at a steady rate over one connection, as a client of gRPC does. */
export class StockLoad implements AsyncDisposable {
  readonly #session: ClientHttp2Session;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #due = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #open = 0;
  #whenIdle: () => void = () => {};

  /** @param target `http://host:port` */
  constructor(target: string, callsPerSecond: number) {
    this.#session = connect(target);
    this.#session.on('error', () => {});
    this.#timer = setInterval(() => {
      const wanted = ((performance.now() - this.#startedAt) / 1000) * callsPerSecond;
      for (; this.#due < wanted; this.#due++) if (this.#open < STREAMS) this.#call(this.#due % PRODUCTS);
    }, TICK_MS);
  }

  stats(): StockLoadStats {
    return { sent: this.#sent, answered: this.#answered, failed: this.#failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    this.#session.destroy();
  }

  #call(product: number): void {
    this.#sent++;
    this.#open++;
    let complete = false;
    if (this.#session.destroyed) return this.#over(false);
    const headers = { 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.#session.request({ ':method': 'POST', ':path': STOCK_METHOD, ...headers });
    stream.on('error', () => {});
    stream.on('end', () => {
      complete = true;
    });
    stream.on('close', () => this.#over(complete));
    stream.resume();
    stream.end(stockRequest({ sku: `sku-${product}` }));
  }

  #over(complete: boolean): void {
    this.#open--;
    if (complete) this.#answered++;
    else this.#failed++;
    if (this.#open === 0) this.#whenIdle();
  }
}
