import type { Clock } from './clock.ts';

interface Timer {
  due: number;
  readonly everyMs: number | undefined;
  readonly task: () => void;
}

/** A clock that stands still until `advance` moves it; timers run in the order of their due times. For tests and replays. */
export class ManualClock implements Clock {
  #time: number;
  readonly #start: number;
  readonly #timers = new Set<Timer>();

  /** @param epochMs what `now` says at first */
  constructor(epochMs = 0) {
    this.#time = epochMs;
    this.#start = epochMs;
  }

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time - this.#start;
  }

  after(ms: number, task: () => void): () => void {
    return this.#add({ due: this.#time + Math.max(0, ms), everyMs: undefined, task });
  }

  every(ms: number, task: () => void): () => void {
    const everyMs = Math.max(1, ms);
    return this.#add({ due: this.#time + everyMs, everyMs, task });
  }

  /** Moves the time forward and runs what falls due on the way, also what those tasks add. */
  advance(ms: number): void {
    const end = this.#time + ms;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#time = timer.due;
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.due += timer.everyMs;
      timer.task();
    }
    this.#time = end;
  }

  /** Timers that are waiting. */
  get pending(): number {
    return this.#timers.size;
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }
}
