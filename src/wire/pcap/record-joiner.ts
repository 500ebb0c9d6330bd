/** Reads whole records from `bytes[at, end)`. */
export interface RecordParser {
  /**
   * @returns bytes that the record at `at` has at least, head included: when no more than `end - at`, `take` may be called;
   *   0 when nothing can be read any more
   */
  need(bytes: Uint8Array, at: number, end: number): number;
  take(bytes: Uint8Array, at: number, bytesTaken: number): void;
}

/**
 * Finds records in a stream that comes in pieces of any size. A record that is whole in its piece is read from there; only
 * what goes over the end of a piece is copied.
 */
export class RecordJoiner {
  readonly #parser: RecordParser;
  #kept = new Uint8Array(64 * 1024);
  #keptBytes = 0;
  #stopped = false;

  constructor(parser: RecordParser) {
    this.#parser = parser;
  }

  /** Bytes of a record that is not whole yet. */
  get pending(): number {
    return this.#keptBytes;
  }

  write(chunk: Uint8Array): void {
    if (this.#stopped) return;
    let at = this.#keptBytes === 0 ? 0 : this.#complete(chunk);
    const end = chunk.length;
    while (at < end) {
      const need = this.#parser.need(chunk, at, end);
      if (need === 0) {
        this.#stop();
        return;
      }
      if (need > end - at) break;
      this.#parser.take(chunk, at, need);
      at += need;
    }
    if (at < end) this.#keep(chunk, at, end);
  }

  /** Fills up the record that was begun; returns how much of the chunk that took. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    while (at <= chunk.length) {
      const need = this.#parser.need(this.#kept, 0, this.#keptBytes);
      if (need === 0) {
        this.#stop();
        return chunk.length;
      }
      if (need <= this.#keptBytes) {
        this.#parser.take(this.#kept, 0, need);
        this.#keptBytes = 0;
        return at;
      }
      if (at === chunk.length) break;
      const more = Math.min(need - this.#keptBytes, chunk.length - at);
      this.#keep(chunk, at, at + more);
      at += more;
    }
    return at;
  }

  #keep(chunk: Uint8Array, at: number, end: number): void {
    const bytes = this.#keptBytes + end - at;
    if (bytes > this.#kept.length) {
      // Grows with what really comes, not with what a record says it has.
      const larger = new Uint8Array(Math.max(bytes, this.#kept.length * 2));
      larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(chunk.subarray(at, end), this.#keptBytes);
    this.#keptBytes = bytes;
  }

  #stop(): void {
    this.#stopped = true;
    this.#keptBytes = 0;
  }
}
