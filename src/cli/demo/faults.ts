import type { Question, Reply } from './orders.ts';

/** What is wrong with the demo's mirror. Each is stated, so that what Understudy finds can be checked against it. */
export interface Fault {
  readonly what: string;
  /** Whether it strikes this request; `turn` counts the requests that this fault could strike, from 1. */
  readonly strikes: (turn: number) => boolean;
  readonly concerns: (question: Question, reply: Reply) => boolean;
  readonly spoil: (reply: Reply) => Reply;
}

export const FAULTS: readonly Fault[] = [
  {
    what: 'GET /api/orders/{id}: "currency" is missing in 1 of 10 answers',
    concerns: ({ target }, { status }) => status === 200 && /^\/api\/orders\/\d/.test(target),
    strikes: (turn) => turn % 10 === 0,
    spoil: (reply) => withBody(reply, (body) => ({ ...body, currency: undefined })),
  },
  {
    what: 'GET /api/orders/{id}: 200 instead of 404 for an order that does not exist, always',
    concerns: ({ target }, { status }) => status === 404 && /^\/api\/orders\/\d/.test(target),
    strikes: () => true,
    spoil: (reply) => ({ ...reply, status: 200, body: {} }),
  },
  {
    what: 'GET /api/orders: the list is in another order in 1 of 20 answers',
    concerns: ({ method, target }) => method === 'GET' && /^\/api\/orders(?:\?|$)/.test(target),
    strikes: (turn) => turn % 20 === 0,
    spoil: (reply) =>
      withBody(reply, (body) => ({
        ...body,
        orders: Array.isArray(body['orders']) ? body['orders'].toReversed() : [],
      })),
  },
  {
    what: 'GET /api/search: 40 ms slower, always',
    concerns: ({ target }) => target.startsWith('/api/search'),
    strikes: () => true,
    spoil: (reply) => ({ ...reply, delayMs: reply.delayMs + 40 }),
  },
  {
    what: 'GET /api/search: 500 in 1 of 50 answers',
    concerns: ({ target }) => target.startsWith('/api/search'),
    strikes: (turn) => turn % 50 === 0,
    spoil: (reply) => ({ ...reply, status: 500, body: { error: 'search is down' } }),
  },
];

/** Makes a function that puts the faults into replies, each in its turn. */
export function faultsInTurn(faults: readonly Fault[]): (question: Question, reply: Reply) => Reply {
  const turns = faults.map(() => 0);
  return (question, reply) => {
    let spoilt = reply;
    for (const [i, fault] of faults.entries()) {
      if (!fault.concerns(question, reply)) continue;
      const turn = (turns[i] ?? 0) + 1;
      turns[i] = turn;
      if (fault.strikes(turn)) spoilt = fault.spoil(spoilt);
    }
    return spoilt;
  };
}

function withBody(reply: Reply, change: (body: Readonly<Record<string, unknown>>) => object): Reply {
  return typeof reply.body === 'string' ? reply : { ...reply, body: change({ ...reply.body }) };
}
