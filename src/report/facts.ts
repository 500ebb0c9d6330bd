import type { PairIncompleteReason } from '../model/tally.ts';
import type { Finding, MirrorVerdict, RateVerdict, RouteVerdict, Verdict } from '../model/verdict.ts';
import { countText, evidenceText, microsText, rateText, shareText, spanText, timeText } from './figures.ts';
import type { ReportSummary } from './report-input.ts';

/**
 * What reports say, once for all formats. Texts may hold what came over the network (routes, paths, reasons): every format
 * escapes them its own way.
 */

/** Said of a policy that has no verdict of any mirror. */
export const NOTHING_YET = 'nothing has been compared yet';

/** `12,000 pairs compared, 11,800 the same (98.3 %)`. */
export function pairsText({ pairs }: MirrorVerdict): string {
  const { compared, same } = pairs;
  const share = compared === 0 ? '' : ` (${shareText(same / compared)})`;
  return `${countText(compared)} pairs compared, ${countText(same)} the same${share}`;
}

export function periodText({ since, at }: Verdict): string {
  return `${timeText(since)} to ${timeText(at)}, ${spanText(since, at)}`;
}

export type Standing = 'ok' | 'over' | 'open';

export interface GateLine {
  /** Stable, for programs. */
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly allowed: string;
  /** `open`: not shown yet, and not shown to be wrong. */
  readonly standing: Standing;
}

const RATE_LABELS: Readonly<Record<RateVerdict['name'], string>> = {
  differences: 'pairs that differ beyond noise',
  mirrorErrors: 'copies that the mirror did not answer',
};

/** What a pass has to show, and how far it is. */
export function gateLines(mirror: MirrorVerdict): readonly GateLine[] {
  const { gate, pairs, uncovered } = mirror;
  const rates = mirror.rates.map((rate): GateLine => ({
    name: rate.name,
    label: RATE_LABELS[rate.name] ?? rate.name,
    value: rateText(rate),
    allowed: `at most ${shareText(rate.allowed)}`,
    standing: rate.ok ? 'ok' : rate.lower > rate.allowed ? 'over' : 'open',
  }));
  const failing = mirror.findings.filter(({ fails }) => fails).length;
  return [
    {
      name: 'findings',
      label: `findings of risk ${gate.risk} or above`,
      value: `${countText(failing)} established`,
      allowed: 'none',
      standing: failing === 0 ? 'ok' : 'over',
    },
    ...rates,
    {
      name: 'minimumPairs',
      label: 'pairs compared',
      value: countText(pairs.compared),
      allowed: `at least ${countText(gate.minimumPairs)}`,
      standing: pairs.compared >= gate.minimumPairs ? 'ok' : 'open',
    },
    {
      name: 'coverage',
      label: 'routes without enough pairs',
      value: countText(uncovered.length),
      allowed: `each route with ${shareText(gate.coverageShare)} of the traffic needs ${countText(gate.coveragePairs)}`,
      standing: uncovered.length === 0 ? 'ok' : 'open',
    },
    {
      name: 'latency',
      label: 'latency',
      value: `compared with ${LATENCY_REFERENCES[mirror.noise.source]}`,
      allowed:
        gate.latency === undefined || mirror.noise.source !== 'control'
          ? 'shown; decides nothing'
          : `slower than the reference × ${1 + gate.latency.rise} + ${gate.latency.floorMs} ms is slow`,
      standing: mirror.findings.some(({ kind, fails }) => kind === 'latency' && fails) ? 'over' : 'ok',
    },
  ];
}

/** What the mirror's times are held against. The primary is timed on the live path, without the wait that copies have. */
const LATENCY_REFERENCES: Readonly<Record<MirrorVerdict['noise']['source'], string>> = {
  control: 'the control, which waits as the mirror does',
  repeat: 'repeats to the primary, which wait as copies do',
  assumed: 'the primary on the live path, which never waits as copies do',
};

/** How many more pairs a decision needs; undefined when it is decided. */
export function neededText({ state, pairsNeeded }: MirrorVerdict): string | undefined {
  if (state !== 'undecided' || pairsNeeded === 0) return undefined;
  if (pairsNeeded === undefined) return 'how many more pairs it needs cannot be told yet';
  return `about ${countText(pairsNeeded)} more pairs are needed at the present rates`;
}

export function standingText(finding: Finding): string {
  if (finding.fails) return 'fails the gate';
  if (finding.cause === 'state_drift') return 'follows from held writes';
  if (finding.established) return 'established';
  const { rate, both, referenceOnly } = finding;
  return rate === 0 && both + referenceOnly > 0 ? 'no more than noise' : 'not established';
}

/** `12 % of pairs (11 % … 13 %)`. */
export function findingRateText({ rate, lower, upper }: Finding): string {
  return `${shareText(rate)} of pairs beyond noise (${shareText(lower)} … ${shareText(upper)})`;
}

export function findingEvidenceText(finding: Finding): string {
  const { eValue, pairs, mirrorOnly, referenceOnly, both } = finding;
  return (
    `e-value ${evidenceText(eValue)}: of ${countText(pairs)} pairs ${countText(mirrorOnly)} show it in the mirror only, ` +
    `${countText(referenceOnly)} in the reference only, ${countText(both)} in both`
  );
}

/** Texts of both sides; undefined where there is nothing. */
export function sampleSides({ sample }: Finding): { readonly left: string; readonly right: string } {
  return { left: sample.primary ?? '(nothing)', right: sample.other ?? '(nothing)' };
}

export interface LatencyRow {
  readonly route: string;
  readonly measure: 'first byte' | 'total';
  readonly quantile: string;
  readonly primary: string;
  readonly reference: string;
  readonly mirror: string;
  readonly slower: string;
  /** Median of what Understudy itself adds before a copy goes out; it is no fault of the mirror. */
  readonly hop: string;
}

/** A row for each quantile of each route: estimates, with the time-uniform band of the two that are compared. */
export function latencyRows(routes: readonly RouteVerdict[]): readonly LatencyRow[] {
  return routes.flatMap(({ route, latency, dispatchMicros }) =>
    (['firstByte', 'total'] as const).flatMap((name) =>
      latency[name].quantiles.map(({ quantile, primary, reference, mirror }) => ({
        route,
        measure: name === 'total' ? ('total' as const) : ('first byte' as const),
        quantile: quantileText(quantile),
        primary: microsText(primary.estimate),
        reference: bandText(reference),
        mirror: bandText(mirror),
        slower: shareText(latency[name].slowerShare),
        hop: microsText(dispatchMicros),
      })),
    ),
  );
}

/** `p99.9` for 0.999. */
export function quantileText(quantile: number): string {
  return `p${Number((quantile * 100).toPrecision(5))}`;
}

function bandText(band: RouteVerdict['latency']['total']['quantiles'][number]['mirror']): string {
  const { estimate, lower, upper } = band;
  if (estimate === undefined) return '–';
  return `${microsText(estimate)} (${microsText(lower)} … ${microsText(upper)})`;
}

/** `GET /a: 1,000 pairs (50 %), 990 the same; 200>200…`. */
export function routeText({ pairs, same, share, statuses, dispatchMicros }: RouteVerdict): string {
  const answers = Object.entries(statuses)
    .toSorted(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key.replace('>', ' → ')} ${countText(count)}`)
    .join(', ');
  const hop = dispatchMicros === undefined ? '' : `; our own hop ${microsText(dispatchMicros)}`;
  return `${countText(pairs)} pairs (${shareText(share)} of all), ${countText(same)} the same${answers === '' ? '' : `; ${answers}`}${hop}`;
}

export function coverageText({ routes, uncovered }: MirrorVerdict): string {
  const covered = routes.filter(({ covered: enough }) => enough).length;
  return `${countText(covered)} of ${countText(routes.length)} routes have enough pairs${uncovered.length === 0 ? '' : `; ${countText(uncovered.length)} that count do not`}`;
}

const INCOMPLETE_TEXTS: Readonly<Record<PairIncompleteReason, string>> = {
  tape_gap: 'bytes of the live exchange were lost on the tape',
  ambiguous: 'the live exchange could be read in two ways',
  client_closed: 'the client went away',
  primary_closed: 'the primary closed before its answer was whole',
  too_large: 'the live exchange is too large',
  body_cut: "the primary's answer is longer than is kept",
  answer_too_large: "the mirror's answer is longer than is kept",
  given_up: 'the copy was given up by us',
  control_missing: 'the control gave no answer, so noise could not be told from a difference',
};

export interface Uncompared {
  readonly reason: string;
  readonly text: string;
  readonly count: number;
}

/** What was not compared and why, most frequent first. */
export function uncompared(mirror: MirrorVerdict, summary: ReportSummary | undefined): readonly Uncompared[] {
  const pairs = Object.entries(mirror.pairs.incomplete).map(([reason, count]) => ({
    reason,
    text: INCOMPLETE_TEXTS[reason as PairIncompleteReason] ?? reason,
    count,
  }));
  const { findings, routes } = mirror.turnedAway;
  const rest = [
    {
      reason: 'turned_away_findings',
      text: 'differences that found no place in the table of findings (they count in the rates)',
      count: findings,
    },
    {
      reason: 'turned_away_routes',
      text: 'requests counted under the catch-all route because there were too many routes',
      count: routes,
    },
  ];
  const copies = Object.entries(summary?.notMirrored ?? {}).map(([reason, count]) => ({
    reason: `not_mirrored.${reason}`,
    text: `not copied, over all policies and mirrors: ${reason.replaceAll('_', ' ')}`,
    count,
  }));
  return [
    ...pairs.toSorted((a, b) => b.count - a.count),
    ...rest,
    ...copies.toSorted((a, b) => b.count - a.count),
  ].filter(({ count }) => count > 0);
}

export function heldText({ heldWrites }: MirrorVerdict): string {
  if (heldWrites === 0) return 'no writes were held back';
  return `${countText(heldWrites)} writes were held back: the mirror's state drifts from the primary's, and what follows from that is told apart`;
}

/** What the instance did meanwhile, in a line. */
export function summaryText(summary: ReportSummary): string {
  const { requests, exchanges, mirrored, heldWrites, tapeDroppedBytes } = summary;
  const lost = tapeDroppedBytes > 0 ? `, ${countText(tapeDroppedBytes)} bytes not seen` : '';
  return (
    `${countText(requests.http1 + requests.http2)} requests, ${countText(exchanges)} exchanges, ` +
    `${countText(mirrored)} copied, ${countText(heldWrites)} writes held back${lost}`
  );
}

export const NOISE_NAMES: Readonly<Record<MirrorVerdict['noise']['source'], string>> = {
  control: 'measured with a control',
  repeat: 'measured with repeats to the primary',
  assumed: 'assumed, not measured',
};
