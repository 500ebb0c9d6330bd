import type { Finding, VerdictState } from '../../model/verdict.ts';
import { trialsName } from './coverage.ts';
import type { Coverage } from './coverage.ts';
import type { VerdictOptions } from './options.ts';
import type { GatedRate } from './rates.ts';
import { countOf, countText, percentText } from './text.ts';

/** Findings named in the reasons; the rest is counted. */
const NAMED_LIMIT = 5;

export interface ReasonInput {
  readonly state: VerdictState;
  readonly findings: readonly Finding[];
  readonly rates: readonly GatedRate[];
  /** Rates that are proven to be above what is allowed. */
  readonly over: readonly GatedRate[];
  readonly coverage: Coverage;
  readonly findingsTurnedAway: number;
  readonly heldWrites: number;
}

/** Why the verdict is what it is, a sentence each, the main one first. */
export function reasonsFor(input: ReasonInput, options: VerdictOptions): readonly string[] {
  const own = { fail: failReasons, undecided: undecidedReasons, pass: passReasons }[input.state](
    input,
    options,
  );
  return [...own, ...remarks(input)];
}

function failReasons({ findings, over }: ReasonInput): readonly string[] {
  const failing = findings.filter(({ fails }) => fails);
  return [
    ...failing.slice(0, NAMED_LIMIT).map(findingSentence),
    ...(failing.length > NAMED_LIMIT
      ? [`${countText(failing.length - NAMED_LIMIT)} more findings fail.`]
      : []),
    ...over.map(
      (rate) =>
        `${rateSubject(rate)} in at least ${percentText(rate.verdict.lower)} of pairs beyond noise; ${percentText(rate.verdict.allowed)} is allowed.`,
    ),
  ];
}

function undecidedReasons(input: ReasonInput, options: VerdictOptions): readonly string[] {
  const { rates, coverage, findings } = input;
  const { minimumPairs, coveragePairs } = options.gate;
  const reasons: string[] = [];
  const suspect = findings.find(
    ({ established, cause, eValue }) =>
      !established && cause === 'difference' && eValue >= 1 / options.gate.alpha,
  );
  if (suspect !== undefined) reasons.push(`Not proven yet: ${findingSentence(suspect)}`);
  if (coverage.trials < minimumPairs)
    reasons.push(
      `${countText(coverage.trials)} ${trialsName(options)} so far; a pass needs ${countText(minimumPairs)}.`,
    );
  for (const rate of rates) {
    const { ok, estimate, upper, allowed } = rate.verdict;
    if (!ok)
      reasons.push(
        `${rateSubject(rate)} in ${percentText(estimate)} of pairs beyond noise, and up to ${percentText(upper)} is possible; ${percentText(allowed)} is allowed.`,
      );
  }
  if (coverage.uncovered.length > 0)
    reasons.push(
      `${countOf(coverage.uncovered.length, 'route')} with a notable share of the traffic ${coverage.uncovered.length === 1 ? 'has' : 'have'} fewer than ${countText(coveragePairs)} pairs: ${coverage.uncovered.slice(0, NAMED_LIMIT).join(', ')}${coverage.uncovered.length > NAMED_LIMIT ? ' …' : ''}.`,
    );
  return reasons;
}

function passReasons({ rates, coverage }: ReasonInput, options: VerdictOptions): readonly string[] {
  return [
    `No difference of risk ${options.gate.risk} or above is established in ${countText(coverage.trials)} ${trialsName(options)}.`,
    ...rates.map(
      (rate) =>
        `${rateSubject(rate)} in at most ${percentText(rate.verdict.upper)} of pairs beyond noise; ${percentText(rate.verdict.allowed)} is allowed.`,
    ),
  ];
}

function remarks({ findings, findingsTurnedAway, heldWrites }: ReasonInput): readonly string[] {
  const drift = findings.filter(({ cause }) => cause === 'state_drift').length;
  return [
    ...(drift > 0
      ? [
          `${countOf(drift, 'finding')} ${drift === 1 ? 'follows' : 'follow'} from the ${countOf(heldWrites, 'write')} that ${heldWrites === 1 ? 'was' : 'were'} held back, and ${drift === 1 ? 'does' : 'do'} not fail the mirror.`,
        ]
      : []),
    ...(findingsTurnedAway > 0
      ? [
          `${countOf(findingsTurnedAway, 'difference')} found no place in the table of findings; they count in the rates.`,
        ]
      : []),
  ];
}

function rateSubject({ verdict }: GatedRate): string {
  return verdict.name === 'differences' ? 'The mirror answers differently' : 'The mirror gives no answer';
}

/** `GET /api/orders/{id}: field body.currency is missing in 10.1 % of 2,311 pairs (at least 8.9 %).` */
export function findingSentence(finding: Finding): string {
  const { route, pairs, rate, lower } = finding;
  return `${route}: ${whatOf(finding)} in ${percentText(rate)} of ${countText(pairs)} pairs (at least ${percentText(lower)}).`;
}

function whatOf({ kind, path }: Finding): string {
  const thing = thingOf(path);
  switch (kind) {
    case 'missing':
      return `${thing} is missing`;
    case 'added':
      return `${thing} is added`;
    case 'type':
      return `${thing} is of another type`;
    case 'value':
      return `${thing} has another value`;
    case 'order':
      return `${thing} comes in another order`;
    case 'length':
      return `${thing} has another length`;
    case 'status':
      return 'the status is another one';
    case 'header':
      return `${thing} differs`;
    case 'failure':
      return `the mirror gives no answer (${path.replace(/^failure\./, '')})`;
    case 'latency':
      return `${path === 'latency.total' ? 'the whole answer' : 'the first byte'} comes later than allowed`;
  }
}

function thingOf(path: string): string {
  if (path.startsWith('header.')) return `header ${path.slice('header.'.length)}`;
  if (path.startsWith('trailer.')) return `trailer ${path.slice('trailer.'.length)}`;
  return path === 'body' ? 'the body' : `field ${path}`;
}
