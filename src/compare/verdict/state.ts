import { isCatchAll } from '../routes/route-table.ts';
import { BINS, grows, makeRoom, spread } from './growth.ts';
import type { PairTally, RouteTally } from '../../model/tally.ts';
import type { MirrorVerdict } from '../../model/verdict.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import { createMirrorCounts } from './counts.ts';
import type { MirrorCounts } from './counts.ts';
import { findingTest } from './evidence.ts';
import { addFinding, createFinding, findingKey } from './finding-counts.ts';
import type { FindingCounts } from './finding-counts.ts';
import { judge } from './judge.ts';
import { FindingMemory } from './judged-finding.ts';
import type { VerdictOptions } from './options.ts';
import { trialsOf } from './rates.ts';
import { addPlainCounts, createRoute } from './route-counts.ts';
import type { RouteCounts } from './route-counts.ts';
import { parseCounts, serialiseCounts } from './saved-state.ts';

/** The route that routes past the limit are counted on: a catch-all like those of `RouteTable`, of all methods. */
export const OTHER_ROUTES = '* (other)';

/** Catch-alls of methods, beside the routes that are told apart. */
const CATCH_ALLS_LIMIT = 64;

/** Longest name of a route or a finding, characters; what is longer counts with the other routes, or is turned away. */
const NAME_LIMIT = 8192;

/**
 * What the pairs of one policy and mirror have shown so far, and the verdict on it. It holds counts only, so it may be
 * looked at any time, and tallies may come in any order and from anywhere.
 */
export class VerdictState {
  readonly #options: VerdictOptions;
  readonly #test: RateTest;
  readonly #memory: FindingMemory;
  readonly #counts: MirrorCounts;
  #watched = 0;

  constructor(options: VerdictOptions, counts: MirrorCounts = createMirrorCounts()) {
    this.#options = options;
    this.#test = findingTest(options);
    this.#memory = new FindingMemory(options, this.#test);
    this.#counts = counts;
    for (const { findings } of counts.routes.values()) this.#watched += findings.size;
  }

  /** Takes in what an observer has counted since its last report. */
  add(tally: PairTally): void {
    this.#counts.heldWrites += tally.heldWrites;
    this.#counts.findingsTurnedAway += tally.findingsTurnedAway;
    this.#counts.routesTurnedAway += tally.routesTurnedAway;
    for (const route of tally.routes) this.#addRoute(route);
  }

  #addRoute(tally: RouteTally): void {
    const route = this.#routeFor(tally.route, tally.pairs);
    const before = route.pairs;
    const trialsBefore = trialsOf(route, this.#options);
    addPlainCounts(route, {
      ...tally,
      incomplete: entriesOf(tally.incomplete),
      statuses: Object.entries(tally.statuses),
    });
    makeRoom(route.bins, route.pairs, binsOf(route));
    for (const one of tally.findings) {
      const key = findingKey(one);
      const finding = route.findings.get(key) ?? this.#watch(route, key, createFinding(one, trialsBefore));
      if (finding === undefined) {
        this.#counts.findingsTurnedAway += one.mirrorOnly + one.referenceOnly + one.both;
        continue;
      }
      addFinding(finding, one);
      spread(finding.bins, route.bins, before, route.pairs, one.mirrorOnly);
      if (this.#counts.heldWrites > 0) finding.grown ||= grows(finding.bins, route.bins, route.pairs);
    }
  }

  #routeFor(name: string, pairs: number): RouteCounts {
    const { routes } = this.#counts;
    const known = routes.get(name);
    if (known !== undefined) return known;
    const limit = this.#options.limits.routes + (isCatchAll(name) ? CATCH_ALLS_LIMIT : 0);
    const full = name.length > NAME_LIMIT || routes.size - Number(routes.has(OTHER_ROUTES)) >= limit;
    if (full && name !== OTHER_ROUTES) {
      this.#counts.routesTurnedAway += pairs;
      return this.#routeFor(OTHER_ROUTES, 0);
    }
    const created = createRoute(name);
    routes.set(name, created);
    return created;
  }

  /** A place in the table of findings; undefined when it is full. */
  #watch(route: RouteCounts, key: string, finding: FindingCounts): FindingCounts | undefined {
    if (key.length > NAME_LIMIT || this.#watched >= this.#options.limits.findings) return undefined;
    this.#watched++;
    this.#counts.started++;
    route.findings.set(key, finding);
    return finding;
  }

  /**
   * Puts routes together that turned out to be one: all counts add up. Names that are not known are left out; what comes in
   * later under an old name starts a route again, and may be merged again.
   */
  mergeRoutes(from: readonly string[], to: string): void {
    const merged: RouteCounts[] = [];
    for (const name of new Set(from)) {
      const route = name === to ? undefined : this.#counts.routes.get(name);
      if (route === undefined) continue;
      this.#counts.routes.delete(name);
      merged.push(route);
    }
    for (const route of merged) this.#mergeInto(this.#routeFor(to, route.pairs), route);
  }

  #mergeInto(into: RouteCounts, from: RouteCounts): void {
    addPlainCounts(into, from);
    for (const [key, finding] of from.findings) {
      const known = into.findings.get(key);
      if (known === undefined) {
        into.findings.set(key, { ...finding });
        continue;
      }
      this.#watched--;
      known.trialsBefore += finding.trialsBefore;
      known.grown ||= finding.grown;
      addFinding(known, finding);
    }
    // Two routes that ran side by side have no common order of pairs: the watch for growth begins anew.
    into.bins.from = into.pairs;
    into.bins.width = 1;
    for (const bins of binsOf(into)) for (let i = 0; i < BINS; i++) bins[i] = 0;
  }

  /** @param at milliseconds since the Unix epoch */
  verdict(at: number): MirrorVerdict {
    return judge(this.#counts, this.#options, this.#memory, this.#test, at);
  }

  /**
   * The same counts judged otherwise; this one is not to be used any more.
   *
   * @param options may differ in gate and limits
   */
  judgedBy(options: VerdictOptions): VerdictState {
    return new VerdictState(options, this.#counts);
  }

  /** Everything that was counted, as text for `restore`. */
  save(): string {
    return serialiseCounts(this.#counts, this.#options);
  }

  /**
   * Goes on from what was saved.
   *
   * @param options may differ from those of then in gate and limits
   * @throws SavedStateError when the text is not what `save` makes, was made by another version, or counted another mirror
   *   or with another source of noise
   */
  static restore(text: string, options: VerdictOptions): VerdictState {
    return new VerdictState(options, parseCounts(text, options));
  }
}

function* binsOf(route: RouteCounts): Generator<number[]> {
  for (const { bins } of route.findings.values()) yield bins;
}

function entriesOf<K extends string>(
  record: Readonly<Partial<Record<K, number>>>,
): readonly (readonly [K, number])[] {
  return Object.entries(record) as [K, number][];
}
