import { totalOf } from '../kit/counts.ts';
import type { Counts } from '../kit/counts.ts';
import type { IncompleteReason } from '../model/exchange.ts';
import type { AdminSource } from '../model/runtime.ts';
import type { Verdict } from '../model/verdict.ts';
import { finiteNumbers } from '../report/json.ts';
import { verdictsOf } from './verdict-source.ts';
import type { PolicyStatus, Summary, TapStatus } from '../model/status.ts';

/** What a run says at its end: the last line of `run --json` and the report's `summary.json`. */
export interface RunResult extends Omit<Summary, 'incomplete'> {
  /** What ended it: the condition of `--until`, a signal, or that nothing more could come. */
  readonly ended: Ending;
  readonly incomplete: number;
  readonly incompleteByReason: Counts<IncompleteReason>;
  readonly taps: readonly TapStatus[];
  readonly policies: readonly PolicyStatus[];
  /** What the pairs of each policy proved. */
  readonly verdicts: readonly Verdict[];
}

export type Ending = 'until' | 'signal' | 'end';

export function runResult(source: AdminSource, ended: Ending): RunResult {
  const { incomplete, ...summary } = source.summary();
  return {
    ...summary,
    ended,
    incomplete: totalOf(incomplete),
    incompleteByReason: incomplete,
    taps: source.taps(),
    policies: source.policies(),
    verdicts: verdictsOf(source),
  };
}

/** JSON of a result, without the values that JSON would turn into null. */
export function resultJson(result: RunResult, indent?: number): string {
  return JSON.stringify(result, finiteNumbers, indent);
}
