import type { FaultRow } from './faults.ts';
import type { IdleRow } from './idle-cost.ts';
import type { Machine } from './machine.ts';
import type { BodiesRow } from './memory-bodies.ts';
import type { ConnectionsRow } from './memory-connections.ts';
import type { ThroughputResult } from './throughput.ts';

/** Everything one run measured; what was not asked for is empty. This is what the JSON file holds. */
export interface Results {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  readonly throughput: readonly ThroughputResult[];
  readonly faults: readonly FaultRow[];
  readonly connections: readonly ConnectionsRow[];
  readonly bodies: readonly BodiesRow[];
  readonly idle: readonly IdleRow[];
}
