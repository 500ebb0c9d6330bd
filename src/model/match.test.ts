import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, RequestHead } from './exchange.ts';
import { compileMatcher } from './match.ts';
import { explain } from './match-explain.ts';
import type { Match, NamedMatch } from './policy.ts';
import { requestHead } from './request-head.ts';
import { testConnection, testMatch, testPolicy } from './fixtures.ts';

interface Case {
  readonly what: string;
  readonly match: Partial<Match>;
  readonly yes: readonly (RequestHead | Connection)[];
  readonly no: readonly (RequestHead | Connection)[];
}

const get = (target: string, ...fields: (readonly [string, string])[]): RequestHead =>
  requestHead('GET', target, fields);
const host = (authority: string): RequestHead => get('/', ['Host', authority]);
const from = (ip: string): Connection => testConnection({ source: { ip, port: 1 } });
const exact = (name: string, value: string): NamedMatch => ({ type: 'Exact', name, value });
const regex = (name: string, value: string): NamedMatch => ({ type: 'RegularExpression', name, value });
const gets = (...targets: string[]): RequestHead[] => targets.map((target) => get(target));

const cases: readonly Case[] = [
  {
    what: 'nothing asked',
    match: {},
    yes: [get('/'), get(''), requestHead('CONNECT', 'a:443'), requestHead('OPTIONS', '*')],
    no: [],
  },
  {
    what: 'an exact path',
    match: { path: { type: 'Exact', value: '/api' } },
    yes: gets(
      '/api',
      '/api?x=/',
      'http://h/api',
      '/%61pi',
      '/x/../api',
      '/./api',
      '/x/%2e%2E/api',
      '/../api',
    ),
    no: gets('/api/', '/Api', '/apix', '/', '/api/x', '//api', '/api%2F'),
  },
  {
    what: 'a gRPC service',
    match: { grpc: { type: 'Exact', service: 'shop.v1.Orders', method: undefined } },
    yes: [
      requestHead('POST', '/shop.v1.Orders/Get'),
      requestHead('POST', 'http://h/shop.v1.Orders/List?x=1'),
    ],
    no: [...gets('/shop.v1.Orders', '/shop.v1.Orders/', '/shop.v1.Order/Get', '/shop.v1.Orders/Get/x', '/')],
  },
  {
    what: 'a gRPC method',
    match: { grpc: { type: 'Exact', service: undefined, method: 'Get' } },
    yes: [requestHead('POST', '/shop.v1.Orders/Get'), requestHead('POST', '/Orders/Get')],
    no: [...gets('/shop.v1.Orders/GetAll', '/Get', '/a/b/Get')],
  },
  {
    what: 'gRPC services and methods by patterns',
    match: { grpc: { type: 'RegularExpression', service: 'shop\\..*', method: 'Get|List' } },
    yes: [requestHead('POST', '/shop.v1.Orders/Get'), requestHead('POST', '/shop.Items/List')],
    no: [...gets('/shop.v1.Orders/Put', '/bank.shop.Items/Get', '/shop.v1.Orders/GetAll')],
  },
  {
    what: 'a path prefix',
    match: { path: { type: 'PathPrefix', value: '/api' } },
    yes: gets('/api', '/api/', '/api/x', '/api?x', '/%61pi/x', '/api//x', '/y/../api/x', '/api/x/..'),
    no: gets('/apix', '/', '', '/x/api', '/API/x', '/api%2Fx', '/api/..', '/api/../x'),
  },
  {
    what: 'a path prefix with a slash at its end',
    match: { path: { type: 'PathPrefix', value: '/api/v1/' } },
    yes: gets('/api/v1', '/api/v1/', '/api/v1/x'),
    no: gets('/api/v11', '/api', '/api/'),
  },
  {
    what: 'the prefix of everything',
    match: { path: { type: 'PathPrefix', value: '/' } },
    yes: gets('/', '/x', '', 'http://h'),
    no: [],
  },
  {
    what: 'an encoded prefix',
    match: { path: { type: 'PathPrefix', value: '/caf%c3%a9' } },
    yes: gets('/caf%C3%A9/x', '/caf%c3%a9'),
    no: gets('/cafe'),
  },
  {
    what: 'a path pattern, of the whole path',
    match: { path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } },
    yes: gets('/v1/', '/v12/x/y'),
    no: gets('/v1', '/x/v1/', '/vx/'),
  },
  {
    what: 'a method',
    match: { method: 'GET' },
    yes: [get('/')],
    no: [requestHead('HEAD', '/'), requestHead('get', '/')],
  },
  {
    what: 'a header, whatever the case of its name',
    match: { headers: [exact('x-env', 'prod')] },
    yes: [get('/', ['X-Env', 'prod']), get('/', ['x-env', 'prod'], ['x-env', 'test'])],
    no: [
      get('/'),
      get('/', ['x-env', 'Prod']),
      get('/', ['x-env', 'production']),
      get('/', ['x-env', 'test'], ['x-env', 'prod']),
    ],
  },
  {
    what: 'a header pattern, of the whole value',
    match: { headers: [regex('x-env', 'prod|stage')] },
    yes: [get('/', ['x-env', 'stage'])],
    no: [get('/'), get('/', ['x-env', 'stage2']), get('/', ['x-env', ''])],
  },
  {
    what: 'an empty pattern needs the header to be there',
    match: { headers: [regex('x-env', '.*')] },
    yes: [get('/', ['x-env', ''])],
    no: [get('/')],
  },
  {
    what: 'all of several headers',
    match: { headers: [exact('a', '1'), exact('b', '2')] },
    yes: [get('/', ['b', '2'], ['a', '1'])],
    no: [get('/', ['a', '1']), get('/', ['a', '1'], ['b', '3'])],
  },
  {
    what: 'a query parameter, the first of its name, decoded',
    match: { queryParams: [exact('q', 'a b')] },
    yes: gets('/?q=a+b', '/?q=a%20b', '/?x=1&q=a+b', '/?q=a+b&q=c', '/?%71=a+b', '/?&&q=a+b&'),
    no: gets('/', '/?q', '/?q=', '/?q=c&q=a+b', '/?Q=a+b', '/?qq=a+b', '/?x=q=a+b', '/q=a+b'),
  },
  {
    what: 'an empty query parameter',
    match: { queryParams: [exact('debug', '')] },
    yes: gets('/?debug', '/?debug=', '/?a=1&debug&b=2'),
    no: gets('/?debug=1', '/?debugx', '/'),
  },
  {
    what: 'a query parameter with bytes beyond ASCII and loose percent signs',
    match: { queryParams: [exact('q', 'é100%')] },
    yes: gets('/?q=%C3%A9100%', '/?q=%c3%a9100%25'),
    no: gets('/?q=%E9100%'),
  },
  {
    what: 'a query pattern',
    match: { queryParams: [regex('id', '[0-9]+')] },
    yes: gets('/?id=12'),
    no: gets('/?id=', '/?id=x', '/'),
  },
  {
    what: 'source networks',
    match: { source: { cidrs: ['10.0.0.0/8', 'fd00::/8'], principals: [] } },
    yes: [from('10.1.1.1'), from('::ffff:10.1.1.1'), from('fd00::1')],
    no: [from('11.1.1.1'), from('fe80::1'), from('')],
  },
  {
    what: 'source principals',
    match: { source: { cidrs: [], principals: ['spiffe://prod/web', 'web.example'] } },
    yes: [testConnection({ principal: 'web.example' })],
    no: [
      testConnection(),
      testConnection({ principal: 'WEB.example' }),
      testConnection({ principal: 'x.web.example' }),
    ],
  },
  {
    what: 'destination hosts',
    match: { destination: { hosts: ['orders.example', '*.Orders.example', '::1'], ports: [] } },
    yes: [
      'orders.example',
      'ORDERS.example:8080',
      'orders.example.',
      'orders.example.:80',
      'a.orders.example',
      'a.b.orders.example:1',
      '[::1]:80',
      '[::1]',
    ].map(host),
    no: [
      '',
      'xorders.example',
      'example',
      'orders.example.org',
      '.orders.example',
      '::1',
      'orders',
      ':80',
    ].map(host),
  },
  {
    what: 'the host of an absolute target before the Host header',
    match: { destination: { hosts: ['a.example'], ports: [] } },
    yes: [get('http://a.example/x', ['host', 'b.example'])],
    no: [get('http://b.example/x', ['host', 'a.example'])],
  },
  {
    what: 'destination ports, of the connection',
    match: { destination: { hosts: [], ports: [80, 8080] } },
    yes: [host('a:1')],
    no: [testConnection({ destination: { ip: '192.0.2.2', port: 81 } })],
  },
  {
    what: 'destination services, by address and port of the connection',
    match: {
      destination: {
        hosts: [],
        ports: [],
        services: [
          { name: 'orders', addresses: [{ cidr: '10.0.0.7', port: 8080 }] },
          {
            name: 'stock',
            addresses: [
              { cidr: '10.1.0.0/16', port: undefined },
              { cidr: 'fd00::/8', port: 80 },
            ],
          },
        ],
      },
    },
    yes: [
      testConnection({ destination: { ip: '10.0.0.7', port: 8080 } }),
      testConnection({ destination: { ip: '10.1.2.3', port: 1 } }),
      testConnection({ destination: { ip: 'fd00::1', port: 80 } }),
    ],
    no: [
      testConnection({ destination: { ip: '10.0.0.7', port: 80 } }),
      testConnection({ destination: { ip: '10.0.0.8', port: 8080 } }),
      testConnection({ destination: { ip: 'fd00::1', port: 81 } }),
      testConnection({ destination: { ip: '', port: 0 } }),
    ],
  },
];

for (const { what, match, yes, no } of cases) {
  const policy = testPolicy({ matches: [testMatch(match)] });
  const compiled = compileMatcher(policy);
  for (const [subjects, expected] of [
    [yes, true],
    [no, false],
  ] as const) {
    for (const subject of subjects) {
      const [request, connection] = 'tap' in subject ? [get('/'), subject] : [subject, testConnection()];
      test(`${what}: ${expected ? 'holds' : 'does not hold'} for ${textOf(subject)}`, () => {
        assert.equal(compiled.matches(request, connection), expected);
        assert.equal(explain(policy, request, connection).matched, expected);
        assert.equal(compiled.bestMatch(request, connection), expected ? 0 : -1);
      });
    }
  }
}

test('any of the matches is enough, and any exclusion keeps out', () => {
  const { matches } = compileMatcher(
    testPolicy({
      matches: [
        testMatch({ path: { type: 'PathPrefix', value: '/a' } }),
        testMatch({ path: { type: 'PathPrefix', value: '/b' } }),
      ],
      exclude: [
        testMatch({ path: { type: 'Exact', value: '/a/private' } }),
        testMatch({ headers: [exact('x-no', '1')] }),
      ],
    }),
  );
  const taken = (request: RequestHead) => matches(request, testConnection());
  assert.equal(taken(get('/a/x')), true);
  assert.equal(taken(get('/b/x')), true);
  assert.equal(taken(get('/c')), false);
  assert.equal(taken(get('/a/private')), false);
  assert.equal(taken(get('/a/%70rivate')), false, 'an encoded letter does not slip past');
  assert.equal(taken(get('/b', ['X-No', '1'])), false);
});

test('exclusions work without matches', () => {
  const { matches } = compileMatcher(testPolicy({ exclude: [testMatch({ method: 'DELETE' })] }));
  assert.equal(matches(get('/'), testConnection()), true);
  assert.equal(matches(requestHead('DELETE', '/'), testConnection()), false);
});

test('text too long for a pattern is not matched, and is excluded', () => {
  const match = testMatch({ path: { type: 'RegularExpression', value: '/a.*' } });
  const long = get(`/${'a'.repeat(10_000)}`);
  assert.equal(compileMatcher(testPolicy({ matches: [match] })).matches(long, testConnection()), false);
  assert.equal(compileMatcher(testPolicy({ exclude: [match] })).matches(long, testConnection()), false);
});

test('a policy with taps takes nothing from others', () => {
  const { matches } = compileMatcher(testPolicy({ taps: ['orders', 'users'] }));
  assert.equal(matches(get('/'), testConnection({ tap: 'users' })), true);
  assert.equal(matches(get('/'), testConnection({ tap: 'items' })), false);
});

test('the match that counts follows the precedence of Gateway API', () => {
  // From the least to the most specific; each one also holds for the request.
  const ranked: readonly Partial<Match>[] = [
    {},
    { queryParams: [exact('q', '1')] },
    { queryParams: [exact('q', '1'), exact('r', '2')] },
    { headers: [exact('a', '1')] },
    { headers: [exact('a', '1')], queryParams: [exact('q', '1')] },
    { headers: [exact('a', '1'), exact('b', '2')] },
    { method: 'GET' },
    { method: 'GET', headers: [exact('a', '1')] },
    { path: { type: 'PathPrefix', value: '/api/' } },
    { path: { type: 'PathPrefix', value: '/api/v1' } },
    { path: { type: 'PathPrefix', value: '/api/v1' }, method: 'GET' },
    { path: { type: 'RegularExpression', value: '/api/.*' } },
    { path: { type: 'RegularExpression', value: '/api/v1/.*' } },
    { path: { type: 'Exact', value: '/api/v1/x' } },
    { path: { type: 'Exact', value: '/api/v1/x' }, method: 'GET' },
  ];
  const request = get('/api/v1/x?q=1&r=2', ['a', '1'], ['b', '2']);
  for (let count = 1; count <= ranked.length; count++) {
    const upward = ranked.slice(0, count).map((match) => testMatch(match));
    assert.equal(
      compileMatcher(testPolicy({ matches: upward })).bestMatch(request, testConnection()),
      count - 1,
    );
    const downward = upward.toReversed();
    assert.equal(compileMatcher(testPolicy({ matches: downward })).bestMatch(request, testConnection()), 0);
  }
});

test('of equal matches the first one counts', () => {
  const match = testMatch({ method: 'GET' });
  assert.equal(
    compileMatcher(testPolicy({ matches: [match, match] })).bestMatch(get('/'), testConnection()),
    0,
  );
});

test('an explanation shows every condition, what it wanted and what it found', () => {
  const policy = testPolicy({
    taps: ['test'],
    matches: [
      testMatch({
        path: { type: 'PathPrefix', value: '/api' },
        headers: [exact('x-env', 'prod'), regex('x-user', '[0-9]+')],
        source: { cidrs: ['10.0.0.0/8'], principals: [] },
      }),
    ],
    exclude: [testMatch({ path: { type: 'Exact', value: '/healthz' } })],
  });
  assert.deepEqual(explain(policy, get('/api/x', ['x-env', 'test']), testConnection()), {
    matched: false,
    tap: { name: 'test', holds: true },
    matches: [
      {
        holds: false,
        conditions: [
          { key: 'path', wanted: 'PathPrefix /api', found: '/api/x', holds: true },
          { key: 'headers[0]', wanted: 'x-env: prod', found: 'test', holds: false },
          { key: 'headers[1]', wanted: 'x-user: RegularExpression [0-9]+', found: undefined, holds: false },
          { key: 'source.cidrs', wanted: '10.0.0.0/8', found: '192.0.2.1', holds: false },
        ],
      },
    ],
    exclude: [
      {
        holds: false,
        conditions: [{ key: 'path', wanted: 'Exact /healthz', found: '/api/x', holds: false }],
      },
    ],
    best: -1,
  });
});

function textOf(subject: RequestHead | Connection): string {
  if ('tap' in subject) return JSON.stringify(subject);
  return `${subject.method} "${subject.target}" ${JSON.stringify([...subject.headers()])}`;
}
