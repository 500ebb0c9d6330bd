import { addHistogram, createHistogram } from '../../kit/histogram.ts';
import type { Histogram } from '../../kit/histogram.ts';
import { RISKS } from '../../model/difference.ts';
import type { Risk } from '../../model/difference.ts';
import type { Discordance, LatencyCounts, PairIncompleteReason, RouteTally } from '../../model/tally.ts';
import type { FindingCounts } from './finding-counts.ts';
import type { BinScale } from './growth.ts';

/** What has been counted on a route since the run began. */
export interface RouteCounts {
  readonly route: string;
  pairs: number;
  same: number;
  referenced: number;
  readonly incomplete: Map<PairIncompleteReason, number>;
  readonly worst: Readonly<Record<Risk, Required<Discordance>>>;
  readonly failures: Required<Discordance>;
  readonly statuses: Map<string, number>;
  /** By kind and path. */
  readonly findings: Map<string, FindingCounts>;
  readonly latency: {
    readonly firstByte: LatencySums;
    readonly total: LatencySums;
    readonly dispatch: Histogram;
  };
  readonly bins: BinScale;
}

export interface LatencySums {
  readonly primary: Histogram;
  readonly reference: Histogram;
  readonly mirror: Histogram;
  slower: number;
  compared: number;
  /** When a verdict first listed it as slow; 0 while none does. */
  slowSince: number;
}

/** Pairs of classes of status told apart on a route; more count as `other`. There are 49 of the usual ones. */
const STATUSES_LIMIT = 64;

export function createRoute(route: string): RouteCounts {
  return {
    route,
    pairs: 0,
    same: 0,
    referenced: 0,
    incomplete: new Map(),
    worst: { low: noDiscordance(), medium: noDiscordance(), high: noDiscordance() },
    failures: noDiscordance(),
    statuses: new Map(),
    findings: new Map(),
    latency: { firstByte: noLatency(), total: noLatency(), dispatch: createHistogram() },
    bins: { from: 0, width: 1 },
  };
}

export function noDiscordance(): Required<Discordance> {
  return { mirrorOnly: 0, referenceOnly: 0, unreferenced: 0 };
}

function noLatency(): LatencySums {
  return {
    primary: createHistogram(),
    reference: createHistogram(),
    mirror: createHistogram(),
    slower: 0,
    compared: 0,
    slowSince: 0,
  };
}

/** What adds up without further thought: everything but the findings. */
export type PlainCounts = Omit<RouteTally, 'findings' | 'incomplete' | 'statuses'> & {
  readonly incomplete: Iterable<readonly [PairIncompleteReason, number]>;
  readonly statuses: Iterable<readonly [string, number]>;
};

export function addPlainCounts(into: RouteCounts, from: PlainCounts): void {
  into.pairs += from.pairs;
  into.same += from.same;
  into.referenced += from.referenced;
  for (const [reason, count] of from.incomplete)
    into.incomplete.set(reason, (into.incomplete.get(reason) ?? 0) + count);
  for (const risk of RISKS) addDiscordance(into.worst[risk], from.worst[risk]);
  addDiscordance(into.failures, from.failures);
  for (const [classes, count] of from.statuses) {
    const known = into.statuses.has(classes) || into.statuses.size < STATUSES_LIMIT;
    const key = known ? classes : 'other';
    into.statuses.set(key, (into.statuses.get(key) ?? 0) + count);
  }
  addLatency(into.latency.firstByte, from.latency.firstByte);
  addLatency(into.latency.total, from.latency.total);
  addHistogram(into.latency.dispatch, from.latency.dispatch);
}

export function addDiscordance(into: Required<Discordance>, from: Readonly<Discordance>): void {
  into.mirrorOnly += from.mirrorOnly;
  into.referenceOnly += from.referenceOnly;
  into.unreferenced += from.unreferenced ?? 0;
}

function addLatency(into: LatencySums, from: LatencyCounts): void {
  addHistogram(into.primary, from.primary);
  addHistogram(into.reference, from.reference);
  addHistogram(into.mirror, from.mirror);
  into.slower += from.slower;
  into.compared += from.compared;
}

/** Everything that came along the route, comparable or not. */
export function trafficOf(route: RouteCounts): number {
  let sum = route.pairs;
  for (const count of route.incomplete.values()) sum += count;
  return sum;
}
