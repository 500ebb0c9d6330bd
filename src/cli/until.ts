import type { Summary } from '../model/status.ts';
import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';

/** When a run ends by itself. */
export type Until =
  /** When nothing more can come: every tap is a capture that is over. A listener never says so of itself. */
  | { readonly kind: 'end' }
  | { readonly kind: 'pairs'; readonly count: number }
  | { readonly kind: 'requests'; readonly count: number }
  | { readonly kind: 'time'; readonly ms: number }
  /** When every policy has passed or failed. */
  | { readonly kind: 'verdict' }
  /** Whichever comes first. */
  | { readonly kind: 'first'; readonly of: readonly Until[] };

/** How far a run is. */
export interface Progress {
  readonly summary: Summary;
  readonly elapsedMs: number;
  readonly decided: () => boolean;
}

const HINT =
  'write it like 10000-pairs, 10000-requests, 30m, verdict or end; a comma means whichever comes first: verdict,30m';

/**
 * Reads `10000-pairs`, `10000-requests`, `30m`, `verdict` or `end`, or several of them with commas between.
 *
 * @throws UserError when the text is none of them
 */
export function parseUntil(text: string): Until {
  const [first, ...others] = text.split(',').map((part) => parseOne(part.trim()));
  if (first === undefined) throw wrong(text);
  return others.length === 0 ? first : { kind: 'first', of: [first, ...others] };
}

function parseOne(text: string): Until {
  if (text === 'end' || text === 'verdict') return { kind: text };
  const counted = /^(\d{1,15})-(pairs|requests)$/.exec(text);
  if (counted?.[2] === 'pairs' || counted?.[2] === 'requests') {
    const count = Number(counted[1]);
    if (count === 0)
      throw new UserError('--until 0 is over before it begins', { where: '--until', hint: HINT });
    return { kind: counted[2], count };
  }
  try {
    const ms = parseDuration(text);
    if (ms > 0) return { kind: 'time', ms };
  } catch {
    // Said below, with everything that may stand here.
  }
  throw wrong(text);
}

function wrong(text: string): UserError {
  return new UserError(`"${text}" is no end of a run`, { where: '--until', hint: HINT });
}

/** Whether a run may end because its policies are decided. */
export function waitsForVerdict(until: Until | undefined): boolean {
  return until?.kind === 'verdict' || (until?.kind === 'first' && until.of.some(waitsForVerdict));
}

/** Whether a run is over. A pair counts when it could be compared. */
export function isReached(until: Until, progress: Progress): boolean {
  const { summary, elapsedMs, decided } = progress;
  switch (until.kind) {
    case 'end':
      return false;
    case 'pairs':
      return summary.pairs.same + summary.pairs.different >= until.count;
    case 'requests':
      return summary.requests.http1 + summary.requests.http2 >= until.count;
    case 'time':
      return elapsedMs >= until.ms;
    case 'verdict':
      return decided();
    case 'first':
      return until.of.some((one) => isReached(one, progress));
  }
}
