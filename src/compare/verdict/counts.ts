import type { RouteCounts } from './route-counts.ts';

/** Everything that a verdict on a mirror is made from. */
export interface MirrorCounts {
  readonly routes: Map<string, RouteCounts>;
  heldWrites: number;
  findingsTurnedAway: number;
  routesTurnedAway: number;
  /** Findings that were ever given a place in the table. */
  started: number;
}

export function createMirrorCounts(): MirrorCounts {
  return { routes: new Map(), heldWrites: 0, findingsTurnedAway: 0, routesTurnedAway: 0, started: 0 };
}
