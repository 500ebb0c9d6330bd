/**
 * The layout of a tape: a single-producer, single-consumer ring of records in shared memory, from one live worker to
 * one observer, and a small table through which the observer answers. Both sides build their views from here.
 *
 * ```
 * control words │ counters │ answers: 4 words per connection slot │ ring
 * ```
 *
 * `head` and `tail` count bytes modulo 2³²; the ring's size is a power of two, so the position is the count masked.
 * A record is a header of 24 bytes and its payload, padded to 8 bytes, never split at the ring's end (a `pad` record
 * fills it up):
 *
 * ```
 * u32 payload bytes │ u8 kind, u8 direction │ u32 connection │ u32 extra │ f64 time in µs since the epoch
 * ```
 */
export interface Tape {
  /** Unlike that of every other tape of this program. */
  readonly id: number;
  readonly memory: SharedArrayBuffer;
  readonly ringBytes: number;
  readonly slots: number;
}

export interface TapeViews {
  readonly control: Int32Array;
  readonly counters: Float64Array;
  readonly answers: Int32Array;
  readonly ring: Uint8Array;
  readonly ringWords: Uint32Array;
  readonly ringDoubles: Float64Array;
  readonly ringMask: number;
}

export const RECORD_HEADER_BYTES = 24;
/** Room that only the small records about a connection's life may use, so that data cannot crowd them out. */
export const RESERVED_BYTES = 4096;
export const TAPE_BYTES_MIN = 256 * 1024;
export const TAPE_BYTES_MAX = 1024 ** 3;

export const CONTROL = { head: 0, tail: 1, waiting: 2 } as const;
/** Written by the producer only. */
export const COUNTER = {
  droppedBytes: 0,
  droppedRecords: 1,
  leftOut: 2,
  takenIn: 3,
  skippedBytes: 4,
  tapedBytes: 5,
} as const;

export const KIND = {
  pad: 0,
  /** A connection begins; payload: its description. `extra`: 1 when it is taken in at mid-stream. */
  open: 1,
  data: 2,
  /** The sender of this direction has finished (FIN). */
  end: 3,
  /** The connection is over. `extra`: 1 when it ended with an error; then the direction says whose. */
  close: 4,
  /** Bytes of this direction that found no room; `extra` is their exact number. */
  gap: 5,
  /** Bytes of this direction left out on the observer's word; `extra` is their exact number. */
  skip: 6,
  /** The live worker stops taping this connection until it has room again. */
  leave: 7,
} as const;

/** Direction of bytes: from the client, or from the primary. */
export const FROM_CLIENT = 0;
export const FROM_PRIMARY = 1;
export type Direction = typeof FROM_CLIENT | typeof FROM_PRIMARY;

/** One slot of the observer's answers: words of `answers` at `slot * ANSWER_WORDS`. */
export const ANSWER_WORDS = 4;
export const ANSWER = {
  /** Connection that the other words speak of; anything else in the slot is stale. */
  owner: 0,
  /** Stream offset modulo 2³² up to which bytes from the client are not wanted; 0 wants all. */
  skipFromClient: 1,
  skipFromPrimary: 2,
  /** One of `LEAVING`. */
  leaving: 3,
} as const;
/** What becomes of a connection when the tape fills up. */
export const LEAVING = {
  /** It may be left out, and is taken in again when there is room. */
  any: 0,
  /** Once left out it is not to be taped again, however much room there is. */
  forGood: 1,
  /** It is left out after all others. */
  last: 2,
} as const;
export const SKIP_FOREVER = -1;

/**
 * What is done as a tape fills up, by the share of the ring that is taken. First the observer makes fewer copies of what can be
 * left out request by request (HTTP/2): all up to `shedFrom`, only some from `shedMost` on. Where that is not enough the live
 * worker leaves out whole connections, chosen by a hash: none up to the first share, all from the second on. Taken in again is
 * below `takeInBelow`, which the first step must be able to reach.
 */
export const FILL = {
  shedFrom: 0.2,
  shedMost: 0.33,
  takeInBelow: 0.33,
  leave: [0.5, 0.9],
  /** Those that are left out last. */
  leaveLast: [0.75, 0.95],
} as const;

const CONTROL_BYTES = 64;
const COUNTER_BYTES = 64;

/**
 * Makes an empty tape.
 *
 * @param ringBytes a power of two from `TAPE_BYTES_MIN` to `TAPE_BYTES_MAX`
 * @param slots connections that can be open at once
 */
export function createTape(id: number, ringBytes: number, slots: number): Tape {
  if (ringBytes < TAPE_BYTES_MIN || ringBytes > TAPE_BYTES_MAX || (ringBytes & (ringBytes - 1)) !== 0) {
    throw new RangeError(`a tape of ${ringBytes} bytes: the size must be a power of two from 256KiB to 1GiB`);
  }
  return { id, memory: new SharedArrayBuffer(ringOffset(slots) + ringBytes), ringBytes, slots };
}

export function viewTape(tape: Tape): TapeViews {
  const { memory, ringBytes, slots } = tape;
  const ringAt = ringOffset(slots);
  return {
    control: new Int32Array(memory, 0, CONTROL_BYTES / 4),
    counters: new Float64Array(memory, CONTROL_BYTES, COUNTER_BYTES / 8),
    answers: new Int32Array(memory, CONTROL_BYTES + COUNTER_BYTES, slots * ANSWER_WORDS),
    ring: new Uint8Array(memory, ringAt, ringBytes),
    ringWords: new Uint32Array(memory, ringAt, ringBytes / 4),
    ringDoubles: new Float64Array(memory, ringAt, ringBytes / 8),
    ringMask: ringBytes - 1,
  };
}

/** Bytes written and not yet read. */
export function unreadBytes(control: Int32Array): number {
  return (Atomics.load(control, CONTROL.head) - Atomics.load(control, CONTROL.tail)) >>> 0;
}

/** The payload of an `open` record, as text. */
export interface OpenNote {
  readonly slot: number;
  /** Bytes that have passed in each direction, modulo 2³²; 0 unless the connection is taken in at mid-stream. */
  readonly offsets: readonly [fromClient: number, fromPrimary: number];
  readonly sourceIp: string;
  readonly sourcePort: number;
  readonly destinationIp: string;
  readonly destinationPort: number;
  readonly tls: boolean;
  readonly principal: string;
}

export function encodeOpenNote(note: OpenNote): string {
  return `${note.slot}\n${note.offsets[0]}\n${note.offsets[1]}\n${note.sourceIp}\n${note.sourcePort}\n${note.destinationIp}\n${note.destinationPort}\n${note.tls ? 1 : 0}\n${note.principal === '' ? '' : encodeURI(note.principal.toWellFormed())}`;
}

export function decodeOpenNote(text: string): OpenNote {
  const [
    slot,
    fromClient,
    fromPrimary,
    sourceIp,
    sourcePort,
    destinationIp,
    destinationPort,
    tls,
    principal,
  ] = text.split('\n');
  return {
    slot: Number(slot),
    offsets: [Number(fromClient), Number(fromPrimary)],
    sourceIp: sourceIp ?? '',
    sourcePort: Number(sourcePort),
    destinationIp: destinationIp ?? '',
    destinationPort: Number(destinationPort),
    tls: tls === '1',
    principal: principal === undefined || principal === '' ? '' : decodeURI(principal),
  };
}

function ringOffset(slots: number): number {
  const bytes = CONTROL_BYTES + COUNTER_BYTES + slots * ANSWER_WORDS * 4;
  return Math.ceil(bytes / 64) * 64;
}
