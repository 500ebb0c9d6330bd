/**
 * A token bucket (RFC 2697 calls it a committed burst): `perSecond` tokens flow in, at most `burst` are kept. Times are
 * milliseconds of any clock that does not go back; it is full at first.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param burst tokens that may be taken at once after a pause; by default those of one second, at least one */
  constructor(perSecond: number, nowMs: number, burst: number = Math.max(1, perSecond)) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = nowMs;
  }

  /**
   * Takes `amount` tokens if they are there. An amount above the burst needs a full bucket and leaves a debt, so that
   * it passes at last and the rate still holds.
   */
  take(amount: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < Math.min(amount, this.#burst)) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Takes `amount` tokens whether they are there or not: for what has already happened. */
  charge(amount: number): void {
    this.#tokens -= amount;
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#at) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#at) * this.#perMs);
    this.#at = nowMs;
  }
}
