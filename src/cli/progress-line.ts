import type { Output } from './command.ts';

/** Goes to the start of the line and clears it (ECMA-48: CR, EL). */
const CLEAR = '\r\u001B[2K';

/** A line at the bottom of a terminal that is written over itself; other output goes above it. Nothing in a pipe. */
export class ProgressLine implements Disposable {
  readonly #out: Output;
  readonly #shown: boolean;
  #text = '';

  /** @param shown false when a person should not see it, whatever the output is */
  constructor(out: Output, shown = true) {
    this.#out = out;
    this.#shown = shown && out.terminal;
  }

  update(text: string): void {
    if (!this.#shown) return;
    // A line that wraps could not be cleared.
    this.#text = text.slice(0, this.#out.columns - 1);
    this.#out.write(CLEAR + this.#text);
  }

  /** Lets `write` print whole lines, to this or another output of the same terminal. */
  above(write: () => void): void {
    if (this.#text === '') {
      write();
      return;
    }
    this.#out.write(CLEAR);
    write();
    this.#out.write(this.#text);
  }

  /** Leaves the last text where it is and goes on below it. */
  [Symbol.dispose](): void {
    if (this.#text !== '') this.#out.write('\n');
    this.#text = '';
  }
}
