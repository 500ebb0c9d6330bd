import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { ExampleSource, exampleExchangeSummary, exampleStore } from '../../test/fixtures/admin-source.ts';
import { exampleVerdict } from '../../test/fixtures/verdict.ts';
import { UserError } from '../kit/errors.ts';
import { silentLogger } from '../kit/log.ts';
import { startAdmin } from './server.ts';

async function start(source = new ExampleSource(), token?: string) {
  const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const admin = await startAdmin({ listen, token, source, log: silentLogger });
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${admin.url}/api/v1/${path}`, init);
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  return { source, ask, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

function ignoring(policy: string, finding: string): string {
  return `policies/${policy}/differences/${finding}/ignore`;
}

test('sends the verdict of a policy, its findings, routes and examples', async () => {
  await using api = await start();
  const verdict = await api.ask('policies/orders-v2/verdict');
  equal(verdict.status, 200);
  equal(verdict.body.state, exampleVerdict().state);
  const { items, next } = (await api.ask('differences')).body;
  deepEqual([items.length, next, items[0].policy], [4, undefined, 'orders-v2']);
  // JSON has no infinity.
  equal(items.find(({ path }: { readonly path: string }) => path === 'body.total').eValue, Number.MAX_VALUE);
  const routes = (await api.ask('routes?policy=orders-v2&mirror=v2')).body;
  deepEqual(
    routes.map(({ policy, mirror, route }: Record<string, string>) => [policy, mirror, route]),
    [
      ['orders-v2', 'v2', 'GET /api/orders/{id}'],
      ['orders-v2', 'v2', 'GET /api/health'],
    ],
  );
  deepEqual((await api.ask('routes?mirror=v3')).body, []);
  deepEqual(await api.ask('exchanges'), {
    status: 200,
    body: JSON.parse(JSON.stringify({ items: [exampleExchangeSummary], next: 'more' })),
  });
  deepEqual((await api.ask('store')).body, JSON.parse(JSON.stringify(exampleStore)));
});

test('sends an exchange with its bodies as text', async () => {
  await using api = await start();
  const [exchange] = (await api.ask('exchanges/e-1')).body;
  deepEqual(exchange.others[0].answer.body, {
    encoding: 'utf8',
    data: '{"id":7,"customer":{"name":"Ada"},"total":1243.50}',
  });
  equal(exchange.others[1].failure, 'timeout');
});

test('pages through findings', async () => {
  await using api = await start();
  const first = (await api.ask('differences?limit=3&fails=')).body;
  equal(first.items.length, 3);
  const second = (await api.ask(`differences?limit=3&cursor=${first.next}`)).body;
  deepEqual(
    [...first.items, ...second.items].map(({ path }) => path),
    ['body.customer.email', 'body.total', 'body.stock', 'body.hint'],
  );
  equal(second.next, undefined);
});

test('hands on what exchanges are asked for', async () => {
  await using api = await start();
  await api.ask('exchanges');
  deepEqual(api.source.asked, { limit: 50 });
  await api.ask(
    'exchanges?policy=p&mirror=m&route=GET+%2Fa%2F%7Bid%7D&method=GET&status=200&finding=f&different=false&after=1&before=2&limit=500&cursor=c',
  );
  deepEqual(api.source.asked, {
    policy: 'p',
    mirror: 'm',
    route: 'GET /a/{id}',
    method: 'GET',
    status: 200,
    finding: 'f',
    different: false,
    after: 1,
    before: 2,
    limit: 500,
    cursor: 'c',
  });
});

const refused: readonly (readonly [path: string, status: number, detail: RegExp])[] = [
  ['differences?risk=severe', 400, /risk has to be one of low, medium, high/],
  ['differences?limit=501', 400, /limit has to be a whole number from 1 to 500/],
  ['differences?limit=0', 400, /from 1 to 500/],
  ['differences?limit=1e2', 400, /from 1 to 500/],
  ['differences?fails=yes', 400, /fails has to be true or false/],
  ['differences?fails=true&fails=false', 400, /fails is given more than once/],
  ['differences?severity=high', 400, /"severity" is not known; there are policy, mirror, route, kind, risk/],
  ['differences?__proto__=x', 400, /is not known/],
  ['differences?cursor=x', 400, /"next" of the page before/],
  ['differences?policy=none', 404, /no policy "none"/],
  [`differences?route=${'x'.repeat(1025)}`, 400, /route has to be at most 1024 characters/],
  ['routes?policy=none', 404, /no policy "none"/],
  ['routes?limit=1', 400, /"limit" is not known/],
  ['exchanges?status=20', 400, /status has to be a whole number from 100 to 999/],
  ['exchanges?after=-1', 400, /after has to be a whole number/],
  ['exchanges?cursor=broken', 400, /"broken" is not a cursor/],
  ['exchanges/none', 404, /No such exchange/],
  ['policies/none/verdict', 404, /no policy "none"/],
  ['policies/a%2Fb%20%C3%BC/verdict', 404, /no verdict of "a\/b ü" yet/],
];
for (const [path, status, detail] of refused) {
  test(`answers ${path.slice(0, 60)} with ${status}`, async () => {
    await using api = await start();
    const answer = await api.ask(path);
    equal(answer.status, status);
    match(answer.body.detail, detail);
  });
}

test('a store that cannot be read is 503 and says why; another error is 500 and says nothing', async () => {
  const source = new ExampleSource();
  await using api = await start(source);
  source.unreadable = new UserError('the file is locked', { code: 'unavailable' });
  for (const path of ['exchanges', 'exchanges/e-1']) {
    const answer = await api.ask(path);
    deepEqual([answer.status, answer.body.detail], [503, 'The store: the file is locked.']);
  }
  source.unreadable = new Error('inner secret');
  const broken = await api.ask('exchanges');
  equal(broken.status, 500);
  equal(JSON.stringify(broken.body).includes('secret'), false);
});

test('ignoring a finding gives the rule, and 404 where there is none', async () => {
  await using api = await start();
  const { id } = exampleVerdict().mirrors[0]?.findings[0] ?? { id: '' };
  const post = { method: 'POST' };
  deepEqual(await api.ask(ignoring('orders-v2', id), post), {
    status: 200,
    body: { rule: '{ path: body.customer.email, kinds: [missing] }' },
  });
  equal((await api.ask(ignoring('orders-v2', 'none'), post)).status, 404);
  equal((await api.ask(ignoring('none', id), post)).status, 404);
  equal((await api.ask(ignoring('orders-v2', id))).status, 405);
  const foreign = { ...post, headers: { origin: 'http://evil.example' } };
  equal((await api.ask(ignoring('orders-v2', id), foreign)).status, 403);
});

test('nothing of a verdict or an exchange is open without the token', async () => {
  await using api = await start(new ExampleSource(), 'a-token-that-is-long');
  for (const path of [
    'policies/orders-v2/verdict',
    'differences',
    'routes',
    'exchanges',
    'exchanges/e-1',
    'store',
  ])
    equal((await api.ask(path)).status, 401, path);
  const post = { method: 'POST' };
  equal((await api.ask('policies/orders-v2/differences/x/ignore', post)).status, 401);
});
