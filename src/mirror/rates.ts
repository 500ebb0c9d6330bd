import { TokenBucket } from '../kit/token-bucket.ts';
import type { Limits } from '../model/policy.ts';

/** How many copies, and bytes of copies, may go out per second. */
export class Rates {
  readonly #requests: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;

  constructor({ requestsPerSecond, bytesPerSecond }: Limits, nowMs: number) {
    this.#requests = requestsPerSecond === undefined ? undefined : new TokenBucket(requestsPerSecond, nowMs);
    this.#bytes = bytesPerSecond === undefined ? undefined : new TokenBucket(bytesPerSecond, nowMs);
  }

  /** Whether a copy may begin; takes what it is known to cost. */
  admit(bytes: number, nowMs: number): boolean {
    return this.#requests?.take(1, nowMs) !== false && this.#bytes?.take(bytes, nowMs) !== false;
  }

  /** Counts bytes of a copy that has begun, of which nobody knew how many there would be. */
  charge(bytes: number): void {
    this.#bytes?.charge(bytes);
  }
}
