import type { DifferenceKind } from '../../model/difference.ts';
import type { Question, Reply } from './orders.ts';
import { STOCK_METHOD } from './stock.ts';
import type { StockReply, StockRequest } from './stock.ts';

/** What is wrong with the demo's mirror. Each is stated, so that what Understudy finds can be checked against it. */
export interface PlantedFault {
  readonly what: string;
  /** It strikes one of this many requests that it concerns. */
  readonly oneIn: number;
  /** The findings that it must lead to. */
  readonly findings: readonly PlantedFinding[];
}

export interface Fault<Asked, Answered> extends PlantedFault {
  readonly concerns: (question: Asked, reply: Answered) => boolean;
  readonly spoil: (reply: Answered) => Answered;
}

export interface PlantedFinding {
  readonly route: string;
  readonly path: string;
  readonly kind: DifferenceKind;
}

const ORDER = 'GET /api/orders/{id}';
const LIST = 'GET /api/orders';
const SEARCH = 'GET /api/search';

const isOrder = ({ target }: Question, { status }: Reply): boolean =>
  status === 200 && /^\/api\/orders\/\d/.test(target);
const isUnknownOrder = ({ target }: Question, { status }: Reply): boolean =>
  status === 404 && /^\/api\/orders\/\d/.test(target);
const isList = ({ method, target }: Question): boolean =>
  method === 'GET' && /^\/api\/orders(?:\?|$)/.test(target);
const isSearch = ({ target }: Question): boolean => target.startsWith('/api/search');

/** From 100 % down to 0.1 %, one of every kind of difference. */
export const ORDER_FAULTS: readonly Fault<Question, Reply>[] = [
  {
    what: '200 instead of 404 for an order that does not exist',
    oneIn: 1,
    concerns: isUnknownOrder,
    spoil: (reply) => ({ ...reply, status: 200, body: {} }),
    findings: [{ route: ORDER, path: 'status', kind: 'status' }],
  },
  {
    what: 'a new field "loyalty"',
    oneIn: 1,
    concerns: isOrder,
    spoil: (reply) => withBody(reply, (body) => ({ ...body, loyalty: 'gold' })),
    findings: [{ route: ORDER, path: 'body.loyalty', kind: 'added' }],
  },
  {
    what: 'cache-control is no-store instead of max-age=60',
    oneIn: 1,
    concerns: ({ target }) => target === '/',
    spoil: (reply) => ({ ...reply, headers: { ...reply.headers, 'cache-control': 'no-store' } }),
    findings: [{ route: 'GET /', path: 'header.cache-control', kind: 'header' }],
  },
  {
    what: '40 ms slower',
    oneIn: 1,
    concerns: isSearch,
    spoil: (reply) => ({ ...reply, delayMs: reply.delayMs + 40 }),
    findings: [
      { route: SEARCH, path: 'latency.firstByte', kind: 'latency' },
      { route: SEARCH, path: 'latency.total', kind: 'latency' },
    ],
  },
  {
    what: '"currency" is missing',
    oneIn: 10,
    concerns: isOrder,
    spoil: (reply) => withBody(reply, (body) => ({ ...body, currency: undefined })),
    findings: [{ route: ORDER, path: 'body.currency', kind: 'missing' }],
  },
  {
    what: 'the orders come the other way round',
    oneIn: 20,
    concerns: isList,
    spoil: (reply) => withOrders(reply, (orders) => orders.toReversed()),
    findings: [{ route: LIST, path: 'body.orders', kind: 'order' }],
  },
  {
    what: '500',
    oneIn: 50,
    concerns: isSearch,
    spoil: (reply) => ({ ...reply, status: 500, body: { error: 'search is down' } }),
    findings: [{ route: SEARCH, path: 'status', kind: 'status' }],
  },
  {
    what: '"paid" is text instead of a truth value',
    oneIn: 100,
    concerns: isOrder,
    spoil: (reply) => withBody(reply, (body) => ({ ...body, paid: String(body['paid']) })),
    findings: [{ route: ORDER, path: 'body.paid', kind: 'type' }],
  },
  {
    what: 'the last tag is cut off',
    oneIn: 100,
    concerns: isList,
    spoil: (reply) =>
      withBody(reply, (body) => ({
        ...body,
        tags: Array.isArray(body['tags']) ? body['tags'].slice(0, -1) : [],
      })),
    findings: [{ route: LIST, path: 'body.tags', kind: 'length' }],
  },
  {
    what: 'the connection is closed instead of an answer',
    oneIn: 50,
    concerns: ({ target }) => target === '/',
    spoil: (reply) => ({ ...reply, status: 0 }),
    findings: [{ route: 'GET /', path: 'failure.closed', kind: 'failure' }],
  },
  {
    what: 'the total is a cent too high',
    oneIn: 1000,
    concerns: isOrder,
    spoil: (reply) =>
      withBody(reply, (body) => ({ ...body, total: Math.round(Number(body['total']) * 100 + 1) / 100 })),
    findings: [{ route: ORDER, path: 'body.total', kind: 'value' }],
  },
];

const STOCK = `POST ${STOCK_METHOD}`;

export const STOCK_FAULTS: readonly Fault<StockRequest, StockReply>[] = [
  {
    what: 'OK instead of NOT_FOUND for a product that does not exist',
    oneIn: 1,
    concerns: (_, { status }) => status !== 0,
    spoil: (reply) => ({ ...reply, status: 0 }),
    findings: [{ route: STOCK, path: 'grpc.status', kind: 'status' }],
  },
  {
    what: 'the quantity is one too high',
    oneIn: 20,
    concerns: (_, { status }) => status === 0,
    spoil: (reply) => ({ ...reply, quantity: reply.quantity + 1 }),
    findings: [{ route: STOCK, path: 'body.quantity', kind: 'value' }],
  },
];

export const FAULTS: readonly PlantedFault[] = [...ORDER_FAULTS, ...STOCK_FAULTS];

/** Makes a function that puts the faults into replies, each in its turn. */
export function faultsInTurn<Asked, Answered>(
  faults: readonly Fault<Asked, Answered>[],
): (question: Asked, reply: Answered) => Answered {
  const turns = faults.map(() => 0);
  return (question, reply) => {
    let spoilt = reply;
    for (const [i, fault] of faults.entries()) {
      if (!fault.concerns(question, reply)) continue;
      const turn = (turns[i] ?? 0) + 1;
      turns[i] = turn;
      if (turn % fault.oneIn === 0) spoilt = fault.spoil(spoilt);
    }
    return spoilt;
  };
}

function withBody(reply: Reply, change: (body: Readonly<Record<string, unknown>>) => object): Reply {
  return typeof reply.body === 'string' ? reply : { ...reply, body: change({ ...reply.body }) };
}

function withOrders(reply: Reply, change: (orders: readonly unknown[]) => readonly unknown[]): Reply {
  return withBody(reply, (body) => ({
    ...body,
    orders: Array.isArray(body['orders']) ? change(body['orders']) : [],
  }));
}
