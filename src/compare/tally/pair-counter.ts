import type { LatencyGate } from '../../model/compare-settings.ts';
import type { Difference, Risk } from '../../model/difference.ts';
import { MIRROR_FAILURES } from '../../model/exchange.ts';
import type { MirrorFailure } from '../../model/exchange.ts';
import type { PairIncompleteReason, PairTally, RouteTally } from '../../model/tally.ts';
import { ownText } from '../own-text.ts';
import { isCatchAll } from '../routes/route-table.ts';
import { FindingCounts, RISK_RANK } from './finding-counts.ts';
import { RouteCounts } from './route-counts.ts';
import type { Duration, Outcome, SettledPair } from './settled-pair.ts';

export interface PairCounterOptions {
  readonly policy: string;
  readonly mirror: string;
  /** Findings watched at the same time, over all routes: `compare.limits.findings`. */
  readonly findings: number;
  /** `compare.gate.latency`; undefined: slow answers are not counted. */
  readonly latency: LatencyGate | undefined;
}

/** Reports in a row without it before a finding makes room for another one, or a route is dropped. */
const IDLE_REPORTS = 60;

const NONE: readonly Difference[] = [];

/** An answer that failed has this one difference. */
export const FAILURES: ReadonlyMap<MirrorFailure, readonly Difference[]> = new Map(
  MIRROR_FAILURES.map((failure) => [failure, [failureDifference(failure)]]),
);

/**
 * Counts the pairs of one mirror of one policy until `take` hands over what came.
 *
 * Each pair counts a finding once, for the side or sides that have it: a side that failed has the finding
 * `failure.<reason>` and no other. So what mirror and reference show stays exchangeable where both are the same version,
 * which is what the tests on these counts stand on. `worst` leaves failures out: they are counted in `failures`, and the
 * gate limits them by a rate of their own.
 */
export class PairCounter {
  readonly #options: PairCounterOptions;
  readonly #routes = new Map<string, RouteCounts>();
  /** Findings of the reference's differences in the pair in hand; kept so that no pair makes a new array. */
  readonly #ofReference: (FindingCounts | undefined)[] = [];
  #pair = 0;
  #findings = 0;
  #heldWrites = 0;
  #findingsTurnedAway = 0;
  #routesTurnedAway = 0;
  /** A finding found no place since the last report. */
  #crowded = false;

  constructor(options: PairCounterOptions) {
    this.#options = options;
  }

  count(pair: SettledPair): void {
    const { mirror, reference } = pair;
    const counts = this.#countsOf(pair.route);
    const ofMirror = differencesOf(mirror, pair.mirrorDifferences);
    const ofReference = reference === undefined ? NONE : differencesOf(reference, pair.referenceDifferences);
    counts.count(pair, ofMirror.length === 0, this.#options.latency);
    if (ofMirror.length > 0 || ofReference.length > 0)
      this.#countFindings(counts, pair, ofMirror, ofReference);
  }

  /** A pair without any difference and without a reference: what most are, and without an object for each. */
  countSame(
    route: string,
    status: number,
    primary: Duration,
    mirror: Duration,
    dispatchMicros: number,
  ): void {
    this.#countsOf(route).countSame(status, primary, mirror, dispatchMicros, this.#options.latency);
  }

  /** A pair that cannot be compared. */
  incomplete(route: string, reason: PairIncompleteReason): void {
    this.#countsOf(route).incomplete(reason);
  }

  /** A request that was held back. */
  heldWrite(): void {
    this.#heldWrites++;
  }

  /** What was counted of routes that have become one is theirs together; see `RouteTable`. */
  fold(from: readonly string[], to: string): void {
    for (const route of from) {
      const counts = this.#routes.get(route);
      if (counts === undefined || route === to) continue;
      this.#routes.delete(route);
      this.#findings -= counts.findings;
      const tally = counts.take();
      if (tally !== undefined) this.#addRoute(to, tally);
    }
  }

  /**
   * Adds what another one has counted.
   *
   * @param canonical what its routes are called here; it may fold routes
   */
  add(tally: PairTally, canonical: (route: string, requests: number) => string = (route) => route): void {
    for (const route of tally.routes) this.#addRoute(canonical(route.route, route.pairs), route);
    this.#heldWrites += tally.heldWrites;
    this.#findingsTurnedAway += tally.findingsTurnedAway;
    this.#routesTurnedAway += tally.routesTurnedAway;
  }

  /** What was counted since the last time, and begins anew; undefined when nothing was. */
  take(): PairTally | undefined {
    const routes: RouteTally[] = [];
    for (const counts of this.#routes.values()) {
      const tally = counts.take();
      if (tally !== undefined) routes.push(tally);
      else if (counts.idleReports >= IDLE_REPORTS) this.#dropIdle(counts);
    }
    if (this.#crowded)
      for (const counts of this.#routes.values()) this.#findings -= counts.forget(IDLE_REPORTS);
    this.#crowded = false;
    if (routes.length === 0 && this.#heldWrites + this.#findingsTurnedAway + this.#routesTurnedAway === 0)
      return undefined;
    const { policy, mirror } = this.#options;
    const tally: PairTally = {
      policy,
      mirror,
      routes,
      heldWrites: this.#heldWrites,
      findingsTurnedAway: this.#findingsTurnedAway,
      routesTurnedAway: this.#routesTurnedAway,
    };
    this.#heldWrites = 0;
    this.#findingsTurnedAway = 0;
    this.#routesTurnedAway = 0;
    return tally;
  }

  #countsOf(route: string): RouteCounts {
    const known = this.#routes.get(route) ?? this.#addCounts(route);
    if (known.catchAll) this.#routesTurnedAway++;
    return known;
  }

  #addCounts(route: string): RouteCounts {
    const counts = new RouteCounts(route, isCatchAll(route));
    this.#routes.set(route, counts);
    return counts;
  }

  #addRoute(route: string, tally: RouteTally): void {
    const counts = this.#routes.get(route) ?? this.#addCounts(route);
    counts.add(tally);
    for (const finding of tally.findings) {
      const watched = this.#findingOf(counts, finding);
      if (watched === undefined)
        this.#findingsTurnedAway += finding.mirrorOnly + finding.referenceOnly + finding.both;
      else watched.add(finding);
    }
  }

  #countFindings(
    counts: RouteCounts,
    pair: SettledPair,
    ofMirror: readonly Difference[],
    ofReference: readonly Difference[],
  ): void {
    const { exchangeId, atMs, reference } = pair;
    const number = ++this.#pair;
    let worstOfMirror: Risk | undefined;
    let worstOfReference: Risk | undefined;
    for (const [at, difference] of ofReference.entries()) {
      const finding = this.#findingOf(counts, difference);
      this.#ofReference[at] = finding;
      if (finding !== undefined) finding.inReferenceOf = number;
    }
    for (const difference of ofMirror) {
      const finding = this.#findingOf(counts, difference);
      const both = finding === undefined ? has(ofReference, difference) : finding.inReferenceOf === number;
      if (!both) worstOfMirror = worse(worstOfMirror, difference);
      if (finding === undefined) this.#findingsTurnedAway++;
      else {
        finding.inMirrorOf = number;
        if (finding.countedOf === number) continue;
        finding.countedOf = number;
        finding.countMirror(difference, both, pair);
      }
    }
    for (const [at, difference] of ofReference.entries()) {
      const finding = this.#ofReference[at];
      const both = finding === undefined ? has(ofMirror, difference) : finding.inMirrorOf === number;
      if (!both) worstOfReference = worse(worstOfReference, difference);
      if (finding === undefined) this.#findingsTurnedAway++;
      else if (!both && finding.countedOf !== number) {
        finding.countedOf = number;
        finding.countReference(difference, exchangeId, atMs);
      }
    }
    counts.worst(worstOfMirror, worstOfReference, reference !== undefined);
  }

  /** The finding of a difference, watched from now on when there is room. */
  #findingOf(
    counts: RouteCounts,
    difference: Pick<Difference, 'path' | 'kind' | 'risk'>,
  ): FindingCounts | undefined {
    const known = counts.finding(difference);
    if (known !== undefined) return known;
    if (this.#findings >= this.#options.findings) {
      this.#crowded = true;
      return undefined;
    }
    const finding = new FindingCounts(ownText(difference.path), difference.kind, difference.risk);
    counts.watch(finding);
    this.#findings++;
    return finding;
  }

  #dropIdle(counts: RouteCounts): void {
    this.#routes.delete(counts.route);
    this.#findings -= counts.findings;
  }
}

function differencesOf({ failure }: Outcome, found: readonly Difference[]): readonly Difference[] {
  return failure === undefined ? found : (FAILURES.get(failure) ?? NONE);
}

function failureDifference(failure: MirrorFailure): Difference {
  return { kind: 'failure', path: `failure.${failure}`, risk: 'high', primary: undefined, other: failure };
}

function worse(worst: Risk | undefined, { kind, risk }: Difference): Risk | undefined {
  if (kind === 'failure') return worst;
  return worst === undefined || RISK_RANK[risk] > RISK_RANK[worst] ? risk : worst;
}

/** For findings that are not watched; the lists are as short as `compare.limits.differences`. */
function has(differences: readonly Difference[], { path, kind }: Difference): boolean {
  return differences.some((one) => one.kind === kind && one.path === path);
}
