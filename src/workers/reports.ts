import { addCounts, totalOf } from '../kit/counts.ts';
import type { Counts } from '../kit/counts.ts';
import { addHistogram, createHistogram } from '../kit/histogram.ts';
import type { Histogram } from '../kit/histogram.ts';
import type { Completeness } from '../model/exchange.ts';
import type { DurationStatus, MirrorStatus } from '../model/status.ts';
import { createObserverCounts } from '../observe/counts.ts';
import type { ObserverCounts } from '../observe/counts.ts';
import type { ObserverReport, PolicyReport } from './messages.ts';

/** The part of a report that is by policy. */
export type Counted = Pick<ObserverReport, 'policies' | 'durations'>;

/** What several observers have counted, taken together. */
export function mergeReports(reports: readonly ObserverReport[]): ObserverReport {
  return {
    counts: mergeCounts(reports.map(({ counts }) => counts)),
    connections: reports.reduce((sum, { connections }) => sum + connections, 0),
    heapBytes: reports.reduce((sum, { heapBytes }) => sum + heapBytes, 0),
    ...mergeCounted(reports),
  };
}

/** The same policies' counts, taken together by name. */
export function mergeCounted(reports: readonly Counted[]): Counted {
  const policies = new Map<string, PolicyReport>();
  const durations = new Map<string, DurationStatus & { readonly histogram: Histogram }>();
  for (const report of reports) {
    for (const policy of report.policies) {
      const before = policies.get(policy.name);
      policies.set(policy.name, before === undefined ? policy : mergePolicies(before, policy));
    }
    for (const { role, policy, histogram } of report.durations) {
      const key = `${role} ${policy}`;
      const sum = durations.get(key) ?? { role, policy, histogram: createHistogram() };
      addHistogram(sum.histogram, histogram);
      durations.set(key, sum);
    }
  }
  return { policies: [...policies.values()], durations: [...durations.values()] };
}

/** The last report of an observer that is gone: what it counted remains, what it had in hand does not. */
export function closeReport(report: ObserverReport): ObserverReport {
  return { ...report, ...closeCounted(report), connections: 0, heapBytes: 0 };
}

/** The same of policies that are gone. */
export function closeCounted({ policies, durations }: Counted): Counted {
  return {
    policies: policies.map((policy) => ({
      ...policy,
      mirrors: policy.mirrors.map(closeMirror),
      control: policy.control === undefined ? undefined : closeMirror(policy.control),
    })),
    durations,
  };
}

function closeMirror(mirror: MirrorStatus): MirrorStatus {
  return { ...mirror, breaker: 'closed', inFlight: 0, queued: 0, bufferedBytes: 0 };
}

function mergeCounts(all: readonly ObserverCounts[]): ObserverCounts {
  const sum = createObserverCounts();
  for (const counts of all) {
    const { incomplete, opaque, http2Faults, ...plain } = counts;
    const { incomplete: incompleteSum, opaque: opaqueSum, http2Faults: faultsSum, ...plainSum } = sum;
    addCounts(plainSum, plain);
    addCounts(incompleteSum, incomplete);
    addCounts(opaqueSum, opaque);
    addCounts(faultsSum, http2Faults);
    Object.assign(sum, plainSum);
  }
  return sum;
}

function mergePolicies(left: PolicyReport, right: PolicyReport): PolicyReport {
  return {
    name: left.name,
    matched: left.matched + right.matched,
    sampled: left.sampled + right.sampled,
    mirrors: mergeMirrors([...left.mirrors, ...right.mirrors]),
    control: mergeMirrors([left.control ?? [], right.control ?? []].flat())[0],
  };
}

const BREAKER_ORDER = ['closed', 'half-open', 'open'] as const;

function mergeMirrors(all: readonly MirrorStatus[]): readonly MirrorStatus[] {
  const merged = new Map<string, MirrorStatus>();
  for (const mirror of all) {
    const before = merged.get(mirror.name);
    merged.set(mirror.name, before === undefined ? mirror : addMirrors(before, mirror));
  }
  return [...merged.values()];
}

function addMirrors(left: MirrorStatus, right: MirrorStatus): MirrorStatus {
  return {
    name: right.name,
    url: right.url,
    mirrored: left.mirrored + right.mirrored,
    notMirrored: added(left.notMirrored, right.notMirrored),
    responses: added(left.responses, right.responses),
    calls:
      left.calls === undefined || right.calls === undefined
        ? (left.calls ?? right.calls)
        : added(left.calls, right.calls),
    failures: added(left.failures, right.failures),
    pairs: added(left.pairs, right.pairs),
    truncated: left.truncated + right.truncated,
    breaker: BREAKER_ORDER.findLast((state) => state === left.breaker || state === right.breaker) ?? 'closed',
    inFlight: left.inFlight + right.inFlight,
    queued: left.queued + right.queued,
    bufferedBytes: left.bufferedBytes + right.bufferedBytes,
  };
}

function added<Key extends string>(
  left: Readonly<Record<Key, number>>,
  right: Readonly<Record<Key, number>>,
): Record<Key, number> {
  const total = { ...left };
  addCounts(total, right);
  return total;
}

/** How much of the exchanges was seen. @param guessed of those that are whole */
export function completenessCounts(counts: ObserverCounts, guessed: number): Counts<Completeness> {
  const cut = totalOf(counts.incomplete);
  return { whole: Math.max(0, counts.exchanges - cut - guessed), cut, guessed };
}
