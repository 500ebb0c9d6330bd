/** What a reader passes between two pieces: open, or to be waited at. Opens for good when it is not needed any more. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => {};
  #broken = false;

  /** What to wait for; undefined while the gate is open. */
  get closed(): Promise<void> | undefined {
    return this.#opened;
  }

  pause(): void {
    if (this.#opened !== undefined || this.#broken) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = resolve;
  }

  resume(): void {
    this.#opened = undefined;
    this.#open();
  }

  /** Opens it, and no `pause` closes it again. */
  remove(): void {
    this.#broken = true;
    this.resume();
  }
}
