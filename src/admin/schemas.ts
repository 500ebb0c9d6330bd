import { z } from 'zod';
import { INCOMPLETE_REASONS, MIRROR_FAILURES, NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import { GRPC_STATUSES } from '../model/rpc-status.ts';
import { CLOSE_REASONS, HTTP2_FAULT_REASONS, RESPONSE_CLASSES, UNFOLLOWED_REASONS } from '../model/status.ts';

/** What the API's JSON looks like, for its OpenAPI document. The types of `model` rule; `schemas.test.ts` holds these to them. */

const count = z.int().min(0);
const epochMs = z.number().describe('Milliseconds since the Unix epoch');

function counts<Key extends string>(keys: readonly Key[]) {
  return z.record(z.enum(keys), count);
}

const connections = z.strictObject({ open: count, accepted: count, refused: count });
const requests = z.strictObject({ http1: count, http2: count });
const pairs = z.strictObject({ same: count, different: count, incomplete: count });

export const summarySchema = z.strictObject({
  version: z.string(),
  startedAt: epochMs,
  uptimeMs: z.number(),
  listeners: count,
  connections,
  requests,
  exchanges: count,
  incomplete: counts(INCOMPLETE_REASONS),
  mirrored: count.describe('Copies sent, over all policies and mirrors'),
  notMirrored: counts(NOT_MIRRORED_REASONS),
  heldWrites: count.describe('Writes held back by "writes: hold"'),
  failures: counts(MIRROR_FAILURES),
  pairs,
  observerRestarts: count,
  tapeDroppedBytes: count,
  configReloads: z.strictObject({ reloaded: count, refused: count }),
});

export const tapSchema = z.strictObject({
  name: z.string(),
  address: z.string(),
  tls: z.enum(['off', 'passthrough', 'terminate']),
  workers: count,
  connections,
  closed: counts(CLOSE_REASONS),
  unfollowed: counts(UNFOLLOWED_REASONS),
  bytes: z.strictObject({ in: count, out: count }),
  endpoints: z.array(
    z.strictObject({
      url: z.string(),
      state: z.enum(['up', 'resting']),
      restingUntil: epochMs.optional(),
      connections: count,
      failures: count,
    }),
  ),
  tape: z.strictObject({ capacityBytes: count, usedBytes: count, droppedBytes: count }),
  observers: z.array(
    z.strictObject({
      id: count,
      state: z.enum(['starting', 'running', 'stalled']),
      restarts: count,
      connections: count,
      heapBytes: count,
    }),
  ),
  requests,
  exchanges: count,
  incomplete: counts(INCOMPLETE_REASONS),
  http2Faults: counts(HTTP2_FAULT_REASONS),
  resynchronised: count,
  unreadableHeads: count,
});

const mirrorSchema = z.strictObject({
  name: z.string(),
  url: z.string(),
  mirrored: count,
  notMirrored: counts(NOT_MIRRORED_REASONS),
  responses: counts(RESPONSE_CLASSES),
  calls: counts(GRPC_STATUSES).optional(),
  failures: counts(MIRROR_FAILURES),
  pairs,
  truncated: count,
  breaker: z.enum(['closed', 'half-open', 'open']),
  inFlight: count,
  queued: count,
  bufferedBytes: count,
});

export const policySchema = z.strictObject({
  name: z.string(),
  taps: z.array(z.string()),
  state: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('running') }),
    z.strictObject({
      kind: z.literal('paused'),
      by: z.enum(['operator', 'stopWhen']),
      reason: z.string(),
      since: epochMs,
    }),
  ]),
  percent: z.number().min(0).max(100),
  writes: z.enum(['hold', 'mirror']),
  order: z.enum(['none', 'connection']),
  matched: count,
  sampled: count,
  mirrors: z.array(mirrorSchema),
  control: mirrorSchema.optional(),
  reflection: z
    .strictObject({
      state: z.enum(['waiting', 'answered']),
      files: count,
      failures: count,
      error: z.string().optional(),
    })
    .optional(),
});

/** What may be sent with `pause`. */
export const pauseSchema = z.strictObject({
  reason: z.string().max(500).optional().describe('Shown wherever the paused policy is shown'),
});

export const readinessSchema = z.strictObject({ ok: z.boolean(), reason: z.string().optional() });

/** RFC 9457. */
export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
});
