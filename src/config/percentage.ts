import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { text } from './value.ts';

/**
 * A percentage with its sign, as a share: `50%` is 0.5.
 *
 * @param max the most that is taken, in percent
 * @param above what it has to be more than, in percent; undefined takes 0 too
 */
export function percentage(
  note: { readonly description: string; readonly examples: readonly string[]; readonly otherwise?: string },
  max: number,
  above?: number,
): z.ZodType<number, string> {
  return text('percentage', note, (value) => {
    const share = shareOf(value);
    if (share > max / 100) throw new UserError(`${value} is too much`, { hint: `at most ${max}%` });
    if (above !== undefined && share <= above / 100) {
      throw new UserError(`${value} is too little`, { hint: `more than ${above}%` });
    }
    return share;
  });
}

/** @throws UserError when it is no percentage */
export function shareOf(value: string): number {
  const [, digits] = /^(\d{1,9}(?:\.\d{1,9})?)\s*%$/.exec(value.trim()) ?? [];
  if (digits === undefined)
    throw new UserError(`"${value.slice(0, 80)}" is not a percentage`, { hint: 'write it like 50%' });
  return Number(digits) / 100;
}
