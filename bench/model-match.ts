import { compileMatcher } from '../src/model/match.ts';
import { sampler } from '../src/model/sample.ts';
import type { Connection, RequestHead } from '../src/model/exchange.ts';
import { testMatch, testPolicy } from '../src/model/fixtures.ts';
import type { Policy } from '../src/model/policy.ts';

/**
 * What deciding about one request costs: `node bench/model-match.ts`. Goal: under 0.5 µs with a path prefix and two headers.
 * Header look-up is a scan of a small array here, as a decoder without a map does it.
 */
const FIELDS: readonly (readonly [string, string])[] = [
  ['host', 'orders.example:8080'],
  ['user-agent', 'wrk/4.1'],
  ['accept', '*/*'],
  ['cookie', 'theme=dark; session=6f3c2e'],
  ['x-env', 'prod'],
  ['x-tenant', 'acme'],
];

const request: RequestHead = {
  method: 'GET',
  target: '/api/v1/orders/17?page=2&size=50',
  path: '/api/v1/orders/17',
  query: 'page=2&size=50',
  authority: 'orders.example:8080',
  header: (name) => FIELDS.find(([field]) => field === name)?.[1],
  headers: () => FIELDS,
};

const connection: Connection = {
  tap: 'orders',
  id: 1,
  source: { ip: '10.1.2.3', port: 51000 },
  destination: { ip: '10.0.0.1', port: 8080 },
  principal: undefined,
  tls: false,
};

const twoHeaders = testMatch({
  path: { type: 'PathPrefix', value: '/api' },
  headers: [
    { type: 'Exact', name: 'x-env', value: 'prod' },
    { type: 'Exact', name: 'x-tenant', value: 'acme' },
  ],
});

const cases: readonly (readonly [string, Partial<Policy>])[] = [
  ['no match at all', {}],
  ['path prefix and two headers', { matches: [twoHeaders] }],
  [
    '… and an exclusion',
    { matches: [twoHeaders], exclude: [testMatch({ path: { type: 'Exact', value: '/healthz' } })] },
  ],
  [
    'query parameter',
    { matches: [testMatch({ queryParams: [{ type: 'Exact', name: 'size', value: '50' }] })] },
  ],
  [
    'networks and hosts',
    {
      matches: [
        testMatch({
          source: { cidrs: ['192.168.0.0/16', '10.0.0.0/8'], principals: [] },
          destination: { hosts: ['*.example'], ports: [8080] },
        }),
      ],
    },
  ],
  [
    'regular expression',
    { matches: [testMatch({ path: { type: 'RegularExpression', value: '/api/v[0-9]+/.*' } })] },
  ],
];

for (const [name, part] of cases) {
  const compiled = compileMatcher(testPolicy({ taps: ['orders'], ...part }));
  report(name, () => compiled.matches(request, connection));
}
for (const sampleBy of [
  { kind: 'random' },
  { kind: 'source-ip' },
  { kind: 'cookie', name: 'session' },
] satisfies Policy['sampleBy'][]) {
  const sample = sampler(testPolicy({ sampleBy, fraction: { numerator: 999, denominator: 1000 } }));
  report(`sample by ${sampleBy.kind}`, () => sample.included(request, connection, Math.random));
}

function report(name: string, decide: () => boolean): void {
  const rounds = 500_000;
  let held = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 5; repeat++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < rounds; i++) if (decide()) held++;
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
  }
  process.stdout.write(
    `${name.padEnd(30)} ${best.toFixed(0).padStart(5)} ns  (${held > 0 ? 'held' : 'did not hold'})\n`,
  );
}
