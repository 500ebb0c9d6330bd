import { RouteTable } from '../compare/routes/route-table.ts';
import { policyVerdict } from '../compare/verdict/policy.ts';
import type { VerdictOptions } from '../compare/verdict/options.ts';
import { VerdictState } from '../compare/verdict/state.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { IgnoreRule } from '../model/compare-settings.ts';
import type { MirrorSettings, Policy } from '../model/policy.ts';
import type { MinuteCounts, SavedVerdict, StoreBatch } from '../model/recording.ts';
import type { PairTally } from '../model/tally.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Judged } from './answer-judge.ts';
import { comparisonBasis } from './comparison-basis.ts';

export interface VerdictKeeperOptions {
  /** What an earlier run has left. */
  readonly saved: readonly SavedVerdict[];
  readonly log: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** The sums of all observers' tallies for one policy. */
interface KeptPolicy {
  /** What the counts depend on: with another one they begin anew. */
  readonly basis: string;
  readonly routes: RouteTable;
  readonly states: Map<string, VerdictState>;
  readonly since: number;
  /** The last one that was made; undefined when something was counted since. */
  verdict: Verdict | undefined;
  /** Something was counted since it was saved. */
  unsaved: boolean;
  /** A server has not told its descriptors yet. */
  readonly awaiting: boolean;
}

const MINUTE_MS = 60_000;
const NOTHING: StoreBatch = { exchanges: [], minutes: [], verdicts: [] };

/** Adds up what observers have counted, and makes the verdicts. */
export class VerdictKeeper {
  readonly #options: VerdictKeeperOptions;
  /** What an earlier run has left and was not taken up. */
  #saved: readonly SavedVerdict[];
  readonly #kept = new Map<string, KeptPolicy>();
  #exchanges: StoreBatch['exchanges'][number][] = [];
  #minutes = new Map<string, MinuteCounts>();

  constructor(options: VerdictKeeperOptions) {
    this.#options = options;
    this.#saved = options.saved;
  }

  /** Policies that are compared as before go on with their counts. */
  setPolicies(policies: readonly Policy[]): void {
    const before = new Map(this.#kept);
    this.#kept.clear();
    for (const policy of policies) {
      const known = before.get(policy.name);
      const basis = comparisonBasis(policy);
      this.#kept.set(
        policy.name,
        known?.basis === basis ? rejudged(known, policy) : this.#begin(policy, basis),
      );
    }
  }

  /** What was compared otherwise than now, before a change that observers learn of a little later, is left out. */
  add({ basis, tallies, exchanges }: Judged): void {
    for (const tally of tallies) this.#addTally(basis, tally);
    for (const exchange of exchanges) {
      const kept = this.#kept.get(exchange.policy);
      if (kept?.basis === basis)
        this.#exchanges.push({ ...exchange, route: kept.routes.adopt(exchange.route, 0) });
    }
  }

  /** What the pairs of a policy prove so far; undefined when there is no such policy. */
  verdict(policy: string): Verdict | undefined {
    const kept = this.#kept.get(policy);
    if (kept === undefined) return undefined;
    const at = this.#options.now();
    kept.verdict ??= policyVerdict(
      policy,
      [...kept.states.values()].map((state) => state.verdict(at)),
      kept.since,
      at,
    );
    return kept.verdict;
  }

  /**
   * The rule by which a finding would be ignored; undefined when there is no such policy or finding.
   *
   * @throws UserError for findings that no rule is for
   */
  ruleFor(policy: string, finding: string): IgnoreRule | undefined {
    const findings = this.verdict(policy)?.mirrors.flatMap((mirror) => mirror.findings) ?? [];
    const found = findings.find(({ id }) => id === finding);
    if (found === undefined) return undefined;
    const { path, kind, route } = found;
    if (kind === 'failure' || kind === 'latency') {
      throw new UserError(`a finding of kind "${kind}" is not about what an answer holds`, {
        where: path,
        hint: `set compare.gate.${kind === 'latency' ? 'latency' : 'mirrorErrors'} instead`,
      });
    }
    return { path, kinds: [kind], route };
  }

  /**
   * What is to be stored since the last time.
   *
   * @param verdicts whether verdicts are wanted too; they are the costly part
   */
  take(verdicts: boolean): StoreBatch {
    const batch = {
      exchanges: this.#exchanges,
      minutes: [...this.#minutes.values()],
      verdicts: verdicts ? this.#unsaved() : NOTHING.verdicts,
    };
    this.#exchanges = [];
    this.#minutes = new Map();
    return batch;
  }

  #begin(policy: Policy, basis: string): KeptPolicy {
    const states = new Map<string, VerdictState>();
    const routes = new RouteTable(policy.compare.routes, (from, to) => {
      for (const state of states.values()) state.mergeRoutes(from, to);
    });
    let since = this.#options.now();
    for (const mirror of policy.mirrors) {
      const before = this.#restored(policy, mirror, basis);
      if (before !== undefined) since = Math.min(since, before.since);
      states.set(mirror.name, before?.state ?? new VerdictState(optionsOf(policy, mirror)));
    }
    const awaiting = awaitsDescriptors(policy);
    return { basis, routes, states, since, verdict: undefined, unsaved: false, awaiting };
  }

  #restored(policy: Policy, mirror: MirrorSettings, basis: string) {
    const saved = this.#saved.find((one) => one.policy === policy.name && one.mirror === mirror.name);
    if (saved === undefined) return undefined;
    const where = { policy: policy.name, mirror: mirror.name };
    try {
      const state = JSON.parse(saved.state) as { readonly [key: string]: unknown };
      // It may be what was counted by the descriptors that are still to come.
      if (state['basis'] !== basis && awaitsDescriptors(policy)) return undefined;
      this.#forget(saved);
      if (state['basis'] !== basis) {
        this.#options.log.info('the verdict begins anew: what is compared has changed', where);
        return undefined;
      }
      return {
        state: VerdictState.restore(String(state['counts']), optionsOf(policy, mirror)),
        since: Number(state['since']),
      };
    } catch (error) {
      this.#forget(saved);
      this.#options.log.warn('the verdict begins anew: what was stored cannot be read', {
        ...where,
        error: messageOf(error),
      });
      return undefined;
    }
  }

  /** It is taken up once: what was counted since would be missing in it. */
  #forget(saved: SavedVerdict): void {
    this.#saved = this.#saved.filter((one) => one !== saved);
  }

  #addTally(basis: string, tally: PairTally): void {
    const kept = this.#kept.get(tally.policy);
    const state = kept?.states.get(tally.mirror);
    if (kept?.basis !== basis || state === undefined) return;
    const routes = tally.routes.map((route) => ({
      ...route,
      route: kept.routes.adopt(route.route, route.pairs),
    }));
    state.add({ ...tally, routes });
    kept.verdict = undefined;
    kept.unsaved = true;
    this.#addMinute(tally);
  }

  #addMinute({ policy, mirror, routes }: PairTally): void {
    const at = Math.floor(this.#options.now() / MINUTE_MS) * MINUTE_MS;
    const key = JSON.stringify([at, policy, mirror]);
    const before = this.#minutes.get(key) ?? { pairs: 0, same: 0, different: 0, failures: 0 };
    let { pairs, same, failures } = before;
    for (const route of routes) {
      pairs += route.pairs;
      same += route.same;
      for (const [statuses, count] of Object.entries(route.statuses))
        if (statuses.endsWith('>failed')) failures += count;
    }
    this.#minutes.set(key, {
      at,
      policy,
      mirror,
      pairs,
      same,
      failures,
      different: Math.max(0, pairs - same - failures),
    });
  }

  #unsaved(): readonly SavedVerdict[] {
    const all: SavedVerdict[] = [];
    for (const [policy, kept] of this.#kept) {
      // What was counted by descriptors that are still to come must not be written over.
      if (kept.awaiting && this.#saved.some((saved) => saved.policy === policy)) continue;
      const verdict = kept.unsaved ? this.verdict(policy) : undefined;
      if (verdict === undefined) continue;
      kept.unsaved = false;
      for (const [mirror, state] of kept.states) {
        const { basis, since } = kept;
        all.push({
          policy,
          mirror,
          state: JSON.stringify({ basis, since, counts: state.save() }),
          verdict,
        });
      }
    }
    return all;
  }
}

function awaitsDescriptors({ compare: { protobuf } }: Policy): boolean {
  return protobuf.reflection !== undefined && protobuf.descriptors === undefined;
}

/** The same counts, by the gate of the policy as it is now. */
function rejudged(kept: KeptPolicy, policy: Policy): KeptPolicy {
  for (const mirror of policy.mirrors) {
    const state = kept.states.get(mirror.name);
    if (state !== undefined) kept.states.set(mirror.name, state.judgedBy(optionsOf(policy, mirror)));
  }
  kept.verdict = undefined;
  kept.unsaved = true;
  return kept;
}

function optionsOf({ compare, control }: Policy, { name }: MirrorSettings): VerdictOptions {
  const { repeat, assumed } = compare.noise;
  const source = repeat === undefined ? 'assumed' : 'repeat';
  return {
    mirror: name,
    gate: compare.gate,
    noise: { source: control === undefined ? source : 'control', assumed },
    // Templates that are known are routes beyond the limit of those that are learned.
    limits: {
      findings: compare.limits.findings,
      routes: compare.routes.limit + compare.routes.templates.length,
    },
  };
}
