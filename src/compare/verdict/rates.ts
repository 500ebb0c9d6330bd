import { RISKS } from '../../model/difference.ts';
import type { Discordance } from '../../model/tally.ts';
import type { RateVerdict } from '../../model/verdict.ts';
import { excessInterval, logEvalueAbove, logEvalueBelow } from '../statistics/excess-interval.ts';
import type { ExcessCounts } from '../statistics/excess-interval.ts';
import { causeOf } from './finding-counts.ts';
import { isGated } from './gate-risk.ts';
import { hasReference } from './options.ts';
import type { VerdictOptions } from './options.ts';
import { addDiscordance, noDiscordance } from './route-counts.ts';
import type { RouteCounts } from './route-counts.ts';

/** A rate that the gate limits, over all routes. */
export interface GatedRate {
  readonly verdict: RateVerdict;
  readonly counts: ExcessCounts;
  /** Log of the e-value against "it is at most what is allowed". */
  readonly logEvalueOver: number;
}

/** Pairs that count: all, or those with a reference where there is one. */
export function trialsOf(route: RouteCounts, options: VerdictOptions): number {
  return hasReference(options) ? route.referenced : route.pairs;
}

/**
 * The share of pairs with a difference of the gate's class or above, and that of unanswered copies, both beyond what the
 * reference shows by itself.
 *
 * Pairs after a held write say nothing, so they are left out of the share of differences, as far as the counts show them:
 * on each route as many as the finding has that was seen most often after one.
 *
 * Without a reference the share holds the noise as well. What the user assumes to be noise on any path is then not held
 * against the mirror: the larger of that and the gate's rate is allowed. Above it nothing fails by the share alone, since
 * many paths with a little noise each may add up to more.
 *
 * @param blind there may be drift among differences that found no place in the table, so that a share proves no fault
 */
export function gatedRates(
  routes: Iterable<RouteCounts>,
  options: VerdictOptions,
  blind: boolean,
): readonly GatedRate[] {
  const { gate, noise } = options;
  const differences = noDiscordance();
  const failures = noDiscordance();
  let trials = 0;
  let drifted = 0;
  let drifting = 0;
  for (const route of routes) {
    for (const risk of RISKS) if (isGated(risk, gate.risk)) addDiscordance(differences, route.worst[risk]);
    addDiscordance(failures, route.failures);
    trials += trialsOf(route, options);
    let most = 0;
    for (const finding of route.findings.values()) {
      if (!isGated(finding.risk, gate.risk)) continue;
      most = Math.max(most, finding.afterHeldWrite);
      drifting += causeOf(finding) === 'state_drift' ? finding.mirrorOnly : finding.afterHeldWrite;
    }
    drifted += most;
  }
  const referenced = hasReference(options);
  const counted = countsOf(differences, trials, referenced, drifted);
  // To fail, all that may be drift is left out; to pass, only what surely is.
  const certain = countsOf(differences, trials, referenced, drifting);
  return [
    rate(
      'differences',
      counted,
      blind || !referenced ? undefined : certain,
      referenced ? gate.rate : Math.max(gate.rate, noise.assumed),
      gate.alpha,
    ),
    rate(
      'mirrorErrors',
      countsOf(failures, trials, referenced, 0),
      countsOf(failures, trials, referenced, 0),
      gate.mirrorErrors,
      gate.alpha,
    ),
  ];
}

function countsOf(
  sums: Required<Discordance>,
  trials: number,
  referenced: boolean,
  drifted: number,
): ExcessCounts {
  const unreferenced = referenced ? sums.unreferenced : 0;
  const pairs = Math.max(0, trials - drifted);
  const mirrorOnly = Math.min(Math.max(0, sums.mirrorOnly - unreferenced - drifted), pairs);
  const referenceOnly = referenced ? Math.min(sums.referenceOnly, pairs) : 0;
  return { mirrorOnly, referenceOnly, pairs };
}

function rate(
  name: RateVerdict['name'],
  counts: ExcessCounts,
  certain: ExcessCounts | undefined,
  allowed: number,
  alpha: number,
): GatedRate {
  const { lower, upper } = excessInterval(counts, alpha);
  // Asked directly: the bound itself is rounded outwards.
  const ok = counts.pairs > 0 && (allowed >= 1 || logEvalueBelow(counts, allowed) >= Math.log(2 / alpha));
  const estimate = counts.pairs === 0 ? 0 : (counts.mirrorOnly - counts.referenceOnly) / counts.pairs;
  return {
    verdict: {
      name,
      estimate: share(estimate),
      lower: share(lower),
      upper: ok ? Math.min(share(upper), allowed) : share(upper),
      allowed,
      ok,
    },
    counts,
    logEvalueOver:
      certain === undefined || certain.pairs === 0 || allowed >= 1 ? 0 : logEvalueAbove(certain, allowed),
  };
}

/** Fewer differences than the reference has are none. */
export function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}
