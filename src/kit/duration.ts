import { UserError } from './errors.ts';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads a duration such as `250ms`, `5s`, `1m30s`, `2h`.
 *
 * @returns milliseconds
 * @throws UserError when the text is not a duration
 */
export function parseDuration(text: string): number {
  let totalMs = 0;
  let rest = text.trim();
  if (rest === '0') return 0;
  while (rest !== '') {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)/.exec(rest);
    if (match === null) {
      throw new UserError(`"${text}" is not a duration`, { hint: 'write it like 250ms, 5s, 1m30s or 2h' });
    }
    totalMs += Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
    rest = rest.slice(match[0].length);
  }
  if (text.trim() === '')
    throw new UserError('a duration is empty', { hint: 'write it like 250ms, 5s or 2h' });
  return totalMs;
}

/** Writes milliseconds the way `parseDuration` reads them: `90000` becomes `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_MS[unit];
  }
  return rest > 0 ? `${text}${Math.round(rest * 1000) / 1000}ms` : text;
}
