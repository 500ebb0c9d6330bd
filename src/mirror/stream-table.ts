/** A power of two. */
const SLOTS = 1_024;
/** Streams that may be under way at once: fewer than there are places, so that there is always one for the next id. */
export const STREAMS_MAX = 1_000;
/** No more streams after this id; ids go up to 2^31 - 1, and those that wait still get one. */
const LAST_ID = 2_000_000_001;

/**
 * The streams of one session that are under way: stream `id` is at `id / 2`, whose rest it is. Tables of a Map would be made
 * anew all the time, and old ones keep what they held until the next collection of everything: a quarter of what each copy
 * needs was kept like that.
 */
export class StreamTable<Stream extends { id: number }> {
  readonly #slots = Array.from<Stream | undefined>({ length: SLOTS }).fill(undefined);
  #nextId = 1;
  /** How many there are. */
  size = 0;

  /** No stream has had an id yet. */
  get untouched(): boolean {
    return this.#nextId === 1;
  }

  /** There are no ids for new streams. */
  get usedUp(): boolean {
    return this.#nextId > LAST_ID;
  }

  /** Gives a stream the next id. Ids may be left out (RFC 9113 §5.1.1). */
  add(stream: Stream): void {
    while (this.#slots[slotOf(this.#nextId)] !== undefined) this.#nextId += 2;
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#slots[slotOf(stream.id)] = stream;
    this.size++;
  }

  delete({ id }: Stream): void {
    this.#slots[slotOf(id)] = undefined;
    this.size--;
  }

  get(id: number): Stream | undefined {
    const stream = this.#slots[slotOf(id)];
    return stream?.id === id ? stream : undefined;
  }

  /** Whether there is or was a stream of that id. */
  knows(id: number): boolean {
    return id < this.#nextId && id % 2 === 1;
  }

  *[Symbol.iterator](): Iterator<Stream> {
    if (this.size === 0) return;
    for (const stream of this.#slots) if (stream !== undefined) yield stream;
  }
}

function slotOf(id: number): number {
  return (id >>> 1) & (SLOTS - 1);
}
