import { z } from 'zod';
import { BEGIN_KINDS, SEGMENT_KINDS } from '../model/capture-status.ts';
import {
  COMPLETENESS,
  INCOMPLETE_REASONS,
  MIRROR_FAILURES,
  NOT_MIRRORED_REASONS,
} from '../model/exchange.ts';
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
  captures: count,
  connections,
  requests,
  exchanges: count,
  incomplete: counts(INCOMPLETE_REASONS),
  completeness: counts(COMPLETENESS),
  packets: z
    .strictObject({
      seen: count,
      bytes: count,
      lost: count,
      duplicates: count,
      retransmitted: count,
      cut: count,
      faults: count,
      missingBytes: count,
      givenUp: count,
    })
    .describe('All captures together'),
  mirrored: count.describe('Copies sent, over all policies and mirrors'),
  notMirrored: counts(NOT_MIRRORED_REASONS),
  heldWrites: count.describe('Writes held back by "writes: hold"'),
  failures: counts(MIRROR_FAILURES),
  pairs,
  observerRestarts: count,
  tapeDroppedBytes: count,
  configReloads: z.strictObject({ reloaded: count, refused: count }),
});

const kinds = z.record(z.string(), count);

/** What every tap has. */
const observed = {
  name: z.string(),
  connections,
  unfollowed: counts(UNFOLLOWED_REASONS),
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
  completeness: counts(COMPLETENESS),
  http2Faults: counts(HTTP2_FAULT_REASONS),
  resynchronised: count,
  unreadableHeads: count,
};

const listenerTapSchema = z.strictObject({
  kind: z.literal('listener'),
  ...observed,
  address: z.string(),
  tls: z.enum(['off', 'passthrough', 'terminate']),
  workers: count,
  closed: counts(CLOSE_REASONS),
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
});

const captureTapSchema = z.strictObject({
  kind: z.literal('capture'),
  ...observed,
  source: z.string().describe('What it reads, in words'),
  state: z.enum(['starting', 'running', 'over', 'failed']),
  problem: z.string().optional(),
  packets: count,
  bytes: count,
  cut: count.describe('Packets that were captured in part only'),
  lost: kinds.describe('Packets that never reached the capture, by who lost them'),
  faults: kinds.describe('Packets that could not be read, by what is wrong with them'),
  fileFaults: kinds.describe('What is wrong with the capture file or stream'),
  tunnels: kinds.describe('What packets were wrapped in'),
  segments: counts(SEGMENT_KINDS),
  missingBytes: kinds.describe('Bytes of streams that did not come, by why'),
  begins: counts(BEGIN_KINDS),
  left: kinds.describe('Connections given up before their end, by why'),
  tls: z.strictObject({
    connections: count,
    decrypted: count,
    opaque: kinds,
    names: z.array(z.strictObject({ name: z.string(), connections: count })),
    secrets: count,
  }),
  sourceRestarts: count,
});

export const tapSchema = z.discriminatedUnion('kind', [listenerTapSchema, captureTapSchema]);

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
