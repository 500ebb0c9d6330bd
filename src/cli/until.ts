import type { Summary } from '../model/status.ts';
import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';

/** When a run ends by itself. `end`: when nothing more can come, which a listener never says of itself. */
export type Until =
  | { readonly kind: 'end' }
  | { readonly kind: 'pairs'; readonly count: number }
  | { readonly kind: 'requests'; readonly count: number }
  | { readonly kind: 'time'; readonly ms: number };

const HINT = 'write it like 10000-pairs, 10000-requests, 30m or end';

/**
 * Reads `10000-pairs`, `10000-requests`, `30m` or `end`.
 *
 * @throws UserError when the text is none of them
 */
export function parseUntil(text: string): Until {
  if (text === 'end') return { kind: 'end' };
  const counted = /^(\d{1,15})-(pairs|requests)$/.exec(text);
  if (counted?.[2] === 'pairs' || counted?.[2] === 'requests') {
    const count = Number(counted[1]);
    if (count === 0)
      throw new UserError('--until 0 is over before it begins', { where: '--until', hint: HINT });
    return { kind: counted[2], count };
  }
  if (text === 'verdict') {
    throw new UserError('runs cannot end at a verdict yet', { where: '--until', hint: HINT });
  }
  try {
    const ms = parseDuration(text);
    if (ms > 0) return { kind: 'time', ms };
  } catch {
    // Said below, with everything that may stand here.
  }
  throw new UserError(`"${text}" is no end of a run`, { where: '--until', hint: HINT });
}

/** Whether a run is over. A pair counts when it could be compared. */
export function isReached(until: Until, summary: Summary, elapsedMs: number): boolean {
  switch (until.kind) {
    case 'end':
      return false;
    case 'pairs':
      return summary.pairs.same + summary.pairs.different >= until.count;
    case 'requests':
      return summary.requests.http1 + summary.requests.http2 >= until.count;
    case 'time':
      return elapsedMs >= until.ms;
  }
}
