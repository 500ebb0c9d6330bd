import { VERDICT_VERSION } from '../../model/verdict.ts';
import type { MirrorVerdict, Verdict, VerdictState } from '../../model/verdict.ts';

/**
 * Puts the verdicts on a policy's mirrors together: the policy is as good as the worst of them. Without mirrors it is
 * undecided.
 *
 * @param since when the run began, `at` when the verdicts were given: milliseconds since the Unix epoch
 */
export function policyVerdict(
  policy: string,
  mirrors: readonly MirrorVerdict[],
  since: number,
  at: number,
): Verdict {
  return { version: VERDICT_VERSION, policy, state: worstOf(mirrors), since, at, mirrors };
}

function worstOf(mirrors: readonly MirrorVerdict[]): VerdictState {
  if (mirrors.some(({ state }) => state === 'fail')) return 'fail';
  return mirrors.length > 0 && mirrors.every(({ state }) => state === 'pass') ? 'pass' : 'undecided';
}
