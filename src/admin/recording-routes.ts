import { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { ApiProblem } from './problem.ts';
import { cursorParameter, flagParameter, limitParameter, readQuery, textParameter } from './query.ts';
import { exchangeJson } from '../model/recorded-json.ts';
import { exchangeSchema, exchangeSummarySchema, storeSchema } from './recording-schemas.ts';
import { JSON_TYPE, json } from './reply.ts';
import type { Route } from './route.ts';
import { pageSchema } from './verdict-schemas.ts';

const epochMs = z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional();

/** `ExchangeFilter` of the model. */
const exchangesQuery = {
  policy: textParameter,
  mirror: textParameter,
  route: textParameter.describe('As it is shown: "GET /api/orders/{id}"'),
  method: textParameter,
  status: z.int().min(100).max(999).optional().describe("Status of the primary's answer"),
  finding: textParameter.describe('Id of a finding: only its examples'),
  different: flagParameter.describe('Only those with, or without, a difference'),
  after: epochMs.describe('Milliseconds since the Unix epoch'),
  before: epochMs.describe('Milliseconds since the Unix epoch'),
  limit: limitParameter,
  cursor: cursorParameter,
};

export const RECORDING_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/exchanges',
    summary: 'Examples that are kept, newest first',
    query: exchangesQuery,
    answers: [
      {
        status: 200,
        description: 'A page of exchanges, without bodies',
        type: JSON_TYPE,
        schema: pageSchema(exchangeSummarySchema),
      },
    ],
    handle: async ({ source, target }) => {
      const filter = readQuery(target, exchangesQuery);
      return json(await readable(source.exchanges(given(filter))));
    },
  },
  {
    method: 'GET',
    path: '/api/v1/exchanges/{id}',
    summary: 'One exchange with its answers side by side, once for each policy that copied it',
    answers: [{ status: 200, description: 'The exchange', type: JSON_TYPE, schema: z.array(exchangeSchema) }],
    handle: async ({ source, params }) => {
      const exchanges = await readable(source.exchange(params['id'] ?? ''));
      if (exchanges.length === 0) throw new ApiProblem(404, 'No such exchange is kept.');
      return json(exchanges.map(exchangeJson));
    },
  },
  {
    method: 'GET',
    path: '/api/v1/store',
    summary: 'Where examples and verdicts are kept, and whether that works',
    answers: [{ status: 200, description: 'The store', type: JSON_TYPE, schema: storeSchema }],
    handle: ({ source }) => json(source.store()),
  },
];

/** Without what was not asked for. */
function given<Values extends object>(
  values: Values,
): { [Key in keyof Values]: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Values]: Exclude<Values[Key], undefined>;
  };
}

/** A store that cannot be read now is no fault of this program, and a cursor that is none is one of the caller. */
async function readable<Value>(reading: Promise<Value>): Promise<Value> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiProblem(error.code === 'usage' ? 400 : 503, `The store: ${error.message}.`);
  }
}
