import { z } from 'zod';
import { DIFFERENCE_KINDS, RISKS } from '../model/difference.ts';
import { PAIR_INCOMPLETE_REASONS } from '../model/tally.ts';
import { FINDING_CAUSES, VERDICT_STATES, VERDICT_VERSION } from '../model/verdict.ts';

/** What verdicts look like in JSON; see `schemas.ts`. */

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const epochMs = z.number().describe('Milliseconds since the Unix epoch');

const band = z.strictObject({
  estimate: z.number().optional(),
  lower: z.number().optional(),
  upper: z.number().optional(),
});

const latencySchema = z.strictObject({
  pairs: count,
  slowerShare: share.describe('Share of pairs whose mirror was slower than the gate allows'),
  quantiles: z.array(z.strictObject({ quantile: share, primary: band, reference: band, mirror: band })),
});

const routeShape = {
  route: z.string(),
  pairs: count,
  same: count,
  share: share.describe('Share of all pairs'),
  covered: z.boolean(),
  statuses: z.record(z.string(), count),
  latency: z.strictObject({ firstByte: latencySchema, total: latencySchema }),
  dispatchMicros: z.number().optional().describe("Median of Understudy's own hop"),
};

const findingShape = {
  id: z.string(),
  mirror: z.string(),
  route: z.string(),
  path: z.string(),
  kind: z.enum(DIFFERENCE_KINDS),
  risk: z.enum(RISKS),
  cause: z.enum(FINDING_CAUSES),
  established: z.boolean().describe("Proven beyond noise at the gate's error probability"),
  fails: z.boolean().describe('Established, of a class that the gate watches, and not drift'),
  eValue: z.number().min(0),
  pairs: count,
  mirrorOnly: count,
  referenceOnly: count,
  both: count,
  rate: share,
  lower: share,
  upper: share,
  firstSeen: epochMs,
  lastSeen: epochMs,
  sample: z.strictObject({
    exchange: z.string(),
    primary: z.string().optional(),
    other: z.string().optional(),
  }),
};

const gateSchema = z.strictObject({
  risk: z.enum(RISKS),
  rate: share,
  mirrorErrors: share,
  latency: z.strictObject({ rise: z.number().min(0), floorMs: z.number().min(0) }).optional(),
  alpha: share,
  minimumPairs: count,
  coveragePairs: count,
  coverageShare: share,
});

const mirrorSchema = z.strictObject({
  mirror: z.string(),
  state: z.enum(VERDICT_STATES),
  reasons: z.array(z.string()),
  pairs: z.strictObject({
    compared: count,
    same: count,
    referenced: count,
    incomplete: z.partialRecord(z.enum(PAIR_INCOMPLETE_REASONS), count),
  }),
  noise: z.strictObject({ source: z.enum(['control', 'repeat', 'assumed']), text: z.string() }),
  gate: gateSchema,
  rates: z.array(
    z.strictObject({
      name: z.enum(['differences', 'mirrorErrors']),
      estimate: share,
      lower: share,
      upper: share,
      allowed: share,
      ok: z.boolean(),
    }),
  ),
  pairsNeeded: z.number().min(0).optional().describe('More pairs needed for a decision'),
  uncovered: z.array(z.string()),
  findings: z.array(z.strictObject(findingShape)),
  routes: z.array(z.strictObject(routeShape)),
  heldWrites: count,
  turnedAway: z.strictObject({ findings: count, routes: count }),
});

export const verdictSchema = z.strictObject({
  version: z.literal(VERDICT_VERSION),
  policy: z.string(),
  state: z.enum(VERDICT_STATES).describe('The worst of its mirrors'),
  since: epochMs,
  at: epochMs,
  mirrors: z.array(mirrorSchema),
});

/** A finding on its own says which policy it is of. */
export const findingSchema = z.strictObject({ policy: z.string(), ...findingShape });

/** A route on its own says whose it is. */
export const routeSchema = z.strictObject({ policy: z.string(), mirror: z.string(), ...routeShape });

export const ignoreSchema = z.strictObject({
  rule: z.string().describe('YAML for "compare.ignore" of the policy'),
});

/** Part of a list, with what asks for the rest. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().optional().describe('"cursor" of the next page; absent at the end'),
  });
}
