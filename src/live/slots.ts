/** Small numbers for open connections, the last one given back first, so that the table they index stays warm. */
export class SlotPool {
  readonly #free: number[] = [];
  #size: number;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** @throws RangeError when all are taken, which the connection limit rules out */
  take(): number {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    if (this.#next >= this.#size) throw new RangeError(`more than ${this.#size} connections have a slot`);
    return this.#next++;
  }

  /** Makes room for more; there never becomes less, because the highest slots may be in use. */
  grow(size: number): void {
    this.#size = Math.max(this.#size, size);
  }

  give(slot: number): void {
    this.#free.push(slot);
  }
}
