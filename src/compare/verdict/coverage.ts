import { hasReference } from './options.ts';
import type { VerdictOptions } from './options.ts';
import { trialsOf } from './rates.ts';
import { trafficOf } from './route-counts.ts';
import type { RouteCounts } from './route-counts.ts';

export interface Coverage {
  readonly trials: number;
  readonly traffic: number;
  /** Routes with enough traffic to count, and too few pairs. */
  readonly uncovered: readonly string[];
  /** Times the present trials until they have enough; undefined when one of them has none at all. */
  readonly factor: number | undefined;
}

export function coverageOf(routes: readonly RouteCounts[], options: VerdictOptions): Coverage {
  const { coveragePairs, coverageShare } = options.gate;
  let traffic = 0;
  let trials = 0;
  for (const route of routes) {
    traffic += trafficOf(route);
    trials += trialsOf(route, options);
  }
  const uncovered: string[] = [];
  let factor: number | undefined = 1;
  for (const route of routes) {
    const has = trialsOf(route, options);
    if (has >= coveragePairs || trafficOf(route) < coverageShare * traffic) continue;
    uncovered.push(route.route);
    factor = factor === undefined || has === 0 ? undefined : Math.max(factor, coveragePairs / has);
  }
  return { trials, traffic, uncovered, factor };
}

/** Which pairs the counts above are of, for sentences. */
export function trialsName(options: VerdictOptions): string {
  return hasReference(options) ? 'pairs with a reference' : 'pairs';
}
