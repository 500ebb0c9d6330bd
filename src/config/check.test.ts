import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../kit/errors.ts';
import { samplePlace } from '../model/sample.ts';
import { checkRequest } from './check.ts';
import type { CheckOutcome, CopyPreview } from './check.ts';
import { parseCheckRequest } from './check-request.ts';
import type { WrittenRequest } from './check-request.ts';
import { renderCheck } from './check-text.ts';
import { parseConfig } from './load.ts';
import { diskSurroundings } from './surroundings.ts';

const { settings } = parseConfig(
  `
listeners:
  - { name: orders, listen: "0.0.0.0:8080", primary: "http://orders-v1:3000" }
  - { name: opaque, listen: "0.0.0.0:8443", primary: "https://orders-v1:3443", tls: passthrough }
policies:
  - name: v2
    taps: [orders]
    matches:
      - path: { value: /api }
        headers: [{ name: x-env, value: prod }]
      - { path: { value: /api/v1 } }
    exclude: [{ path: { type: Exact, value: /api/healthz } }]
    mirrors: [{ name: v2, url: "http://orders-v2:3000" }]
    control: { url: "http://orders-v1b:3000" }
    rewrite:
      host: orders-v2.internal
      path: { type: ReplaceFullPath, replaceFullPath: /x }
      headers: { set: { authorization: hunter2 }, remove: [x-a] }
      redact: { headers: [cookie], jsonFields: [a.b] }
    limits: { bodyBytes: 1KiB }
    writes: mirror
  - name: some
    taps: [orders]
    percent: 50
    sampleBy: header:x-user
    mirrors: [{ name: m, url: "http://m" }]
  - name: chance
    taps: [orders]
    percent: 0.01
    mirrors: [{ name: m, url: "http://m" }]
  - name: none
    taps: [orders]
    percent: 0
    mirrors: [{ name: m, url: "http://m" }]
  - name: unseen
    taps: [opaque]
    mirrors: [{ name: m, url: "http://m" }]
`,
  'understudy.yaml',
  diskSurroundings('/', {}),
);

function outcomes(written: WrittenRequest): Readonly<Record<string, CheckOutcome>> {
  const { policies } = checkRequest(settings, parseCheckRequest(written));
  return Object.fromEntries(policies.map(({ policy, outcome }) => [policy, outcome]));
}

const users = Array.from({ length: 20 }, (_, index) => `u${index}`);
const inside = users.find((user) => samplePlace(user) < 0.5) ?? '';
const outside = users.find((user) => samplePlace(user) >= 0.5) ?? '';

const cases: readonly (readonly [WrittenRequest, policy: string, CheckOutcome])[] = [
  [{ request: 'GET /api/x', headers: ['X-Env: prod'] }, 'v2', { kind: 'copied' }],
  [{ request: '/api/v1' }, 'v2', { kind: 'copied' }],
  [{ request: 'GET /api/x' }, 'v2', { kind: 'not_copied', reason: 'not_matched' }],
  [
    { request: 'GET /api/healthz', headers: ['x-env: prod'] },
    'v2',
    { kind: 'not_copied', reason: 'not_matched' },
  ],
  [{ request: 'POST /api/v1', headers: ['content-length: 1024'] }, 'v2', { kind: 'copied' }],
  [
    { request: 'POST /api/v1', headers: ['content-length: 1025'] },
    'v2',
    { kind: 'not_copied', reason: 'body_too_large' },
  ],
  [
    { request: 'POST /api/v1/Get', headers: ['content-type: application/grpc'] },
    'v2',
    { kind: 'not_copied', reason: 'redaction_failed' },
  ],
  [
    { request: 'POST /api/v1/Get', headers: ['content-type: application/grpc+json'] },
    'v2',
    { kind: 'copied' },
  ],
  [
    { request: 'GET /api/v1', headers: ['upgrade: WebSocket'] },
    'v2',
    { kind: 'not_copied', reason: 'upgrade' },
  ],
  [{ request: 'CONNECT a:443' }, 'chance', { kind: 'not_copied', reason: 'upgrade' }],
  [{ request: 'GET /', headers: [`x-user: ${inside}`] }, 'some', { kind: 'copied' }],
  [
    { request: 'GET /', headers: [`x-user: ${outside}`] },
    'some',
    { kind: 'not_copied', reason: 'not_sampled' },
  ],
  [{ request: 'GET /' }, 'some', { kind: 'by_chance', share: 0.5 }],
  [{ request: 'DELETE /' }, 'chance', { kind: 'not_copied', reason: 'unsafe_method' }],
  [{ request: 'GET /' }, 'chance', { kind: 'by_chance', share: 0.0001 }],
  [{ request: 'GET /' }, 'none', { kind: 'not_copied', reason: 'not_sampled' }],
  [{ request: 'GET /' }, 'unseen', { kind: 'not_seen' }],
  [{ request: 'GET /', tap: 'orders' }, 'unseen', { kind: 'not_copied', reason: 'not_matched' }],
];

for (const [written, policy, outcome] of cases) {
  test(`${JSON.stringify(written)} is ${JSON.stringify(outcome)} to ${policy}`, () => {
    assert.deepEqual(outcomes(written)[policy], outcome);
  });
}

test('without the header the source address decides, when it is given', () => {
  const source =
    ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].find((ip) => samplePlace(ip) < 0.5) ?? '';
  assert.deepEqual(outcomes({ request: 'GET /', source })['some'], { kind: 'copied' });
});

test('says which match counts', () => {
  const request = parseCheckRequest({ request: 'GET /api/v1/x', headers: ['x-env: prod'] });
  assert.equal(checkRequest(settings, request).policies[0]?.explanation.best, 1);
});

const preview: CopyPreview = (policy, mirror, head) => [
  `${head.method} for ${policy.name}/${mirror.name}`,
  'x: \u001b[31m',
];

test('the head of a copy comes from the preview, once for each mirror and the control', () => {
  const result = checkRequest(settings, parseCheckRequest({ request: '/api/v1' }), preview);
  const [v2] = result.policies;
  assert.deepEqual(
    v2?.mirrors.map(({ name, role, head }) => [name, role, head?.[0]]),
    [
      ['v2', 'mirror', 'GET for v2/v2'],
      ['control', 'control', 'GET for v2/control'],
    ],
  );
  const text = renderCheck(result, settings);
  assert.match(text, /GET for v2\/v2/);
  assert.ok(!text.includes('\u001b'));
});

function render(written: WrittenRequest): string {
  return renderCheck(checkRequest(settings, parseCheckRequest(written)), settings);
}

test('the text shows what was decided and why, and no secrets', () => {
  const copied = render({ request: '/api/x', headers: ['x-env: prod', `x-user: ${outside}`] });
  assert.match(copied, /^policy v2, tap orders: copied$/m);
  assert.match(copied, /^ {2}✓ matches\[0\]/m);
  assert.match(copied, /^ {2}✗ matches\[1\]$/m);
  assert.match(copied, /path: PathPrefix \/api\/v1; the request has \/api\/x/);
  assert.match(copied, /→ mirror v2 at http:\/\/orders-v2:3000/);
  assert.match(copied, /headers set: authorization/);
  assert.match(copied, /JSON fields redacted: a\.b/);
  assert.match(copied, /policy some, tap orders: not copied: not_sampled/);
  assert.match(copied, /header x-user u\d+ stands at [\d.]+ %, the share ends at 50 %/);
  assert.match(copied, /policy chance, tap orders: copied by chance, 0\.01 % of the time/);
  assert.match(copied, /policy unseen, tap opaque: not copied: the listener passes TLS through/);
  assert.doesNotMatch(copied, /hunter2/);
  assert.match(render({ request: '/api/healthz' }), /✗ exclude\[0\] holds/);
});

test('the result is plain data', () => {
  const result = checkRequest(settings, parseCheckRequest({ request: '/api/v1', source: '::1' }));
  assert.deepEqual(structuredClone(result), result);
});

for (const [written, where] of [
  [{ request: '' }, '--request'],
  [{ request: 'GET' }, '--request'],
  [{ request: 'GET api' }, '--request'],
  [{ request: 'GET /a b' }, '--request'],
  [{ request: '/', headers: ['x'] }, '--header'],
  [{ request: '/', headers: ['a b: c'] }, '--header'],
  [{ request: '/', headers: [': c'] }, '--header'],
  [{ request: '/', source: 'x' }, '--source'],
] as const) {
  test(`refuses ${JSON.stringify(written)}`, () => {
    assert.throws(
      () => parseCheckRequest(written),
      (error: unknown) => error instanceof UserError && error.where === where,
    );
  });
}

test('refuses a listener that is not there', () => {
  assert.throws(() => checkRequest(settings, parseCheckRequest({ request: '/', tap: 'x' })), /no tap "x"/);
});
