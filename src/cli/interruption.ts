import type { Clock } from '../kit/clock.ts';
import type { SignalName, Signals } from './command.ts';

/** Signals nearer to one another are one: npm hands on the Ctrl-C that the terminal has sent to its child already. */
const ECHO_MS = 300;

/** Turns signals into promises: each `next` is one more signal, also one that came before it was asked for. */
export class Interruption implements Disposable {
  readonly #signals: Signals;
  readonly #names: readonly SignalName[];
  readonly #clock: Clock;
  #lastAt = -Infinity;
  #waiting = 0;
  #resolve: (() => void) | undefined;

  constructor(signals: Signals, names: readonly SignalName[], clock: Clock) {
    this.#clock = clock;
    this.#signals = signals;
    this.#names = names;
    for (const name of names) signals.on(name, this.#onSignal);
  }

  /** Resolves at the next signal. One caller at a time. */
  next(): Promise<void> {
    if (this.#waiting > 0) {
      this.#waiting -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) this.#signals.off(name, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    const now = this.#clock.monotonic();
    const echo = now - this.#lastAt < ECHO_MS;
    this.#lastAt = now;
    if (echo) return;
    if (this.#resolve === undefined) {
      this.#waiting += 1;
      return;
    }
    this.#resolve();
    this.#resolve = undefined;
  };
}
