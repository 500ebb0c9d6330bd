import { TokenBucket } from '../../kit/token-bucket.ts';

/** How long the share is kept before it follows the traffic, ms. */
const WINDOW_MS = 1000;

/**
 * A random sample of what comes, at a bounded rate: each one has the same chance, that which would have filled the rate in
 * the second before. Taking the first of each second instead would show the same clients again and again.
 */
export class MatchSample {
  readonly #perSecond: number;
  readonly #random: () => number;
  readonly #bucket: TokenBucket;
  #windowMs: number;
  #seen = 0;
  #share = 1;

  /** @param random uniform in [0, 1) */
  constructor(perSecond: number, random: () => number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#random = random;
    this.#bucket = new TokenBucket(perSecond, nowMs);
    this.#windowMs = nowMs;
  }

  includes(nowMs: number): boolean {
    const elapsed = nowMs - this.#windowMs;
    if (elapsed >= WINDOW_MS || elapsed < 0) {
      const expected = (this.#perSecond * Math.max(elapsed, WINDOW_MS)) / 1000;
      this.#share = this.#seen === 0 ? 1 : Math.min(1, expected / this.#seen);
      this.#windowMs = nowMs;
      this.#seen = 0;
    }
    this.#seen++;
    return this.#random() < this.#share && this.#bucket.take(1, nowMs);
  }
}
