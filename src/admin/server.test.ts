import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ExampleSource } from '../../test/fixtures/admin-source.ts';
import { exampleSummary } from '../../test/fixtures/status.ts';
import { UserError } from '../kit/errors.ts';
import { silentLogger } from '../kit/log.ts';
import type { AdminOptions } from './server.ts';
import { startAdmin } from './server.ts';

const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

function start(options: Partial<AdminOptions> = {}) {
  return startAdmin({
    listen: LOOPBACK,
    token: undefined,
    source: new ExampleSource(),
    log: silentLogger,
    ...options,
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function call(url: string, options: RequestOptions & { readonly send?: string } = {}): Promise<Answer> {
  const request = httpRequest(url, { agent: false, ...options });
  request.end(options.send);
  const [response] = await once(request, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** What a server sends back for raw bytes until it closes. */
async function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  return text(socket);
}

const JSON_BODY = { 'content-type': 'application/json' };

test('answers each route with JSON', async () => {
  await using admin = await start();
  for (const path of [
    'summary',
    'taps',
    'policies',
    'policies/orders-v2',
    'policies/a%2Fb%20%C3%BC',
    'openapi.json',
  ]) {
    const { status, headers, body } = await call(`${admin.url}/api/v1/${path}`);
    equal(status, 200, path);
    equal(headers['content-type'], 'application/json');
    equal(headers['x-content-type-options'], 'nosniff');
    equal(headers['cache-control'], 'no-store');
    JSON.parse(body);
  }
  const { body } = await call(`${admin.url}/api/v1/summary?x=1`);
  deepEqual(JSON.parse(body), exampleSummary);
});

test('pauses with a reason and resumes', async () => {
  await using admin = await start();
  const policy = `${admin.url}/api/v1/policies/orders-v2`;
  const paused = await call(`${policy}/pause`, {
    method: 'POST',
    headers: JSON_BODY,
    send: '{"reason":"deploy"}',
  });
  deepEqual(JSON.parse(paused.body).state, { kind: 'paused', by: 'operator', reason: 'deploy', since: 1 });
  const resumed = await call(`${policy}/resume`, { method: 'POST' });
  deepEqual(JSON.parse(resumed.body).state, { kind: 'running' });
  const silent = await call(`${policy}/pause`, { method: 'POST' });
  equal(JSON.parse(silent.body).state.reason, 'paused through the admin API');
});

test('serves metrics and health', async () => {
  const source = new ExampleSource();
  await using admin = await start({ source });
  const metrics = await call(`${admin.url}/metrics`);
  equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  equal(metrics.body, source.metrics());
  equal((await call(`${admin.url}/healthz`)).status, 200);
  equal((await call(`${admin.url}/readyz`)).status, 200);
  source.readiness = { ok: false, reason: 'draining' };
  const drained = await call(`${admin.url}/readyz`);
  equal(drained.status, 503);
  deepEqual(JSON.parse(drained.body), { ok: false, reason: 'draining' });
});

const problemCases: readonly (readonly [
  name: string,
  status: number,
  path: string,
  Parameters<typeof call>[1],
])[] = [
  ['an unknown path', 404, '/api/v2/summary', {}],
  ['an unknown policy', 404, '/api/v1/policies/none', {}],
  ['an unknown policy to pause', 404, '/api/v1/policies/none/pause', { method: 'POST' }],
  ['a method the path does not take', 405, '/api/v1/summary', { method: 'DELETE' }],
  ['a badly encoded path', 400, '/api/v1/policies/%ff', {}],
  [
    'a body that is not JSON',
    400,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: JSON_BODY, send: '{' },
  ],
  [
    'an unknown key',
    400,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: JSON_BODY, send: '{"why":1}' },
  ],
  [
    'a body of another type',
    415,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: { 'content-type': 'text/plain' }, send: '{}' },
  ],
  [
    'a body past the limit',
    413,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: JSON_BODY, send: `{"reason":"${'x'.repeat(20_000)}"}` },
  ],
  ['a foreign name in Host', 403, '/api/v1/summary', { headers: { host: 'evil.example' } }],
  [
    'a name that only begins like loopback',
    403,
    '/healthz',
    { headers: { host: '127.0.0.1.evil.example:80' } },
  ],
  [
    'a POST of another site',
    403,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: { origin: 'http://evil.example' } },
  ],
  [
    'a POST from nowhere',
    403,
    '/api/v1/policies/orders-v2/resume',
    { method: 'POST', headers: { origin: 'null' } },
  ],
  [
    'a POST that the browser calls cross-site',
    403,
    '/api/v1/policies/orders-v2/pause',
    { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } },
  ],
];
for (const [name, status, path, options] of problemCases) {
  test(`refuses ${name} with ${status}`, async () => {
    const source = new ExampleSource();
    await using admin = await start({ source });
    const answer = await call(admin.url + path, options);
    equal(answer.status, status);
    equal(answer.headers['content-type'], 'application/problem+json');
    const problem = JSON.parse(answer.body);
    equal(problem.status, status);
    ok(problem.title.length > 0 && problem.detail.length > 0);
    equal(source.policies()[0]?.state.kind, 'running');
  });
}

test('405 says what is allowed', async () => {
  await using admin = await start();
  const answer = await call(`${admin.url}/api/v1/policies/orders-v2/pause`);
  equal(answer.status, 405);
  equal(answer.headers.allow, 'POST');
});

test('takes a POST of its own site', async () => {
  await using admin = await start();
  const headers = { origin: admin.url, 'sec-fetch-site': 'same-origin' };
  const answer = await call(`${admin.url}/api/v1/policies/orders-v2/pause`, { method: 'POST', headers });
  equal(answer.status, 200);
});

test('answers HEAD without a body and with the length of the one of GET', async () => {
  await using admin = await start();
  const head = await call(`${admin.url}/api/v1/summary`, { method: 'HEAD' });
  const get = await call(`${admin.url}/api/v1/summary`);
  equal(head.body, '');
  equal(head.headers['content-length'], String(Buffer.byteLength(get.body)));
});

test('with a token, everything but health needs it', async () => {
  await using admin = await start({ token: 'correct horse'.replace(' ', '-') });
  for (const path of ['/api/v1/summary', '/metrics', '/api/v1/events', '/api/v1/openapi.json', '/none']) {
    const answer = await call(admin.url + path);
    equal(answer.status, 401, path);
    match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
  }
  for (const authorization of [
    'Bearer wrong',
    'Bearer correct-hors',
    'Basic correct-horse',
    'correct-horse',
    'Bearer',
  ]) {
    equal((await call(`${admin.url}/metrics`, { headers: { authorization } })).status, 401, authorization);
  }
  const headers = { authorization: 'Bearer correct-horse' };
  equal((await call(`${admin.url}/metrics`, { headers })).status, 200);
  // Whoever knows the token may come by any name, as through a proxy.
  equal((await call(`${admin.url}/metrics`, { headers: { ...headers, host: 'admin.example' } })).status, 200);
  equal((await call(`${admin.url}/healthz`)).status, 200);
  equal((await call(`${admin.url}/readyz`)).status, 200);
});

test('does not listen where others can reach it without a token', async () => {
  await rejects(start({ listen: { kind: 'tcp', host: '0.0.0.0', port: 0 } }), UserError);
});

test('an address that is taken is a user error', async () => {
  await using admin = await start();
  const port = Number(new URL(admin.url).port);
  await rejects(
    start({ listen: { ...LOOPBACK, port } }),
    (error) => error instanceof UserError && error.where === `127.0.0.1:${port}`,
  );
});

test('listens on a Unix socket that only its user may use, also after a crash', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'admin.sock');
  await using admin = await start({ listen: { kind: 'unix', path } });
  equal(admin.url, `unix:${path}`);
  equal(statSync(path).mode & 0o777, 0o600);
  const answer = await call('http://anything/api/v1/summary', { socketPath: path });
  equal(answer.status, 200);
});

test('a handler that throws is a 500 without its message, and is logged', async () => {
  const source = new ExampleSource();
  source.metrics = () => {
    throw new Error('inner secret');
  };
  const logged: unknown[] = [];
  const log = { ...silentLogger, error: (message: string) => logged.push(message) };
  await using admin = await start({ source, log });
  const answer = await call(`${admin.url}/metrics`);
  equal(answer.status, 500);
  ok(!answer.body.includes('inner secret'));
  equal(logged.length, 1);
});

test('a head that is sent too slowly is cut off', async () => {
  await using admin = await start({ limits: { requestMs: 50 } });
  match(await raw(admin.url, 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '), /^HTTP\/1.1 408|^$/);
});

test('a body that is sent too slowly is cut off', async () => {
  await using admin = await start({ limits: { requestMs: 50 } });
  const head =
    'POST /api/v1/policies/orders-v2/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
  match(await raw(admin.url, `${head}Content-Length: 100\r\n\r\n{`), /^HTTP\/1.1 408|^$/);
});

test('an oversized head is refused', async () => {
  await using admin = await start();
  const answer = await raw(
    admin.url,
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  );
  match(answer, /^HTTP\/1.1 431/);
});

for (const garbage of [
  '\u0016\u0003\u0001\u0002\u0000\u0001',
  'GET\r\n\r\n',
  'GET / HTTP/9.9\r\n\r\n',
  '\r\n\r\nx\u0000y\r\n\r\n',
]) {
  test(`answers ${JSON.stringify(garbage)} with 400 and goes on`, async () => {
    await using admin = await start();
    match(await raw(admin.url, garbage), /^HTTP\/1.1 400/);
    equal((await call(`${admin.url}/healthz`)).status, 200);
  });
}

test('connections past the limit are closed at accept', async () => {
  await using admin = await start({ limits: { connections: 1 } });
  const { hostname, port } = new URL(admin.url);
  const first = connect(Number(port), hostname);
  await once(first, 'connect');
  equal(await raw(admin.url, ''), '');
  first.destroy();
});
