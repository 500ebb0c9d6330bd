import { addHistogram, createHistogram } from '../../kit/histogram.ts';
import { DEFAULT_COMPARE } from '../../model/compare-settings.ts';
import type { Gate } from '../../model/compare-settings.ts';
import type { FindingTally, PairTally, RouteTally } from '../../model/tally.ts';
import type { VerdictOptions } from './options.ts';
import { noDiscordance } from './route-counts.ts';

/** Options of a mirror `v2` with the defaults of the configuration. */
export function testOptions(
  source: VerdictOptions['noise']['source'],
  gate: Partial<Gate> = {},
  limits: Partial<VerdictOptions['limits']> = {},
): VerdictOptions {
  return {
    mirror: 'v2',
    gate: { ...DEFAULT_COMPARE.gate, ...gate },
    noise: { source, assumed: DEFAULT_COMPARE.noise.assumed },
    limits: {
      findings: DEFAULT_COMPARE.limits.findings,
      routes: DEFAULT_COMPARE.routes.limit,
      ...limits,
    },
  };
}

export function testTally(routes: readonly RouteTally[], rest: Partial<PairTally> = {}): PairTally {
  return {
    policy: 'orders',
    mirror: 'v2',
    routes,
    heldWrites: 0,
    findingsTurnedAway: 0,
    routesTurnedAway: 0,
    ...rest,
  };
}

/** Pairs of a route without a difference, each with a reference. */
export function testRoute(pairs: number, rest: Partial<RouteTally> = {}): RouteTally {
  return {
    route: 'GET /orders/{id}',
    pairs,
    same: pairs,
    referenced: pairs,
    incomplete: {},
    worst: { low: noDiscordance(), medium: noDiscordance(), high: noDiscordance() },
    failures: noDiscordance(),
    statuses: { '2xx>2xx': pairs },
    findings: [],
    latency: testLatency(0, 0, []),
    ...rest,
  };
}

export function testFinding(rest: Partial<FindingTally> = {}): FindingTally {
  return {
    path: 'body.currency',
    kind: 'missing',
    risk: 'high',
    mirrorOnly: 0,
    referenceOnly: 0,
    both: 0,
    afterHeldWrite: 0,
    firstSeen: 1000,
    lastSeen: 2000,
    sample: { exchange: 'x1' },
    ...rest,
  };
}

/** @param bucket of all durations, of both sides */
export function testLatency(
  slower: number,
  compared: number,
  buckets: readonly number[],
): RouteTally['latency'] {
  const of = (): RouteTally['latency']['total'] => ({
    primary: histogramOf(buckets),
    reference: histogramOf(buckets),
    mirror: histogramOf(buckets),
    slower,
    compared,
  });
  return { firstByte: of(), total: of(), dispatch: histogramOf(buckets) };
}

function histogramOf(counts: readonly number[]): ReturnType<typeof createHistogram> {
  const histogram = createHistogram();
  const count = counts.reduce((sum, one) => sum + one, 0);
  addHistogram(histogram, { buckets: [...counts], count, sumMicros: count * 100 });
  return histogram;
}
