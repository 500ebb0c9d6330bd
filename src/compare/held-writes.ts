import { mix32 } from '../kit/hash.ts';
import { normalPath } from '../model/match-path.ts';
import { placeholderOf } from './routes/segment.ts';

/** Size of one of the two bit tables, bytes. */
const TABLE_BYTES = 64 * 1024;
/** How long a table takes up writes; a write is remembered for once to twice as long. */
const GENERATION_MS = 10 * 60_000;
/** Share of the bits of a table that may be set. With four bits for each path, 0.4 % of other paths look like written ones. */
const FILL_SHARE = 0.25;
const PROBES = 4;

/** What is looked at of a path, characters; and how many segments, from the front. */
const PATH_CHARS = 1024;
const DEPTH = 16;

/** Words before the tables. */
/** Generations so far; the lowest bit says which table takes up writes. */
const EPOCH = 0;
const STARTED_S = 1;
const NOTED = 2;
const EARLY = 3;
const FILL = 4;
const HEADER_WORDS = 8;

const SLASH = 47;
/** Where FNV-1a begins. */
const BASIS = 0x811c9dc5;
/** Sets apart what was written itself from what a write below it may have changed. */
const WRITTEN = 0x5bd1e995;

export interface HeldWritesOptions {
  readonly generationMs?: number;
}

/** Memory for `HeldWrites`, to be shared by the threads of an instance. */
export function heldWritesBuffer(tableBytes: number = TABLE_BYTES): SharedArrayBuffer {
  const words = Math.max(1, Math.floor(tableBytes / 4));
  return new SharedArrayBuffer((HEADER_WORDS + 2 * words) * 4);
}

/**
 * Which resources had a write that was held back, so that the mirror's state of them is old: a Bloom filter (Bloom, 1970)
 * in two generations, shared by all observers. It keeps a write for one to two generations, and may take a
 * resource for a written one with a probability of about 1 % (both generations at their fullest).
 *
 * A generation that is full is over at once: the oldest writes are forgotten early, and `early` counts how often. So under
 * a flood of writes drift may be taken for a difference, and a difference hardly ever for drift.
 */
export class HeldWrites {
  readonly #words: Int32Array;
  readonly #tableWords: number;
  readonly #fillLimit: number;
  readonly #generationS: number;

  /** @param buffer from `heldWritesBuffer` */
  constructor(buffer: SharedArrayBuffer, { generationMs = GENERATION_MS }: HeldWritesOptions = {}) {
    this.#words = new Int32Array(buffer);
    this.#tableWords = Math.floor((this.#words.length - HEADER_WORDS) / 2);
    this.#fillLimit = this.#tableWords * 32 * FILL_SHARE;
    this.#generationS = Math.max(1, Math.round(generationMs / 1000));
  }

  /** How often a generation ended because it was full. */
  get early(): number {
    return Atomics.load(this.#words, EARLY);
  }

  /**
   * A write was held back. Marks its resource and the collections that it is in: after one to `/api/orders/42/items` they
   * are `/api/orders/42/items`, `/api/orders/42`, `/api/orders` and `/api`.
   *
   * @param path as sent; a query is left out
   * @param nowMs milliseconds since the Unix epoch, the same clock in all threads
   */
  note(path: string, nowMs: number): void {
    this.#age(nowMs);
    const normal = resourcePath(path);
    let hash = BASIS;
    let depth = 0;
    for (let at = 0; at <= normal.length && depth <= DEPTH; at++) {
      const code = at === normal.length ? SLASH : normal.charCodeAt(at);
      if (code === SLASH && at > 0) {
        depth++;
        this.#mark(hash, nowMs);
        if (at === normal.length) this.#mark(hash ^ WRITTEN, nowMs);
      }
      hash = step(hash, code);
    }
    Atomics.store(this.#words, NOTED, 1);
  }

  /**
   * Whether a read may see that a write was held back: one to this path or below it, or one to the thing that it belongs
   * to (`/api/orders/42` for `/api/orders/42/items`, where `42` is an id by its form).
   */
  touched(path: string, nowMs: number): boolean {
    if (Atomics.load(this.#words, NOTED) === 0) return false;
    this.#age(nowMs);
    const normal = resourcePath(path);
    let hash = BASIS;
    let from = 1;
    let depth = 0;
    for (let at = 0; at < normal.length; at++) {
      const code = normal.charCodeAt(at);
      if (code === SLASH && at > 0) {
        if (++depth > DEPTH) return false;
        if (this.#has(hash ^ WRITTEN) && placeholderOf(normal.slice(from, at)) !== undefined) return true;
        from = at + 1;
      }
      hash = step(hash, code);
    }
    return this.#has(hash);
  }

  /**
   * Whether what a read asks for may have been made by a write that was held back, such as a POST to its collection. That
   * says something only where the mirror does not know the resource (404).
   */
  mayBeNew(path: string, nowMs: number): boolean {
    if (Atomics.load(this.#words, NOTED) === 0) return false;
    this.#age(nowMs);
    const normal = resourcePath(path);
    const end = normal.lastIndexOf('/');
    let hash = BASIS;
    for (let at = 0; at < end; at++) hash = step(hash, normal.charCodeAt(at));
    return end > 0 && this.#has(hash ^ WRITTEN);
  }

  #mark(hash: number, nowMs: number): void {
    const epoch = Atomics.load(this.#words, EPOCH);
    if (Atomics.load(this.#words, FILL + (epoch & 1)) >= this.#fillLimit && this.#begin(epoch)) {
      Atomics.store(this.#words, STARTED_S, secondsOf(nowMs));
      Atomics.add(this.#words, EARLY, 1);
    }
    const current = Atomics.load(this.#words, EPOCH) & 1;
    let place = mix32(hash);
    const stride = strideOf(hash);
    let added = 0;
    for (let probe = 0; probe < PROBES; probe++, place += stride) {
      const bit = 1 << (place & 31);
      const before = Atomics.or(this.#words, this.#wordOf(current, place), bit);
      if ((before & bit) === 0) added++;
    }
    if (added > 0) Atomics.add(this.#words, FILL + current, added);
  }

  #has(hash: number): boolean {
    const first = mix32(hash);
    const stride = strideOf(hash);
    return this.#hasIn(0, first, stride) || this.#hasIn(1, first, stride);
  }

  #hasIn(generation: number, first: number, stride: number): boolean {
    let place = first;
    for (let probe = 0; probe < PROBES; probe++, place += stride) {
      const word = Atomics.load(this.#words, this.#wordOf(generation, place));
      if ((word & (1 << (place & 31))) === 0) return false;
    }
    return true;
  }

  #wordOf(generation: number, place: number): number {
    return HEADER_WORDS + generation * this.#tableWords + ((place >>> 5) % this.#tableWords);
  }

  /** Begins a new generation when the current one is over; both are empty after a long rest. */
  #age(nowMs: number): void {
    const nowS = secondsOf(nowMs);
    const started = Atomics.load(this.#words, STARTED_S);
    const age = (nowS - started) | 0;
    if (started !== 0 && age >= 0 && age < this.#generationS) return;
    const epoch = Atomics.load(this.#words, EPOCH);
    // One of the threads that see it does it.
    if (Atomics.compareExchange(this.#words, STARTED_S, started, nowS) !== started) return;
    // The first time of all, or a clock that was set back: the generation goes on from now.
    if (started === 0 || age < 0) return;
    this.#begin(epoch);
    if (age >= 2 * this.#generationS) this.#clear(epoch & 1);
  }

  /**
   * Ends the generation with this number, unless another thread did. Marks that another thread makes in the very moment may
   * be lost with the old table; a lock would be worse, as threads may end anywhere.
   */
  #begin(epoch: number): boolean {
    this.#clear(1 - (epoch & 1));
    return Atomics.compareExchange(this.#words, EPOCH, epoch, epoch + 1) === epoch;
  }

  #clear(generation: number): void {
    const from = HEADER_WORDS + generation * this.#tableWords;
    this.#words.fill(0, from, from + this.#tableWords);
    Atomics.store(this.#words, FILL + generation, 0);
  }
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000) | 0;
}

/** Two hashes make all the others (Kirsch and Mitzenmacher, 2006). */
function strideOf(hash: number): number {
  return mix32(hash ^ 0x9e3779b9);
}

/** The path without query and without a slash at its end. */
function resourcePath(path: string): string {
  const query = path.indexOf('?');
  const end = Math.min(query < 0 ? path.length : query, PATH_CHARS);
  const normal = normalPath(end < path.length ? path.slice(0, end) : path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** FNV-1a, one character at a time, so that each prefix has its hash on the way; `mix32` spreads it. */
function step(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}
