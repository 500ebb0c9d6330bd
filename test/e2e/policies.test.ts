import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { freePort } from '../fixtures/peers.ts';
import { startPrimary, startRaw } from '../fixtures/primary.ts';
import type { Primary } from '../fixtures/primary.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

/** Sends whole requests on one connection, one after another; gives the answers. */
async function ask(port: number, ...requests: readonly string[]): Promise<void> {
  const client = openClient(port);
  for (const text of requests) await client.ask(text.slice(0, text.indexOf(' ')), text);
  client.close();
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n${fields}\r\n`;
const post = (path: string, body: string, fields = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
const urls = ({ seen }: Primary): string[] => seen.map(({ url }) => url).toSorted();

/** Waits until a count has gone on. */
async function moves(what: string, count: () => number): Promise<void> {
  const before = count();
  await eventually(what, () => count() > before + 10);
}

test('each policy copies what it matches, to each of its mirrors; the control is not counted as copied', async () => {
  await using primary = await startPrimary();
  await using all = await startPrimary();
  await using api = await startPrimary();
  await using again = await startPrimary();
  await using control = await startPrimary();
  await using understudy = await startUnderstudy({
    config: {
      ...oneTap(primary.url),
      policies: [
        { name: 'all', mirrors: [{ name: 'm', url: all.url }], control: { url: control.url } },
        {
          name: 'api',
          matches: [
            { path: { type: 'PathPrefix', value: '/api' }, method: 'GET' },
            { headers: [{ name: 'x-env', value: 'test' }], queryParams: [{ name: 'v', value: '2' }] },
          ],
          exclude: [{ path: { type: 'Exact', value: '/api/health' } }],
          mirrors: [
            { name: 'm', url: api.url },
            { name: 'n', url: again.url },
          ],
        },
      ],
    },
  });
  await ask(
    await understudy.port(),
    get('/api/a'),
    get('/apis'),
    get('/api/health'),
    get('/other?v=2', 'X-Env: test\r\n'),
    get('/other?v=3', 'X-Env: test\r\n'),
    'HEAD /api/a HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  const { result } = await understudy.stop();
  equal(all.seen.length, 6);
  equal(control.seen.length, 6);
  deepEqual(urls(api), ['/api/a', '/other?v=2']);
  deepEqual(urls(again), urls(api));
  equal(result.mirrored, 6 + 2 + 2);
  equal(result.policies[0]?.control?.mirrored, 6);
  equal(result.policies[1]?.matched, 2);
  equal(result.policies[1]?.mirrors[0]?.notMirrored.not_matched, 4);
});

test('writes are held and counted, unless the policy says otherwise', async () => {
  await using primary = await startPrimary();
  await using holding = await startPrimary();
  await using writing = await startPrimary();
  await using understudy = await startUnderstudy({
    config: {
      ...oneTap(primary.url),
      policies: [
        { name: 'holding', mirrors: [{ name: 'm', url: holding.url }] },
        { name: 'writing', mirrors: [{ name: 'm', url: writing.url }], writes: 'mirror' },
      ],
    },
  });
  await ask(
    await understudy.port(),
    get('/r'),
    post('/w', 'a=b'),
    'DELETE /w HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS /r HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  await eventually('the summary shows it', async () => (await understudy.summary()).heldWrites === 2);
  match(
    await understudy.metrics(),
    /understudy_not_mirrored_total\{policy="holding",mirror="m",reason="unsafe_method"\} 2/,
  );
  const { result } = await understudy.stop();
  deepEqual(
    holding.seen.map(({ method }) => method),
    ['GET', 'OPTIONS'],
  );
  equal(writing.seen.length, 4);
  equal(result.heldWrites, 2);
});

test('a mirror that is Understudy itself: copies are not copied again, forged marks mean nothing', async () => {
  await using primary = await startPrimary();
  const port = await freePort();
  const config = oneTap(primary.url, `http://127.0.0.1:${port}`, {
    listener: { listen: `127.0.0.1:${port}` },
  });
  await using understudy = await startUnderstudy({ config });
  await ask(port, get('/1'), get('/2'));
  await eventually('the copies came through', () => primary.seen.length >= 4);
  const copy = primary.seen.find(({ headers }) => headers['x-understudy-id'] !== undefined);
  ok(copy !== undefined);
  const forged = `X-Understudy-Mirror: copy/v2\r\nX-Understudy-Id: abc.htclh-Og8BpFSPIlT4YQcR\r\n`;
  await ask(port, get('/3', forged));
  await eventually('it was copied all the same', () => primary.seen.length >= 6);
  const { result } = await understudy.stop();
  equal(primary.seen.length, 6, 'each request came twice, and no more');
  equal(result.mirrored, 3);
  equal(result.notMirrored.loop, 3);
});

test('what is to be redacted is nowhere in what the mirror gets', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary({ capture: true });
  const rewrite = {
    host: 'v2.internal',
    path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/v2' },
    headers: { set: { 'x-env': 'shadow' }, add: { 'x-added': 'yes' }, remove: ['x-trace'] },
    redact: {
      headers: ['authorization', 'cookie'],
      queryParams: ['token'],
      jsonFields: ['user.email', 'cards.*.number'],
    },
  };
  const matches = [{ path: { type: 'PathPrefix', value: '/api' } }];
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', matches, rewrite } }),
  });
  const port = await understudy.port();
  const json = JSON.stringify({
    user: { email: 'HUNTER2@example.org', name: 'kept-name' },
    cards: [{ number: 'HUNTER2-1' }, { number: 'HUNTER2-2', brand: 'kept-brand' }],
  });
  const fields =
    'Authorization: Bearer HUNTER2\r\ncookie: a=HUNTER2\r\nCookie: b=HUNTER2\r\nX-Trace: HUNTER2\r\nX-Env: prod\r\nX-Understudy-Id: HUNTER2\r\nContent-Type: application/json\r\n';
  const chunked = `POST /api/items?token=HUNTER2 HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n${fields}\r\n${[...json].map((char) => `1\r\n${char}\r\n`).join('')}0\r\n\r\n`;
  await ask(
    port,
    post('/api/orders?token=HUNTER2&page=1&token=HUNTER2', json, fields),
    chunked,
    get('/api/me?page=2&%74oken=HUNTER2', fields),
    post('/api/broken', json.slice(0, -5), fields),
  );
  const { result } = await understudy.stop();
  const wire = mirror.captured.map((bytes) => bytes.toString('latin1')).join('\n');
  equal(wire.includes('HUNTER2'), false, wire);
  equal(mirror.seen.length, 3, JSON.stringify(result.notMirrored));
  equal(result.notMirrored.redaction_failed, 1);
  for (const text of ['kept-name', 'kept-brand', 'page=1', 'page=2']) ok(wire.includes(text), text);
  for (const { headers, url } of mirror.seen) {
    equal(headers.host, 'v2.internal');
    equal(headers['x-env'], 'shadow');
    equal(headers['x-added'], 'yes');
    equal(headers['x-trace'], undefined);
    match(url, /^\/v2\/(?:orders|items|me)\?/);
  }
  ok(primary.seen[0]?.headers.authorization?.includes('HUNTER2'), 'the primary gets everything');
});

for (const order of ['connection', 'none'] as const) {
  test(`order: ${order}`, async () => {
    await using primary = await startPrimary();
    let open = 0;
    let most = 0;
    await using mirror = await startPrimary({
      answer(received, response) {
        most = Math.max(most, ++open);
        // The first ones take longest: without an order they are overtaken.
        const ms = received.url === '/0' ? 400 : 20;
        setTimeout(() => {
          open--;
          response.end();
        }, ms);
        return true;
      },
    });
    await using understudy = await startUnderstudy({
      config: oneTap(primary.url, mirror.url, { policy: { order } }),
    });
    const port = await understudy.port();
    const paths = Array.from({ length: 8 }, (_, i) => `/${i}`);
    await ask(port, ...paths.map((path) => get(path)));
    const { result } = await understudy.stop();
    equal(result.mirrored, 8);
    if (order === 'connection') {
      equal(most, 1);
      deepEqual(
        mirror.seen.map(({ url }) => url),
        paths,
      );
    } else {
      ok(most > 1);
    }
  });
}

test('an operator pauses and resumes a policy; what was not copied is counted', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror' } }),
  });
  await using load = await startLoad({ target: await understudy.port(), primary: primary.port });
  await moves('copies', () => mirror.seen.length);
  equal((await understudy.admin('POST', '/api/v1/policies/copy/pause', { reason: 'lunch' })).status, 200);
  deepEqual((await understudy.policy()).state.kind, 'paused');
  await eventually(
    'no copy is under way',
    async () => (await understudy.policy()).mirrors[0]?.notMirrored.paused !== 0,
  );
  const paused = mirror.seen.length;
  await moves('answers go on', () => load.answers);
  equal(mirror.seen.length, paused);
  equal((await understudy.admin('POST', '/api/v1/policies/copy/resume')).status, 200);
  await moves('copies go on', () => mirror.seen.length);
  equal((await understudy.admin('POST', '/api/v1/policies/none/pause', {})).status, 404);
  await assertUntouched(load);
  const { result } = await understudy.stop();
  ok(result.notMirrored.paused > 0);
  equal(result.mirrored + result.notMirrored.paused, result.exchanges);
});

test('limits: rates and bodies that are too long', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const limits = { requestsPerSecond: 5, bodyBytes: '10KiB' };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { policy: { writes: 'mirror', limits } }),
  });
  const port = await understudy.port();
  await ask(port, post('/echo', 'x'.repeat(20_000)));
  await ask(port, ...Array.from({ length: 40 }, (_, i) => get(`/${i}`)));
  const { result } = await understudy.stop();
  equal(result.notMirrored.body_too_large, 1);
  ok(result.notMirrored.rate_limited >= 25, JSON.stringify(result.notMirrored));
  equal(result.mirrored, mirror.seen.length);
  equal(result.mirrored + result.notMirrored.rate_limited, 40);
});

test('what happens is told as events', async () => {
  await using primary = await startPrimary();
  await using mirror = await startRaw((socket) => socket.destroy());
  const limits = { breaker: { failures: 3 } };
  const config = oneTap(primary.url, mirror.url, { policy: { limits } });
  await using understudy = await startUnderstudy({ config, faults: true });
  let text = '';
  const events = request(
    { socketPath: `${understudy.folder}/admin.sock`, path: '/api/v1/events' },
    (response) => {
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      response.on('error', () => {});
    },
  );
  events.on('error', () => {});
  events.end();
  const told = (type: string): Promise<true> =>
    eventually(`event ${type}`, () => text.includes(`event: ${type}\n`));
  await told('summary');
  await understudy.admin('POST', '/api/v1/policies/copy/pause', { reason: 'lunch' });
  await told('policy-paused');
  await understudy.admin('POST', '/api/v1/policies/copy/resume');
  await told('policy-resumed');
  await understudy.plant('observer', 'throw');
  await told('observer-restarted');
  await eventually('the breaker opens', async () => {
    await ask(await understudy.port(), get('/'));
    return text.includes('event: breaker-opened\n');
  });
  understudy.configure('nonsense: [');
  await told('config-refused');
  understudy.configure({ ...config, drain: '5s' });
  await told('config-reloaded');
  understudy.signal('SIGTERM');
  await told('draining');
  equal((await understudy.ended()).code, 0);
});
