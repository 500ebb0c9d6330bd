import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';

export const DEFAULT_INTERVAL = '1s';
/** More often than this nobody reads. */
const SHORTEST_MS = 100;
/** The longest time that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Reads `--interval`.
 *
 * @returns milliseconds
 * @throws UserError when the text is no time that makes sense
 */
export function intervalOf(text: string): number {
  const ms = parseDuration(text);
  if (ms >= SHORTEST_MS && ms <= LONGEST_MS) return ms;
  throw new UserError(`--interval ${text} is too ${ms < SHORTEST_MS ? 'short' : 'long'}`, {
    where: '--interval',
    hint: `at least ${SHORTEST_MS}ms, at most 24d`,
  });
}

/** Keeps the process there while a command only waits for a clock, whose timers do not. */
export function keepAlive(): Disposable {
  const timer = setInterval(() => {}, LONGEST_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
