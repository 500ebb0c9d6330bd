import type { LatencyGate } from '../../model/compare-settings.ts';
import type { Difference, Risk } from '../../model/difference.ts';
import type {
  Discordance,
  FindingTally,
  PairIncompleteReason,
  RouteTally,
  WorstCounts,
} from '../../model/tally.ts';
import type { FindingCounts } from './finding-counts.ts';
import { LatencyCounter } from './latency-counts.ts';
import type { Duration, SettledPair } from './settled-pair.ts';
import { StatusMatrix } from './status-matrix.ts';

/** What is counted of one route. */
export class RouteCounts {
  readonly route: string;
  /** It stands for the requests that found no place among the routes. */
  readonly catchAll: boolean;
  /** Findings by path; several kinds at one path are linked. */
  #findings = new Map<string, FindingCounts>();
  readonly #statuses = new StatusMatrix();
  readonly #latency = new LatencyCounter();
  #pairs = 0;
  #same = 0;
  #referenced = 0;
  #incomplete: Partial<Record<PairIncompleteReason, number>> | undefined = undefined;
  #worst = createWorst();
  #failures: Discordance = { mirrorOnly: 0, referenceOnly: 0 };
  /** Reports in a row without anything. */
  idleReports = 0;

  constructor(route: string, catchAll: boolean) {
    this.route = route;
    this.catchAll = catchAll;
  }

  /** Counts everything but findings. */
  count(
    { primaryStatus, mirror, reference, durations }: SettledPair,
    same: boolean,
    gate: LatencyGate | undefined,
  ): void {
    this.#pairs++;
    if (same) this.#same++;
    if (reference !== undefined) this.#referenced++;
    this.#statuses.count(primaryStatus, mirror.failure === undefined ? mirror.status : undefined);
    const referenceFailed = reference?.failure !== undefined;
    if (mirror.failure === undefined) {
      if (referenceFailed) this.#failures.referenceOnly++;
      if (durations.mirror !== undefined) this.#latency.count(durations, durations.mirror, gate);
    } else if (!referenceFailed) countMirror(this.#failures, reference !== undefined);
  }

  /** A pair without any difference and without a reference. */
  countSame(
    status: number,
    primary: Duration,
    mirror: Duration,
    dispatchMicros: number,
    gate: LatencyGate | undefined,
  ): void {
    this.#pairs++;
    this.#same++;
    this.#statuses.count(status, status);
    this.#latency.countPair(primary, mirror, undefined, dispatchMicros, gate);
  }

  incomplete(reason: PairIncompleteReason): void {
    this.#incomplete ??= {};
    this.#incomplete[reason] = (this.#incomplete[reason] ?? 0) + 1;
  }

  /** The worst differences that only one side of a pair has. */
  worst(ofMirror: Risk | undefined, ofReference: Risk | undefined, referenced: boolean): void {
    if (ofMirror !== undefined) countMirror(this.#worst[ofMirror], referenced);
    if (ofReference !== undefined) this.#worst[ofReference].referenceOnly++;
  }

  /** The finding that a difference belongs to; undefined when it is not watched. */
  finding({ path, kind }: Pick<Difference, 'path' | 'kind'>): FindingCounts | undefined {
    let finding = this.#findings.get(path);
    while (finding !== undefined && finding.kind !== kind) finding = finding.next;
    return finding;
  }

  watch(finding: FindingCounts): void {
    finding.next = this.#findings.get(finding.path);
    this.#findings.set(finding.path, finding);
  }

  /** Stops watching findings that were in no report for long. @returns how many */
  forget(idleReports: number): number {
    let forgotten = 0;
    const all = this.#findings;
    this.#findings = new Map();
    for (const first of all.values()) {
      for (const finding of chain(first)) {
        if (finding.idleReports < idleReports) this.watch(finding);
        else forgotten++;
      }
    }
    return forgotten;
  }

  get findings(): number {
    let count = 0;
    for (const first of this.#findings.values()) for (const _ of chain(first)) count++;
    return count;
  }

  /** Everything but findings. */
  add(tally: RouteTally): void {
    this.#pairs += tally.pairs;
    this.#same += tally.same;
    this.#referenced += tally.referenced;
    for (const reason in tally.incomplete) {
      // Keys of a record whose only keys are reasons.
      const known = reason as PairIncompleteReason;
      this.#incomplete ??= {};
      this.#incomplete[known] = (this.#incomplete[known] ?? 0) + (tally.incomplete[known] ?? 0);
    }
    for (const risk of ['low', 'medium', 'high'] as const)
      addDiscordance(this.#worst[risk], tally.worst[risk]);
    addDiscordance(this.#failures, tally.failures);
    this.#statuses.add(tally.statuses);
    this.#latency.add(tally.latency);
  }

  /** What was counted since the last time; undefined when nothing was. */
  take(): RouteTally | undefined {
    if (this.#pairs === 0 && this.#incomplete === undefined) {
      this.idleReports++;
      for (const first of this.#findings.values()) for (const finding of chain(first)) finding.idleReports++;
      return undefined;
    }
    const findings: FindingTally[] = [];
    for (const first of this.#findings.values()) {
      for (const finding of chain(first)) {
        const taken = finding.take();
        if (taken !== undefined) findings.push(taken);
      }
    }
    const tally: RouteTally = {
      route: this.route,
      pairs: this.#pairs,
      same: this.#same,
      referenced: this.#referenced,
      incomplete: this.#incomplete ?? {},
      worst: this.#worst,
      failures: this.#failures,
      statuses: this.#statuses.take(),
      findings,
      latency: this.#latency.take(),
    };
    this.#pairs = 0;
    this.#same = 0;
    this.#referenced = 0;
    this.#incomplete = undefined;
    this.#worst = createWorst();
    this.#failures = { mirrorOnly: 0, referenceOnly: 0 };
    this.idleReports = 0;
    return tally;
  }
}

function* chain(first: FindingCounts): Iterable<FindingCounts> {
  for (let finding: FindingCounts | undefined = first; finding !== undefined;) {
    // Whoever looks at it may link it elsewhere.
    const next: FindingCounts | undefined = finding.next;
    yield finding;
    finding = next;
  }
}

function createWorst(): WorstCounts {
  return {
    low: { mirrorOnly: 0, referenceOnly: 0 },
    medium: { mirrorOnly: 0, referenceOnly: 0 },
    high: { mirrorOnly: 0, referenceOnly: 0 },
  };
}

function countMirror(counts: Discordance, referenced: boolean): void {
  counts.mirrorOnly++;
  if (!referenced) counts.unreferenced = (counts.unreferenced ?? 0) + 1;
}

function addDiscordance(into: Discordance, from: Readonly<Discordance>): void {
  into.mirrorOnly += from.mirrorOnly;
  into.referenceOnly += from.referenceOnly;
  if (from.unreferenced !== undefined) into.unreferenced = (into.unreferenced ?? 0) + from.unreferenced;
}
