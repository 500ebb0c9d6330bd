/** What one reader of a broadcast sees. Ends when its signal aborts or the broadcast is closed. */
export interface Subscription<Item> extends AsyncIterable<Item> {
  /** Items this reader missed because it was too slow. */
  readonly dropped: number;
}

/** Hands each item to every reader. Nothing waits for a reader: one whose queue is full misses the oldest items. */
export class Broadcast<Item> {
  readonly #readers = new Set<Reader<Item>>();
  readonly #queueLimit: number;
  #closed = false;

  /** @param queueLimit items that wait for one reader; default 256 */
  constructor(queueLimit = 256) {
    this.#queueLimit = queueLimit;
  }

  get readers(): number {
    return this.#readers.size;
  }

  publish(item: Item): void {
    for (const reader of this.#readers) reader.push(item);
  }

  /** Everything that is published from now on. */
  subscribe(signal: AbortSignal): Subscription<Item> {
    const reader = new Reader<Item>(this.#queueLimit);
    if (this.#closed || signal.aborted) {
      reader.end();
      return reader;
    }
    const leave = (): void => {
      this.#readers.delete(reader);
      signal.removeEventListener('abort', leave);
      reader.end();
    };
    reader.onLeave = leave;
    signal.addEventListener('abort', leave);
    this.#readers.add(reader);
    return reader;
  }

  /** Ends every reader after what waits for it. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.onLeave();
  }
}

class Reader<Item> implements Subscription<Item> {
  dropped = 0;
  onLeave: () => void = () => {};
  readonly #limit: number;
  readonly #queue: Item[] = [];
  #ended = false;
  #wake: () => void = () => {};

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: Item): void {
    if (this.#queue.length >= this.#limit) {
      this.#queue.shift();
      this.dropped += 1;
    }
    this.#queue.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Item> {
    try {
      for (;;) {
        const item = this.#queue.shift();
        if (item !== undefined) {
          yield item;
          continue;
        }
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.onLeave();
    }
  }
}
