import type { Clock } from '../kit/clock.ts';
import { copyOf } from '../wire/integers.ts';
import type { CapturedFrame } from '../wire/pcap/frame.ts';

/** A longer silence in a recording is cut down to this, ms: files that were put together can have one of months. */
export const SILENCE_MAX_MS = 60_000;

/**
 * Holds frames back until their time has come, as far from the first one as they were recorded. Holds what it is given: who
 * reads a file gives it the next piece only when it is empty.
 */
export class PacedFrames {
  readonly #clock: Clock;
  readonly #held: CapturedFrame[] = [];
  #next = 0;
  /** A moment of the packets' clock, and when it is on ours. Far smaller numbers than those of the epoch are exact. */
  #originMicros = 0;
  #originMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#held.length - this.#next;
  }

  /** Keeps a copy. */
  add(frame: CapturedFrame): void {
    const bytes = copyOf(frame.bytes, frame.start, frame.end);
    const { linkType, originalBytes, micros, interfaceId } = frame;
    this.#held.push({ linkType, bytes, start: 0, end: bytes.length, originalBytes, micros, interfaceId });
  }

  /** How long until the next frame's time, ms; 0 when it has come. */
  waitMs(): number {
    const frame = this.#held[this.#next];
    if (frame === undefined) return 0;
    const now = this.#clock.monotonic();
    if (this.#originMs === undefined) {
      this.#originMicros = frame.micros;
      this.#originMs = now;
    }
    const waitMs = this.#originMs + (frame.micros - this.#originMicros) / 1000 - now;
    // A clock that was set back, or a reader far behind: what follows keeps its pace from here on.
    if (waitMs < -SILENCE_MAX_MS) this.#originMs -= waitMs;
    if (waitMs <= 0) return 0;
    if (waitMs > SILENCE_MAX_MS) this.#originMs -= waitMs - SILENCE_MAX_MS;
    return Math.min(waitMs, SILENCE_MAX_MS);
  }

  /** Gives out the frames whose time has come. */
  release(to: (frame: CapturedFrame) => void): void {
    for (; this.#next < this.#held.length && this.waitMs() === 0; this.#next++) {
      const frame = this.#held[this.#next];
      if (frame !== undefined) to(frame);
    }
    if (this.#next < this.#held.length) return;
    this.#held.length = 0;
    this.#next = 0;
  }

  /** Time stood still for the packets. */
  delay(ms: number): void {
    if (this.#originMs !== undefined) this.#originMs += ms;
  }
}
