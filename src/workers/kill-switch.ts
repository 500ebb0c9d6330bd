import { createHistogram } from '../kit/histogram.ts';
import type { Histogram } from '../kit/histogram.ts';
import { totalOf } from '../kit/counts.ts';
import { createStopSwitch } from '../mirror/stop-when.ts';
import type { StopReport, StopSwitch } from '../mirror/stop-when.ts';
import type { Policy } from '../model/policy.ts';
import type { ObserverReport } from './messages.ts';

/** Totals since the start, from which each second's share is taken. */
interface Totals {
  readonly copies: number;
  readonly failures: number;
  readonly serverErrors: number;
  readonly primary: Histogram;
}

interface Watched {
  readonly stopWhen: string;
  readonly stop: StopSwitch;
  before: Totals;
  measuring: boolean;
}

export interface KillSwitchActions {
  /** Copies have to wait until it is known how fast the primary is without them. */
  measure(policy: string): void;
  measured(policy: string): void;
  stop(policy: string, reason: string): void;
}

/** Feeds every policy's kill switch once a second, and carries out what it says. */
export class KillSwitch {
  readonly #actions: KillSwitchActions;
  readonly #watched = new Map<string, Watched>();

  constructor(actions: KillSwitchActions) {
    this.#actions = actions;
  }

  /**
   * @param report everything counted so far, over all observers
   * @param stopped policies that are paused for another reason than measuring; nothing is decided about them
   */
  observe(policies: readonly Policy[], report: ObserverReport, stopped: ReadonlySet<string>): void {
    const names = new Set(policies.map(({ name }) => name));
    for (const name of this.#watched.keys()) if (!names.has(name)) this.#watched.delete(name);
    for (const policy of policies)
      this.#observePolicy(policy, totalsOf(policy.name, report), stopped.has(policy.name));
  }

  /** An operator resumes a policy: what was measured before does not count any more. */
  forget(policy: string): void {
    this.#watched.delete(policy);
  }

  #observePolicy(policy: Policy, totals: Totals, stopped: boolean): void {
    const { stopWhen, name } = policy;
    if (stopWhen.mirrorErrors === undefined && stopWhen.primaryLatencyRise === undefined) {
      // What it was measuring for is gone.
      if (this.#watched.get(name)?.measuring === true) this.#actions.measured(name);
      this.forget(name);
      return;
    }
    const watched = this.#watch(policy, totals);
    const second = difference(totals, watched.before);
    watched.before = totals;
    if (stopped) return;
    const decision = watched.stop.report(second, performance.now());
    if (decision.kind === 'measure' && !watched.measuring) {
      watched.measuring = true;
      this.#actions.measure(name);
    } else if (decision.kind !== 'measure' && watched.measuring) {
      watched.measuring = false;
      this.#actions.measured(name);
    }
    if (decision.kind === 'stop') {
      this.forget(name);
      this.#actions.stop(name, decision.reason);
    }
  }

  #watch({ name, stopWhen }: Policy, totals: Totals): Watched {
    const text = JSON.stringify(stopWhen);
    const known = this.#watched.get(name);
    if (known !== undefined && known.stopWhen === text) return known;
    const measuring = known?.measuring ?? false;
    const watched = { stopWhen: text, stop: createStopSwitch(stopWhen), before: totals, measuring };
    this.#watched.set(name, watched);
    return watched;
  }
}

function totalsOf(policy: string, report: ObserverReport): Totals {
  const mirrors = report.policies.find(({ name }) => name === policy)?.mirrors ?? [];
  const sum = (of: (mirror: (typeof mirrors)[number]) => number) =>
    mirrors.reduce((total, one) => total + of(one), 0);
  const failures = sum((mirror) => totalOf(mirror.failures));
  return {
    copies: failures + sum((mirror) => totalOf(mirror.responses)),
    failures,
    serverErrors: sum((mirror) => mirror.responses['5xx']),
    primary:
      report.durations.find((one) => one.role === 'primary' && one.policy === policy)?.histogram ??
      createHistogram(),
  };
}

/** What came since `before`; never negative, though an observer that failed may have lost a second of its counts. */
function difference(now: Totals, before: Totals): StopReport {
  const less = (key: 'copies' | 'failures' | 'serverErrors') => Math.max(0, now[key] - before[key]);
  const primary = createHistogram();
  for (const [bucket, count] of now.primary.buckets.entries()) {
    primary.buckets[bucket] = Math.max(0, count - (before.primary.buckets[bucket] ?? 0));
  }
  primary.count = primary.buckets.reduce((sum, count) => sum + count, 0);
  primary.sumMicros = Math.max(0, now.primary.sumMicros - before.primary.sumMicros);
  return { copies: less('copies'), failures: less('failures'), serverErrors: less('serverErrors'), primary };
}
