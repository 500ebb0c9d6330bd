import { formatDuration } from '../kit/duration.ts';

const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const DIGITS = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
/** Smaller shares are said to be smaller. */
const SMALLEST_PERCENT = 0.0001;

/** `12,345`. */
export function countText(value: number): string {
  return Number.isFinite(value) ? COUNT.format(value) : '?';
}

/** A share, 0…1, as per cent with three digits: `0.125 %`; never an exponent. */
export function shareText(share: number): string {
  if (!Number.isFinite(share)) return '?';
  const percent = share * 100;
  if (percent > 0 && percent < SMALLEST_PERCENT) return `< ${SMALLEST_PERCENT} %`;
  return `${DIGITS.format(percent)} %`;
}

/** A rate with the bounds of its confidence sequence: `0.5 % (0.3 % … 0.8 %)`. */
export function rateText(rate: {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}): string {
  return `${shareText(rate.estimate)} (${shareText(rate.lower)} … ${shareText(rate.upper)})`;
}

/** An e-value: `12.5`, `3.2e+9`; one that no double holds is `> 1e+308`. */
export function evidenceText(eValue: number): string {
  if (Number.isNaN(eValue)) return '?';
  if (eValue > 1e308) return '> 1e+308';
  return eValue < 10_000 ? DIGITS.format(eValue) : eValue.toExponential(1);
}

/** Microseconds in the unit that people read: `850 µs`, `12.3 ms`, `1.25 s`; `–` when not known. */
export function microsText(micros: number | undefined): string {
  if (micros === undefined || !Number.isFinite(micros)) return '–';
  if (micros < 1000) return `${DIGITS.format(micros)} µs`;
  return micros < 1e6 ? `${DIGITS.format(micros / 1000)} ms` : `${DIGITS.format(micros / 1e6)} s`;
}

/** `2026-01-31 12:00:00 UTC`; `–` for what is no point in time. */
export function timeText(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** How long it took, to the second. */
export function spanText(fromMs: number, toMs: number): string {
  const ms = Math.max(0, toMs - fromMs);
  return Number.isFinite(ms) ? formatDuration(Math.round(ms / 1000) * 1000) : '–';
}
