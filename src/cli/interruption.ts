import type { SignalName, Signals } from './command.ts';

/** Turns signals into promises: each `next` is one more signal, also one that came before it was asked for. */
export class Interruption implements Disposable {
  readonly #signals: Signals;
  readonly #names: readonly SignalName[];
  #waiting = 0;
  #resolve: (() => void) | undefined;

  constructor(signals: Signals, names: readonly SignalName[]) {
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
    if (this.#resolve === undefined) {
      this.#waiting += 1;
      return;
    }
    this.#resolve();
    this.#resolve = undefined;
  };
}
