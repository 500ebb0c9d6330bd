import { mix32 } from '../kit/hash.ts';
import {
  ANSWER,
  ANSWER_WORDS,
  CONTROL,
  COUNTER,
  encodeOpenNote,
  FILL,
  FROM_CLIENT,
  FROM_PRIMARY,
  KIND,
  LEAVING,
  RECORD_HEADER_BYTES,
  RESERVED_BYTES,
  SKIP_FOREVER,
  viewTape,
} from '../model/tape.ts';
import type { Direction, OpenNote, Tape, TapeViews } from '../model/tape.ts';

/** What is told of a connection besides its slot and where it stands. */
export type ConnectionNote = Omit<OpenNote, 'slot' | 'offsets'>;

/** What the writer keeps for each open connection. */
export interface TapeTrack {
  readonly id: number;
  readonly slot: number;
  /** Made only when it is needed: addresses cost a system call each. */
  readonly describe: () => ConnectionNote;
  /** Whether the observer follows this connection now. */
  taped: boolean;
  /** Stream offsets modulo 2³² of both directions, and bytes that wait to be reported as a gap or a skip. */
  readonly offset: [number, number];
  readonly lost: [number, number];
  readonly skipped: [number, number];
  lastDirection: Direction;
}

export function createTapeTrack(id: number, slot: number, describe: TapeTrack['describe']): TapeTrack {
  return {
    id,
    slot,
    describe,
    taped: false,
    offset: [0, 0],
    lost: [0, 0],
    skipped: [0, 0],
    lastDirection: FROM_CLIENT,
  };
}

/** The connection's tape is gone. `lastDirection`: of the last bytes that passed, taped or not. */
export function forgetTape(track: TapeTrack, lastDirection: Direction): void {
  track.lastDirection = lastDirection;
  track.taped = false;
  track.lost.fill(0);
  track.skipped.fill(0);
}

const START: OpenNote['offsets'] = [0, 0];

/**
 * The producer's side of a tape. Nothing here waits: what finds no room is dropped and counted, and the observer learns
 * the exact number of bytes as soon as a record fits again. Before it comes to that, whole connections are left out,
 * chosen by a hash of their number, so that the others stay free of holes.
 */
export class TapeWriter {
  /** The tape's. */
  readonly id: number;
  readonly #views: TapeViews;
  readonly #ringBytes: number;
  /** The ring again, for text. */
  readonly #octets: Buffer;
  #head = 0;
  /** Last `tail` that was read; read again only when this one leaves too little room. */
  #tail = 0;

  constructor(tape: Tape) {
    this.id = tape.id;
    this.#views = viewTape(tape);
    this.#ringBytes = tape.ringBytes;
    const { ring } = this.#views;
    this.#octets = Buffer.from(ring.buffer, ring.byteOffset, ring.length);
    this.#head = Atomics.load(this.#views.control, CONTROL.head) >>> 0;
    this.#tail = Atomics.load(this.#views.control, CONTROL.tail) >>> 0;
  }

  /** A connection begins. Left out from the start when the tape is too full. */
  open(track: TapeTrack, micros: number): void {
    const base = track.slot * ANSWER_WORDS;
    const { answers } = this.#views;
    // First the owner: an answer to the one before that comes right now is taken back by its writer, or cleared here.
    Atomics.store(answers, base + ANSWER.owner, track.id | 0);
    Atomics.store(answers, base + ANSWER.skipFromClient, 0);
    Atomics.store(answers, base + ANSWER.skipFromPrimary, 0);
    Atomics.store(answers, base + ANSWER.leaving, LEAVING.any);
    if (this.#sheds(track)) {
      this.#count(COUNTER.leftOut, 1);
      return;
    }
    track.taped = this.#openRecord(track, micros, 0, START);
  }

  /** Bytes passed in one direction. `micros`: when they were read, µs since the epoch. */
  data(track: TapeTrack, direction: Direction, chunk: Uint8Array, micros: number): void {
    const length = chunk.length;
    const offset = track.offset[direction];
    track.offset[direction] = (offset + length) >>> 0;
    const turned = direction === FROM_CLIENT && track.lastDirection === FROM_PRIMARY;
    track.lastDirection = direction;
    if (!track.taped) {
      if (!turned || !this.#takeIn(track, offset, micros)) return;
    } else if (this.#sheds(track)) {
      this.#leave(track, micros);
      return;
    }
    const unwanted = this.#unwanted(track, direction, offset, length);
    if (unwanted > 0) {
      track.skipped[direction] += unwanted;
      this.#count(COUNTER.skippedBytes, unwanted);
      if (unwanted === length) {
        this.#reportSkipEnd(track, direction, micros);
        return;
      }
    }
    const wanted = unwanted === 0 ? chunk : chunk.subarray(unwanted);
    const other = direction === FROM_CLIENT ? FROM_PRIMARY : FROM_CLIENT;
    if (
      // Both directions' gaps, so that the observer knows that an answer is lost before it sees the next request.
      (track.lost[other] > 0 && !this.#report(KIND.gap, track.lost, track, other, micros)) ||
      !this.#settle(track, direction, micros) ||
      !this.#record(KIND.data, direction, track.id, 0, micros, wanted, RESERVED_BYTES)
    ) {
      track.lost[direction] += wanted.length;
      this.#count(COUNTER.droppedBytes, wanted.length);
      this.#count(COUNTER.droppedRecords, 1);
      return;
    }
    const { counters } = this.#views;
    counters[COUNTER.tapedBytes] = (counters[COUNTER.tapedBytes] ?? 0) + wanted.length;
  }

  /** The sender of this direction has finished. */
  end(track: TapeTrack, direction: Direction, micros: number): void {
    if (!track.taped) return;
    // Never an end without the gap before it: a body that ends with the connection would look whole.
    if (!this.#settle(track, direction, micros)) return;
    this.#record(KIND.end, direction, track.id, 0, micros, undefined, 0);
  }

  /** The connection is over. `failed`: the side that ended it with an error. */
  close(track: TapeTrack, failed: Direction | undefined, micros: number): void {
    if (!track.taped) return;
    this.#settle(track, FROM_CLIENT, micros);
    this.#settle(track, FROM_PRIMARY, micros);
    this.#record(
      KIND.close,
      failed ?? FROM_CLIENT,
      track.id,
      failed === undefined ? 0 : 1,
      micros,
      undefined,
      0,
    );
  }

  #openRecord(track: TapeTrack, micros: number, midstream: 0 | 1, offsets: OpenNote['offsets']): boolean {
    const note = encodeOpenNote({ ...track.describe(), slot: track.slot, offsets });
    return this.#record(KIND.open, FROM_CLIENT, track.id, midstream, micros, note, RESERVED_BYTES);
  }

  /** Begins to tape a connection at a turn from answer to request, where a request most likely begins. */
  #takeIn(track: TapeTrack, before: number, micros: number): boolean {
    if (this.#fill() > FILL.takeInBelow) return false;
    const base = track.slot * ANSWER_WORDS;
    const { answers } = this.#views;
    if (answers[base + ANSWER.owner] !== (track.id | 0)) {
      // The tape is a new one: this connection was opened on its predecessor.
      answers[base + ANSWER.leaving] = LEAVING.any;
      answers[base + ANSWER.owner] = track.id | 0;
    }
    if (answers[base + ANSWER.leaving] === LEAVING.forGood) return false;
    answers[base + ANSWER.skipFromClient] = 0;
    answers[base + ANSWER.skipFromPrimary] = 0;
    track.taped = this.#openRecord(track, micros, 1, [before, track.offset[FROM_PRIMARY]]);
    if (!track.taped) return false;
    track.lost.fill(0);
    track.skipped.fill(0);
    this.#count(COUNTER.takenIn, 1);
    return true;
  }

  #leave(track: TapeTrack, micros: number): void {
    track.taped = false;
    this.#count(COUNTER.leftOut, 1);
    this.#record(KIND.leave, FROM_CLIENT, track.id, 0, micros, undefined, 0);
  }

  #sheds(track: TapeTrack): boolean {
    const fill = ((this.#head - this.#tail) >>> 0) / this.#ringBytes;
    if (fill < FILL.leave[0]) return false;
    const base = track.slot * ANSWER_WORDS;
    const { answers } = this.#views;
    const isLast =
      answers[base + ANSWER.leaving] === LEAVING.last && answers[base + ANSWER.owner] === (track.id | 0);
    const [none, all] = isLast ? FILL.leaveLast : FILL.leave;
    const share = (this.#fill() - none) / (all - none);
    return share > 0 && mix32(track.id) < share * 2 ** 32;
  }

  #fill(): number {
    this.#tail = Atomics.load(this.#views.control, CONTROL.tail) >>> 0;
    return ((this.#head - this.#tail) >>> 0) / this.#ringBytes;
  }

  /** How many of the next bytes the observer does not want. */
  #unwanted(track: TapeTrack, direction: Direction, offset: number, length: number): number {
    const base = track.slot * ANSWER_WORDS;
    const { answers } = this.#views;
    const until = answers[base + ANSWER.skipFromClient + direction] ?? 0;
    if (until === 0 || answers[base + ANSWER.owner] !== (track.id | 0)) return 0;
    if (until === SKIP_FOREVER) return length;
    const left = (until - offset) | 0;
    if (left > 0) return Math.min(left, length);
    // It is behind; left there, it would lie ahead again once 2 GiB have passed.
    Atomics.compareExchange(answers, base + ANSWER.skipFromClient + direction, until, 0);
    return 0;
  }

  /** A message whose rest is not wanted still has to end for the observer: says so as soon as its last byte passed. */
  #reportSkipEnd(track: TapeTrack, direction: Direction, micros: number): void {
    const until = this.#views.answers[track.slot * ANSWER_WORDS + ANSWER.skipFromClient + direction];
    if (until === (track.offset[direction] | 0)) this.#settle(track, direction, micros);
  }

  /** Reports bytes that were lost or skipped before the next record of that direction. */
  #settle(track: TapeTrack, direction: Direction, micros: number): boolean {
    return (
      this.#report(KIND.gap, track.lost, track, direction, micros) &&
      this.#report(KIND.skip, track.skipped, track, direction, micros)
    );
  }

  #report(
    kind: number,
    bytes: [number, number],
    track: TapeTrack,
    direction: Direction,
    micros: number,
  ): boolean {
    while (bytes[direction] > 0) {
      const count = Math.min(bytes[direction], 0xffffffff);
      if (!this.#record(kind, direction, track.id, count, micros, undefined, 0)) return false;
      bytes[direction] -= count;
    }
    return true;
  }

  #record(
    kind: number,
    direction: Direction,
    connection: number,
    extra: number,
    micros: number,
    payload: Uint8Array | string | undefined,
    reserve: number,
  ): boolean {
    const { ring, ringWords, ringDoubles, ringMask, control } = this.#views;
    const payloadBytes = payload === undefined ? 0 : payload.length;
    const recordBytes = RECORD_HEADER_BYTES + ((payloadBytes + 7) & ~7);
    let at = this.#head & ringMask;
    const toEnd = this.#ringBytes - at;
    const padBytes = toEnd < recordBytes ? toEnd : 0;
    const needed = recordBytes + padBytes + reserve;
    if (this.#ringBytes - ((this.#head - this.#tail) >>> 0) < needed) {
      this.#tail = Atomics.load(control, CONTROL.tail) >>> 0;
      if (this.#ringBytes - ((this.#head - this.#tail) >>> 0) < needed) return false;
    }
    if (padBytes > 0) {
      ringWords[at >> 2] = padBytes - 8;
      ringWords[(at >> 2) + 1] = KIND.pad;
      at = 0;
    }
    const word = at >> 2;
    ringWords[word] = payloadBytes;
    ringWords[word + 1] = kind | (direction << 8);
    ringWords[word + 2] = connection;
    ringWords[word + 3] = extra;
    ringDoubles[(at >> 3) + 2] = micros;
    if (typeof payload === 'string') this.#octets.write(payload, at + RECORD_HEADER_BYTES, 'latin1');
    else if (payload !== undefined) ring.set(payload, at + RECORD_HEADER_BYTES);
    this.#head = (this.#head + padBytes + recordBytes) >>> 0;
    Atomics.store(control, CONTROL.head, this.#head | 0);
    if (Atomics.load(control, CONTROL.waiting) === 1) {
      Atomics.store(control, CONTROL.waiting, 0);
      Atomics.notify(control, CONTROL.waiting);
    }
    return true;
  }

  #count(counter: number, by: number): void {
    const { counters } = this.#views;
    counters[counter] = (counters[counter] ?? 0) + by;
  }
}
