import type { BreakerLimits } from '../model/policy.ts';

import type { BreakerState } from './stats.ts';

/** How a copy was let through; given back with its result. */
export type BreakerPass = 'pass' | 'probe';

/** `neutral`: the copy says nothing about the mirror, as when the client gave up. */
export type BreakerResult = 'good' | 'bad' | 'neutral';

/**
 * Keeps copies away from a mirror that does not answer. `closed` lets everything through; after `failures` bad results
 * in a row it is `open` and lets nothing through for `openMs`; then `half-open` lets one probe through, whose result
 * closes it or opens it again for twice the time, up to `openMaxMs`. Times are milliseconds of a monotonic clock.
 */
export class Breaker {
  readonly #limits: BreakerLimits;
  readonly #onChange: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #failures = 0;
  #openMs: number;
  #openUntil = 0;
  #probing = false;

  constructor(limits: BreakerLimits, onChange: (state: BreakerState) => void = () => {}) {
    this.#limits = limits;
    this.#onChange = onChange;
    this.#openMs = limits.openMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a copy may go out now; a `probe` must be given back with `settle`, or no other follows. */
  admit(nowMs: number): BreakerPass | undefined {
    if (this.#state === 'closed') return 'pass';
    if (this.#state === 'open') {
      if (nowMs < this.#openUntil) return undefined;
      this.#become('half-open');
    }
    if (this.#probing) return undefined;
    this.#probing = true;
    return 'probe';
  }

  settle(pass: BreakerPass, result: BreakerResult, nowMs: number): void {
    if (pass === 'probe') this.#settleProbe(result, nowMs);
    // What was sent before the breaker opened says nothing about the mirror as it is now.
    else if (this.#state === 'closed') this.#settlePass(result, nowMs);
  }

  #settlePass(result: BreakerResult, nowMs: number): void {
    if (result === 'good') this.#failures = 0;
    if (result !== 'bad' || ++this.#failures < this.#limits.failures) return;
    this.#open(nowMs);
  }

  #settleProbe(result: BreakerResult, nowMs: number): void {
    this.#probing = false;
    if (result === 'good') {
      this.#failures = 0;
      this.#openMs = this.#limits.openMs;
      this.#become('closed');
    } else if (result === 'bad') {
      this.#openMs = Math.min(this.#openMs * 2, this.#limits.openMaxMs);
      this.#open(nowMs);
    }
  }

  #open(nowMs: number): void {
    this.#openUntil = nowMs + this.#openMs;
    this.#become('open');
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#onChange(state);
  }
}
