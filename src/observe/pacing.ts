import { FILL } from '../model/tape.ts';

/** How a mirror is doing, as pacing sees it. */
export interface Progress {
  /** Copies that wait for a place, and how many may. */
  readonly queued: number;
  readonly queue: number;
  /** Copies that are over, since the start. */
  readonly done: number;
}

/** A mirror that has finished no copy for this long is not waited for, ms. */
const PATIENCE_MS = 20;
/** Share of the tape that may fill up while a mirror catches up. */
const TAPE_SHARE = 1 / 8;
/** Share of a mirror's queue that may be taken before the observer waits. */
const QUEUE_SHARE = 1 / 5;
/**
 * HTTP/2 requests that are followed however full the tape is, as a share. Passing one over takes less than an eighth of what
 * copying it takes, so that an observer which is short of CPU still spends most of it on copies.
 */
const KEEP_LEAST = 1 / 8;

/**
 * Lets a burst wait on the tape instead of being refused by a full queue: while a mirror that makes progress has a fifth of
 * its queue taken, and the tape has room, the observer reads on a little later. A mirror that hangs is not waited for.
 */
export class Pacing {
  readonly #ringBytes: number;
  readonly #patienceMs: number;
  readonly #seen = new Map<string, { done: number; atMs: number }>();

  /** @param patienceMs how long a mirror that finishes no copy is waited for */
  constructor(ringBytes: number, patienceMs = PATIENCE_MS) {
    this.#ringBytes = ringBytes;
    this.#patienceMs = patienceMs;
  }

  /**
   * Share of the HTTP/2 requests that is followed, 1 while the observer keeps up. Of the others only what they do to the header
   * compression is read, which a connection that the live worker leaves out loses.
   */
  keep(unreadBytes: number): number {
    const { shedFrom, shedMost } = FILL;
    const over = (unreadBytes / this.#ringBytes - shedFrom) / (shedMost - shedFrom);
    return over <= 0 ? 1 : Math.max(1 - over, KEEP_LEAST);
  }

  /** Whether to leave what is on the tape there for now. */
  holds(
    unreadBytes: number,
    mirrors: Iterable<readonly [name: string, progress: Progress]>,
    nowMs: number,
  ): boolean {
    if (unreadBytes > this.#ringBytes * TAPE_SHARE) return false;
    for (const [name, { queued, queue, done }] of mirrors) {
      if (queued <= queue * QUEUE_SHARE) {
        this.#seen.delete(name);
        continue;
      }
      const seen = this.#seen.get(name);
      if (seen === undefined || seen.done !== done) {
        this.#seen.set(name, { done, atMs: nowMs });
        return true;
      }
      if (nowMs - seen.atMs < this.#patienceMs) return true;
    }
    return false;
  }
}
