export interface BackoffLimits {
  /** The first delay. */
  readonly baseMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Share of a delay, 0…1, that chance may take off, so that many waiters do not come back together. Default 0.25. */
  readonly jitter?: number;
}

/**
 * How long to wait after the given number of earlier failures in a row: `baseMs · 2^failures`, at most `maxMs`, less a
 * random part.
 *
 * @param failures failures before this one, 0 for the first
 * @param random a number in [0, 1), as `Math.random` gives
 * @returns milliseconds
 */
export function backoffMs(
  failures: number,
  limits: BackoffLimits,
  random: () => number = Math.random,
): number {
  const { baseMs, maxMs, jitter = 0.25 } = limits;
  const fullMs = Math.min(maxMs, baseMs * 2 ** failures);
  return fullMs * (1 - jitter * random());
}
