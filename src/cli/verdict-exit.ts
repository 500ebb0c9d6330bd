import type { Verdict } from '../model/verdict.ts';
import { worstState } from '../report/report-input.ts';
import { EXIT } from './command.ts';

const CODES = { pass: EXIT.done, fail: EXIT.fail, undecided: EXIT.undecided } as const;

/** The exit code of a gate: of the worst of all policies; without any verdict nothing is decided. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  return CODES[worstState(verdicts.map(({ state }) => state))];
}

/** Whether every policy has passed or failed. */
export function isDecided(verdicts: readonly Verdict[]): boolean {
  return verdicts.length > 0 && verdicts.every(({ state }) => state !== 'undecided');
}
