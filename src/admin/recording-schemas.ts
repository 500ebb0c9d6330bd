import { z } from 'zod';
import { DIFFERENCE_KINDS, RISKS } from '../model/difference.ts';
import { COMPLETENESS, MIRROR_FAILURES } from '../model/exchange.ts';

/** What recorded exchanges and the store look like in JSON; see `schemas.ts`. */

const count = z.int().min(0);
const epochMs = z.number().describe('Milliseconds since the Unix epoch');
const role = z.enum(['mirror', 'control', 'repeat']);
const headers = z.array(z.tuple([z.string(), z.string()])).describe('Name and value, in order of arrival');

export const exchangeSummarySchema = z.strictObject({
  id: z.string(),
  at: epochMs,
  policy: z.string(),
  route: z.string(),
  method: z.string(),
  target: z.string(),
  status: count,
  others: z.array(z.strictObject({ name: z.string(), role, status: count.optional(), differences: count })),
});

const bodySchema = z
  .strictObject({
    encoding: z.enum(['utf8', 'base64']),
    data: z.string(),
  })
  .describe(
    'The start of the body: as text where it is UTF-8 without a content coding, else its bytes in base64',
  );

const answerSchema = z.strictObject({
  status: count,
  headers,
  body: bodySchema,
  bodyBytes: count.describe('Length of the whole body'),
  firstByteMicros: z.number().min(0),
  totalMicros: z.number().min(0),
});

export const exchangeSchema = z.strictObject({
  id: z.string(),
  tap: z.string(),
  policy: z.string(),
  route: z.string(),
  at: epochMs,
  source: z.string(),
  completeness: z.enum(COMPLETENESS).optional(),
  request: z.strictObject({
    method: z.string(),
    target: z.string(),
    authority: z.string(),
    headers,
    bodyBytes: count,
  }),
  primary: answerSchema,
  others: z.array(
    z.strictObject({
      name: z.string(),
      role,
      answer: answerSchema.optional(),
      failure: z.enum(MIRROR_FAILURES).optional(),
      differences: z.array(
        z.strictObject({
          kind: z.enum(DIFFERENCE_KINDS),
          path: z.string(),
          risk: z.enum(RISKS),
          primary: z.string().optional(),
          other: z.string().optional(),
        }),
      ),
    }),
  ),
});

export const storeSchema = z.strictObject({
  file: z.string().describe('"memory" when there is no file'),
  state: z.enum(['open', 'failing']),
  error: z.string().optional(),
  bytes: count,
  maxBytes: count,
  exchanges: count,
  dropped: count.describe('Turned away since the start'),
});
