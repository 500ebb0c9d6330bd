import { isBoundary } from './value.ts';
import type { VolatileValue } from './value.ts';

// May 2014 to May 2033: phone numbers of North America begin above, EAN and ISBN codes and cards lie outside.
const EPOCH_FROM_SECONDS = 1_400_000_000;
const EPOCH_TO_SECONDS = 2_000_000_000;
/** Digits of a Unix time in seconds, and what a second is in seconds, milli-, micro- and nanoseconds. */
const EPOCH_UNITS: ReadonlyMap<number, number> = new Map([
  [10, 1],
  [13, 1e3],
  [16, 1e6],
  [19, 1e9],
]);

const EPOCH = /(\d{10,19})(?:\.(\d{1,9}))?(?![A-Za-z0-9])/y;
const DURATION = /(?:\d{1,4}h)?(?:\d{1,4}m)?(\d{1,9})(?:\.(\d{1,12}))?( ?)(ns|us|µs|μs|ms|s)(?![A-Za-z0-9])/y;

/** Seconds are rounded for people; with this many digits they were measured. */
const MEASURED_SECOND_DIGITS = 3;

/** A Unix time in a plausible range. `end` is where the word ends. */
export function epochAt(text: string, at: number, end: number): VolatileValue | undefined {
  const unit = EPOCH_UNITS.get(end - at);
  if (unit === undefined || '+.$€£'.includes(text[at - 1] ?? ' ')) return undefined;
  EPOCH.lastIndex = at;
  const match = EPOCH.exec(text);
  // A fraction of micro- or nanoseconds is none.
  if (match === null || (match[2] !== undefined && unit > 1e3)) return undefined;
  const seconds = Number(match[1]) / unit;
  if (seconds < EPOCH_FROM_SECONDS || seconds > EPOCH_TO_SECONDS) return undefined;
  return {
    kind: 'epoch',
    start: at,
    end: at + match[0].length,
    form: String(unit),
    certain: true,
    instantMs: seconds * 1000,
  };
}

/**
 * A measured duration with its unit. Whole numbers of milliseconds are certain only when they are not round: `500ms` is
 * as often a setting.
 */
export function durationAt(text: string, at: number): VolatileValue | undefined {
  const code = text.charCodeAt(at);
  if (code < 48 || code > 57 || text[at - 1] === '.') return undefined;
  DURATION.lastIndex = at;
  const match = DURATION.exec(text);
  if (match === null || !isBoundary(text, at + match[0].length)) return undefined;
  const fraction = match[2] ?? '';
  const seconds = match[4] === 's';
  const measured = fraction.length >= (seconds ? MEASURED_SECOND_DIGITS : 1);
  return {
    kind: 'duration',
    start: at,
    end: at + match[0].length,
    form: `${match[3]}${seconds ? 's' : 'ms'}`,
    certain: measured || (!seconds && Number(match[1]) % 5 !== 0),
    instantMs: undefined,
  };
}
