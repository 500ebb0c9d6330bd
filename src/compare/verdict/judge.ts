import { quantile } from '../../kit/histogram.ts';
import { PAIR_INCOMPLETE_REASONS } from '../../model/tally.ts';
import type { PairIncompleteReason } from '../../model/tally.ts';
import type { Finding, MirrorVerdict, RouteVerdict, VerdictState } from '../../model/verdict.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import type { MirrorCounts } from './counts.ts';
import { coverageOf } from './coverage.ts';
import type { Coverage } from './coverage.ts';
import { COIN, thresholds } from './evidence.ts';
import type { Thresholds } from './evidence.ts';
import { causeOf, evidenceOf } from './finding-counts.ts';
import { isGated } from './gate-risk.ts';
import { worstFirst } from './judged-finding.ts';
import type { FindingMemory, WeighedFinding } from './judged-finding.ts';
import { latencyFinding, latencyVerdict, RankBands, slowRoutes } from './latency.ts';
import type { SlowRoute } from './latency.ts';
import { factorToBound, factorToEstablish } from './needed.ts';
import { hasReference } from './options.ts';
import type { VerdictOptions } from './options.ts';
import { gatedRates, trialsOf } from './rates.ts';
import type { GatedRate } from './rates.ts';
import { reasonsFor } from './reasons.ts';
import { trafficOf } from './route-counts.ts';
import type { RouteCounts } from './route-counts.ts';
import { countOf, percentText } from './text.ts';

/**
 * The verdict on what has been counted so far.
 *
 * `fail` and `pass` are each wrong with probability at most `gate.alpha` over the whole run, and in no state of the world
 * can both be wrong, so α need not be split between them. For `fail` e-BH has all of α, shared out as `ALPHA_SHARES` says.
 * For `pass` each upper bound has α/2 (the other half is the lower bound's): a wrong pass takes that the bound of the very
 * rate that is too high has failed, so more rates need no more care (intersection-union test, Berger 1982).
 */
export function judge(
  counts: MirrorCounts,
  options: VerdictOptions,
  memory: FindingMemory,
  test: RateTest,
  at: number,
): MirrorVerdict {
  const routes = [...counts.routes.values()];
  const { gate } = options;
  const coverage = coverageOf(routes, options);
  const blind = counts.heldWrites > 0 && counts.findingsTurnedAway > 0;
  const rates = gatedRates(routes, options, blind);
  const weighed = routes.flatMap((route) =>
    [...route.findings.values()].map((finding) => memory.weigh(route, finding)),
  );
  const slow = slowRoutes(routes, options);
  const limits = thresholds(
    {
      findings: weighed.map(({ logEvalue }) => logEvalue),
      latency: slow.map(({ logEvalue }) => logEvalue),
      rates: rates.map(({ logEvalueOver }) => logEvalueOver),
      routes: routes.length,
    },
    counts.started,
    options,
  );
  const findings = judgeFindings(weighed, slow, limits, options, memory, at);
  const over = rates.filter(({ logEvalueOver }) => logEvalueOver >= limits.rate);
  const state = stateOf(findings, over, rates, coverage, options);
  const needed =
    state === 'undecided' ? pairsNeeded(weighed, slow, rates, coverage, limits, options, test) : 0;
  return {
    mirror: options.mirror,
    state,
    reasons: reasonsFor(
      {
        state,
        findings,
        rates,
        over,
        coverage,
        findingsTurnedAway: counts.findingsTurnedAway,
        heldWrites: counts.heldWrites,
      },
      options,
    ),
    pairs: pairCounts(routes),
    noise: { source: options.noise.source, text: noiseText(routes, options) },
    gate,
    rates: rates.map(({ verdict }) => verdict),
    pairsNeeded: needed,
    uncovered: coverage.uncovered,
    findings,
    routes: routeVerdicts(routes, coverage, options),
    heldWrites: counts.heldWrites,
    turnedAway: { findings: counts.findingsTurnedAway, routes: counts.routesTurnedAway },
  };
}

/**
 * What is established gets an interval at α times the share of hypotheses that are (e-BY: Xu, Wang and Ramdas 2022,
 * "Post-selection inference for e-value based confidence intervals"), so that choosing the worst does not spoil it; the
 * others one at α, each for itself.
 */
function judgeFindings(
  weighed: readonly WeighedFinding[],
  slow: readonly SlowRoute[],
  limits: Thresholds,
  options: VerdictOptions,
  memory: FindingMemory,
  at: number,
): readonly Finding[] {
  const { alpha, latency } = options.gate;
  const selected = (alpha * Math.max(1, limits.established)) / limits.hypotheses;
  const findings = weighed.map((one) => {
    const established = one.logEvalue >= limits.finding;
    return memory.judge(one, established, established ? selected : alpha);
  });
  if (latency !== undefined) {
    for (const one of slow) {
      const established = one.logEvalue >= limits.latency;
      if (one.logEvalue < -Math.log(alpha)) continue;
      findings.push(latencyFinding(one, established, at, options, established ? selected : alpha));
    }
  }
  return findings.toSorted(worstFirst);
}

function stateOf(
  findings: readonly Finding[],
  over: readonly GatedRate[],
  rates: readonly GatedRate[],
  { trials, uncovered }: Coverage,
  { gate }: VerdictOptions,
): VerdictState {
  if (over.length > 0 || findings.some(({ fails }) => fails)) return 'fail';
  const enough = trials >= gate.minimumPairs && uncovered.length === 0;
  return enough && rates.every(({ verdict }) => verdict.ok) ? 'pass' : 'undecided';
}

/** Findings near to being established that are looked at. */
const CANDIDATES = 16;

function pairsNeeded(
  weighed: readonly WeighedFinding[],
  slow: readonly SlowRoute[],
  rates: readonly GatedRate[],
  coverage: Coverage,
  limits: Thresholds,
  options: VerdictOptions,
  test: RateTest,
): number | undefined {
  const { gate } = options;
  const { trials, traffic } = coverage;
  if (trials === 0) return undefined;
  const forPass = [
    coverage.factor,
    gate.minimumPairs / trials,
    ...rates.map((rate) => factorToBound(rate, gate.alpha)),
  ];
  const forFail: (number | undefined)[] = [];
  const alone = Math.log(limits.hypotheses / gate.alpha);
  const watched = weighed.filter(
    ({ finding }) => causeOf(finding) === 'difference' && isGated(finding.risk, gate.risk),
  );
  for (const one of nearest(watched)) {
    const evidence = evidenceOf(one.finding, one.trials, hasReference(options));
    forFail.push(factorToEstablish(evidence, test, alone));
  }
  if (isGated('medium', gate.risk)) {
    for (const { sums } of nearest(slow)) {
      const evidence = { successes: sums.slower, failures: sums.compared - sums.slower };
      forFail.push(factorToEstablish(evidence, COIN, alone));
    }
  }
  const pass = forPass.includes(undefined) ? Number.POSITIVE_INFINITY : Math.max(...forPass.map(orInfinity));
  const factor = Math.min(pass, ...forFail.map(orInfinity));
  // Undecided means that at least one more is needed, whatever rounding says. Where few pairs have a reference, the
  // others come with them.
  const pairsPerTrial = Math.max(1, traffic / trials);
  return Number.isFinite(factor) ? Math.max(1, Math.ceil((factor - 1) * trials * pairsPerTrial)) : undefined;
}

function orInfinity(factor: number | undefined): number {
  return factor ?? Number.POSITIVE_INFINITY;
}

function nearest<T extends { readonly logEvalue: number }>(all: readonly T[]): readonly T[] {
  return all
    .filter(({ logEvalue }) => logEvalue > 0)
    .toSorted((left, right) => right.logEvalue - left.logEvalue)
    .slice(0, CANDIDATES);
}

function pairCounts(routes: readonly RouteCounts[]): MirrorVerdict['pairs'] {
  let [compared, same, referenced] = [0, 0, 0];
  const incomplete: Partial<Record<PairIncompleteReason, number>> = {};
  for (const route of routes) {
    compared += route.pairs;
    same += route.same;
    referenced += route.referenced;
  }
  for (const reason of PAIR_INCOMPLETE_REASONS) {
    let sum = 0;
    for (const route of routes) sum += route.incomplete.get(reason) ?? 0;
    if (sum > 0) incomplete[reason] = sum;
  }
  return { compared, same, referenced, incomplete };
}

function noiseText(routes: readonly RouteCounts[], { noise }: VerdictOptions): string {
  let referenced = 0;
  for (const route of routes) referenced += route.referenced;
  switch (noise.source) {
    case 'control':
      return 'A control answered the same requests: what it differs in as often as the mirror is noise.';
    case 'repeat':
      return `${countOf(referenced, 'request')} went to the primary a second time: what differs then as often as with the mirror is noise. Only these pairs are evidence.`;
    case 'assumed':
      return `There is neither a control nor repeats: on any path up to ${percentText(noise.assumed)} of the answers are assumed to differ by themselves, and what differs more often is held against the mirror.`;
  }
}

function routeVerdicts(
  routes: readonly RouteCounts[],
  { traffic }: Coverage,
  options: VerdictOptions,
): readonly RouteVerdict[] {
  const ranks = new RankBands(options.gate.alpha);
  return routes
    .map((route) => ({
      route: route.route,
      pairs: route.pairs,
      same: route.same,
      share: traffic === 0 ? 0 : trafficOf(route) / traffic,
      covered: trialsOf(route, options) >= options.gate.coveragePairs,
      statuses: Object.fromEntries(route.statuses),
      latency: {
        firstByte: latencyVerdict(route.latency.firstByte, ranks),
        total: latencyVerdict(route.latency.total, ranks),
      },
      dispatchMicros: quantile(route.latency.dispatch, 0.5),
    }))
    .toSorted((left, right) => right.share - left.share);
}
