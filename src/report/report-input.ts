import type { RecordedExchange } from '../model/recording.ts';
import type { Summary } from '../model/status.ts';
import type { Verdict, VerdictState } from '../model/verdict.ts';

/** Everything that a report says, whatever its format. */
export interface ReportInput {
  /** Version of Understudy that made it. */
  readonly version: string;
  /** When it was made, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly verdicts: readonly Verdict[];
  /** What the instance did meanwhile; undefined where only the verdicts are known, as in a store file. */
  readonly summary: ReportSummary | undefined;
  /** Kept exchanges that show a finding, by the finding's id, newest first. */
  readonly examples: ReadonlyMap<string, readonly RecordedExchange[]>;
}

export type ReportSummary = Pick<
  Summary,
  | 'startedAt'
  | 'uptimeMs'
  | 'requests'
  | 'exchanges'
  | 'incomplete'
  | 'mirrored'
  | 'notMirrored'
  | 'heldWrites'
  | 'failures'
  | 'tapeDroppedBytes'
>;

/** Findings that formats for people show of one mirror; the others are counted. */
export const WORST_FINDINGS = 10;

const SEVERITY: Readonly<Record<VerdictState, number>> = { pass: 0, undecided: 1, fail: 2 };

/** `fail` before `undecided` before `pass`; nothing at all proves nothing. */
export function worstState(states: readonly VerdictState[]): VerdictState {
  const [first, ...others] = states;
  if (first === undefined) return 'undecided';
  return others.reduce((worst, state) => (SEVERITY[state] > SEVERITY[worst] ? state : worst), first);
}
