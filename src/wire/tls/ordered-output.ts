import { copyOf } from '../integers.ts';
import type { TlsDirection, TlsEvents } from './events.ts';

/** One event that waits; a `hole` is a loss whose size is not known yet, and what comes behind it waits for that. */
interface Output {
  kind: 'data' | 'gap' | 'lost' | 'end' | 'hole';
  readonly direction: TlsDirection;
  readonly chunk: Uint8Array;
  bytes: number;
  readonly micros: number;
}
export type Hole = Output;

const NOTHING = new Uint8Array(0);
const HELD_OVERHEAD_BYTES = 128;

/** Hands plaintext out in order, also of both directions, where the size of a loss is found out only later. */
export class OrderedOutput {
  readonly #events: TlsEvents;
  #waiting: Output[] = [];
  /** Memory of what waits, bytes. */
  heldBytes = 0;

  constructor(events: TlsEvents) {
    this.#events = events;
  }

  /** Something waits behind a hole. A hole alone can wait for as long as its connection is idle. */
  get waits(): boolean {
    return this.#waiting.some(({ kind }) => kind !== 'hole');
  }

  data(direction: TlsDirection, chunk: Uint8Array, micros: number): void {
    if (this.#waiting.length === 0) this.#events.data(direction, chunk, micros);
    else this.#hold({ kind: 'data', direction, chunk: copyOf(chunk), bytes: 0, micros });
  }

  gap(direction: TlsDirection, bytes: number, micros: number): void {
    if (bytes > 0) this.#put({ kind: 'gap', direction, chunk: NOTHING, bytes, micros });
  }

  lost(direction: TlsDirection, micros: number): void {
    this.#put({ kind: 'lost', direction, chunk: NOTHING, bytes: 0, micros });
  }

  end(direction: TlsDirection, micros: number): void {
    this.#put({ kind: 'end', direction, chunk: NOTHING, bytes: 0, micros });
  }

  /** Something is missing here; `fill` says how much. */
  open(direction: TlsDirection, micros: number): Hole {
    const hole: Hole = { kind: 'hole', direction, chunk: NOTHING, bytes: 0, micros };
    this.#hold(hole);
    return hole;
  }

  /** @param bytes of plaintext, or undefined when nobody can know; without effect on a hole that was given up */
  fill(hole: Hole, bytes: number | undefined): void {
    if (hole.kind !== 'hole') return;
    hole.kind = bytes === undefined ? 'lost' : 'gap';
    hole.bytes = bytes ?? 0;
    this.#flush();
  }

  /** What is not known by now will not be waited for. */
  giveUp(): void {
    for (const waiting of this.#waiting) if (waiting.kind === 'hole') waiting.kind = 'lost';
    this.#flush();
  }

  /** Nothing of what waits is wanted any more. */
  drop(): void {
    this.#waiting = [];
    this.heldBytes = 0;
  }

  #put(output: Output): void {
    if (this.#waiting.length === 0) this.#pass(output);
    else this.#hold(output);
  }

  #hold(output: Output): void {
    this.#waiting.push(output);
    this.heldBytes += HELD_OVERHEAD_BYTES + output.chunk.length;
  }

  #flush(): void {
    const hole = this.#waiting.findIndex(({ kind }) => kind === 'hole');
    const ready = hole < 0 ? this.#waiting : this.#waiting.slice(0, hole);
    this.#waiting = hole < 0 ? [] : this.#waiting.slice(hole);
    for (const output of ready) {
      this.heldBytes -= HELD_OVERHEAD_BYTES + output.chunk.length;
      this.#pass(output);
    }
  }

  #pass(output: Output): void {
    const { kind, direction, chunk, bytes, micros } = output;
    if (kind === 'data') this.#events.data(direction, chunk, micros);
    else if (kind === 'lost') this.#events.lost(direction, micros);
    else if (kind === 'end') this.#events.end(direction, micros);
    else if (bytes > 0) this.#events.gap(direction, bytes, micros);
  }
}
