import {
  ANSWER,
  ANSWER_WORDS,
  CONTROL,
  KIND,
  LEAVING,
  RECORD_HEADER_BYTES,
  SKIP_FOREVER,
  viewTape,
} from '../model/tape.ts';
import type { Direction, Tape, TapeViews } from '../model/tape.ts';

/** Receives records in the order in which the live worker wrote them. Payloads are views, valid during the call only. */
export interface TapeEvents {
  open(connection: number, midstream: boolean, note: Uint8Array, micros: number): void;
  data(connection: number, direction: Direction, chunk: Uint8Array, micros: number): void;
  /** `lost`: there was no room; otherwise the bytes were left out because `skip` asked for it. */
  gap(connection: number, direction: Direction, bytes: number, lost: boolean, micros: number): void;
  end(connection: number, direction: Direction, micros: number): void;
  /** `failed`: the side that ended the connection with an error. */
  close(connection: number, failed: Direction | undefined, micros: number): void;
  leave(connection: number, micros: number): void;
}

/** Largest skip that one answer word can express, with room for bytes that passed meanwhile. */
const SKIP_MAX = 2 ** 30;
const FREE_STEP_BYTES = 256 * 1024;

/** The consumer's side of a tape. */
export class TapeReader {
  readonly #views: TapeViews;
  #tail = 0;

  constructor(tape: Tape) {
    this.#views = viewTape(tape);
    this.#tail = Atomics.load(this.#views.control, CONTROL.tail) >>> 0;
  }

  /** Bytes on the tape that have not been handed out. */
  get unread(): number {
    return (Atomics.load(this.#views.control, CONTROL.head) - this.#tail) >>> 0;
  }

  /**
   * Hands out what is on the tape, at most `budgetBytes` of it, and frees the room as it goes.
   *
   * @returns whether there was anything
   */
  read(events: TapeEvents, budgetBytes: number): boolean {
    const { control } = this.#views;
    const head = Atomics.load(control, CONTROL.head) >>> 0;
    if (head === this.#tail) return false;
    const available = (head - this.#tail) >>> 0;
    const limit = Math.min(available, budgetBytes);
    let done = 0;
    let freed = 0;
    while (done < limit) {
      done += this.#readRecord(events, (this.#tail + done) >>> 0);
      // Freeing in steps lets the live worker go on writing while a long batch is read.
      if (done - freed >= FREE_STEP_BYTES) {
        Atomics.store(control, CONTROL.tail, (this.#tail + done) | 0);
        freed = done;
      }
    }
    this.#tail = (this.#tail + done) >>> 0;
    Atomics.store(control, CONTROL.tail, this.#tail | 0);
    return true;
  }

  /**
   * Waits until there is something to read.
   *
   * @returns undefined when there already is, otherwise a promise that the live worker's next record settles
   */
  wait(): Promise<unknown> | undefined {
    const { control } = this.#views;
    Atomics.store(control, CONTROL.waiting, 1);
    if (Atomics.load(control, CONTROL.head) >>> 0 !== this.#tail) {
      Atomics.store(control, CONTROL.waiting, 0);
      return undefined;
    }
    const wait = Atomics.waitAsync(control, CONTROL.waiting, 1);
    return wait.async ? wait.value : undefined;
  }

  /** Asks the live worker not to tape a direction of a connection up to a stream offset (bytes since it was opened). */
  skip(slot: number, connection: number, direction: Direction, offset: number, bytes: number): void {
    this.#answer(slot, connection, ANSWER.skipFromClient + direction, skipUntil(offset, bytes));
  }

  /** Asks the live worker never to take this connection in again once it is left out. */
  giveUp(slot: number, connection: number): void {
    this.#answer(slot, connection, ANSWER.leaving, LEAVING.forGood);
  }

  /** Asks the live worker to leave out others before this connection. */
  spare(slot: number, connection: number): void {
    this.#answer(slot, connection, ANSWER.leaving, LEAVING.last);
  }

  #answer(slot: number, connection: number, word: number, value: number): void {
    const { answers } = this.#views;
    const base = slot * ANSWER_WORDS;
    if (Atomics.load(answers, base + ANSWER.owner) !== (connection | 0)) return;
    Atomics.store(answers, base + word, value);
    // The slot may have got its next connection meanwhile, which this does not concern.
    if (Atomics.load(answers, base + ANSWER.owner) !== (connection | 0))
      Atomics.store(answers, base + word, 0);
  }

  #readRecord(events: TapeEvents, from: number): number {
    const { ring, ringWords, ringDoubles, ringMask } = this.#views;
    const at = from & ringMask;
    const word = at >> 2;
    const length = ringWords[word] ?? 0;
    const kindAndDirection = ringWords[word + 1] ?? 0;
    const kind = kindAndDirection & 0xff;
    if (kind === KIND.pad) return length + 8;
    const direction = ((kindAndDirection >> 8) & 1) as Direction;
    const connection = ringWords[word + 2] ?? 0;
    const extra = ringWords[word + 3] ?? 0;
    const micros = ringDoubles[(at >> 3) + 2] ?? 0;
    const start = at + RECORD_HEADER_BYTES;
    switch (kind) {
      case KIND.data:
        events.data(connection, direction, viewOf(ring, start, length), micros);
        break;
      case KIND.open:
        events.open(connection, extra === 1, viewOf(ring, start, length), micros);
        break;
      case KIND.gap:
      case KIND.skip:
        events.gap(connection, direction, extra, kind === KIND.gap, micros);
        break;
      case KIND.end:
        events.end(connection, direction, micros);
        break;
      case KIND.close:
        events.close(connection, extra === 1 ? direction : undefined, micros);
        break;
      default:
        events.leave(connection, micros);
    }
    return RECORD_HEADER_BYTES + ((length + 7) & ~7);
  }
}

/** Half the price of `subarray`. */
function viewOf(ring: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(ring.buffer, ring.byteOffset + start, length);
}

function skipUntil(offset: number, bytes: number): number {
  if (bytes === Infinity) return SKIP_FOREVER;
  const until = (offset + Math.min(bytes, SKIP_MAX)) | 0;
  // 0 and -1 have meanings of their own; stopping a byte or two early only means that these are taped.
  return until === 0 || until === SKIP_FOREVER ? -2 : until;
}
