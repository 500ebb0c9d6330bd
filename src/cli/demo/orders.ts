import { randomUUID } from 'node:crypto';

/** What the demo's services answer: a small orders API. The same request gets the same answer, but for the noise. */
export interface Reply {
  /** 0: the connection is closed instead. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON when it is an object, else text. */
  readonly body: object | string;
  readonly delayMs: number;
}

export interface Question {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly body: string;
}

export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly status: 'open' | 'paid' | 'shipped';
  readonly currency: string;
  readonly total: number;
  readonly paid: boolean;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
}

export const ORDERS = 200;
const CUSTOMERS = ['ada', 'ben', 'chloe', 'dev', 'elif', 'finn'];
const STATES = ['open', 'paid', 'shipped'] as const;

export function orderOf(id: number): Order | undefined {
  if (!Number.isInteger(id) || id < 1 || id > ORDERS) return undefined;
  return {
    id,
    customer: CUSTOMERS[id % CUSTOMERS.length] ?? '',
    status: STATES[id % STATES.length] ?? 'open',
    currency: id % 4 === 0 ? 'USD' : 'EUR',
    total: ((id * 7919) % 50_000) / 100,
    paid: id % 3 !== 0,
    items: Array.from({ length: 1 + (id % 3) }, (_, i) => ({
      sku: `sku-${(id * 31 + i * 7) % 97}`,
      quantity: 1 + (i % 2),
    })),
  };
}

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Orders</title></head>
<body><h1>Orders</h1><p>GET /api/orders, /api/orders/7, /api/search?q=ada; POST /api/orders</p></body></html>
`;

/** In this share of the answers a value is another one than usual, in each service on its own. */
const NOISE = 0.05;

/**
 * The answer of the primary's version. Its noise: `generatedAt` and the request id never repeat, and now and then the stock
 * is another one and the recommendations come in another order.
 */
export function answer(question: Question): Reply {
  const url = new URL(question.target, 'http://demo');
  const reply = route(question, url);
  return { ...reply, headers: { 'x-request-id': randomUUID(), ...reply.headers } };
}

function route({ method, body }: Question, url: URL): Reply {
  const { pathname, searchParams } = url;
  if (pathname === '/api/orders' && method === 'POST') return created(body);
  if (method !== 'GET' && method !== 'HEAD') return json({ error: 'method not allowed' }, 405);
  if (pathname === '/')
    return {
      status: 200,
      headers: { 'content-type': 'text/html', 'cache-control': 'max-age=60' },
      body: PAGE,
      delayMs: 0,
    };
  if (pathname === '/api/orders') return list(Number(searchParams.get('page') ?? 0));
  if (pathname === '/api/search') return search(searchParams.get('q') ?? '');
  const id = /^\/api\/orders\/(\d+)$/.exec(pathname)?.[1];
  const order = id === undefined ? undefined : orderOf(Number(id));
  return order === undefined ? json({ error: 'not found' }, 404) : json({ ...order, stock: 40 + noise() });
}

function list(page: number): Reply {
  const first = (Number.isInteger(page) && page > 0 ? page : 0) * 10 + 1;
  const orders = Array.from({ length: 10 }, (_, i) => orderOf(first + i)).filter(
    (order) => order !== undefined,
  );
  const recommended = noise() === 0 ? ['tea', 'cake', 'jam'] : ['jam', 'tea', 'cake'];
  const tags = ['new', 'open', 'all'];
  return json({ generatedAt: new Date().toISOString(), total: ORDERS, orders, recommended, tags });
}

/** 0 but for a small share of the calls. */
function noise(): number {
  return Math.random() < NOISE ? 1 + Math.floor(Math.random() * 5) : 0;
}

function search(query: string): Reply {
  const found = Array.from({ length: ORDERS }, (_, i) => orderOf(i + 1))
    .filter((order) => order?.customer === query)
    .map((order) => order?.id);
  return { ...json({ query, found }), delayMs: 2 };
}

function created(body: string): Reply {
  try {
    const { customer } = JSON.parse(body) as { readonly customer?: unknown };
    if (typeof customer === 'string') return json({ id: ORDERS + 1, customer, status: 'open' }, 201);
  } catch {
    // Answered below like every other bad order.
  }
  return json({ error: 'an order needs a customer' }, 400);
}

function json(value: object, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: value, delayMs: 0 };
}
