import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createAuthority } from '../fixtures/certificates.ts';
import { openCopyServer } from '../fixtures/copy-server.ts';
import type { Reply, SeenRequest } from '../fixtures/copy-server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { openNginx } from '../fixtures/nginx-site.ts';
import { findPeer, freePort, missingPeers } from '../fixtures/peers.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

async function run(tool: string, ...args: readonly string[]): Promise<string> {
  const file = findPeer(tool);
  if (file === undefined) throw new Error(`${tool} is not installed here`);
  return (await promisify(execFile)(file, args, { timeout: 30_000, maxBuffer: 8 * 1024 * 1024 })).stdout;
}

function answer({ method, url, body }: SeenRequest): Reply {
  const text = `${method} ${url}: ${body.length}\n`;
  return { headers: { 'content-type': 'text/plain' }, body: url === '/large' ? text.repeat(20_000) : text };
}

const LARGE = 'GET /large: 0\n'.repeat(20_000);
const BODY = 'b'.repeat(100_000);
const LOADED = 300;

test(
  'nghttp, h2load and curl, in the clear and over TLS with ALPN; the copies go to a mirror that chooses HTTP/2 by ALPN',
  { skip: missingPeers('nghttp', 'h2load', 'curl', 'openssl') },
  async () => {
    using authority = createAuthority();
    const pair = authority.issue('local', { dns: ['localhost'], ips: ['127.0.0.1'] });
    const pem = { cert: readFileSync(pair.cert, 'utf8'), key: readFileSync(pair.key, 'utf8') };
    await using primary = await openCopyServer('h2c', answer);
    await using mirror = await openCopyServer('h2', answer, pem);
    const listener = { listen: '127.0.0.1:0', primary: `h2c://127.0.0.1:${primary.port}` };
    const url = `https://127.0.0.1:${mirror.port}`;
    await using understudy = await startUnderstudy({
      config: {
        listeners: [
          { name: 'clear', ...listener },
          { name: 'tls', ...listener, tls: pair },
        ],
        policies: [
          {
            name: 'copy',
            writes: 'mirror',
            mirrors: [{ name: 'v2', url, tls: { ca: authority.ca } }],
            limits: { concurrency: 64, queue: 1000 },
            compare: { gate: quickGate() },
          },
        ],
      },
    });
    const clear = `http://127.0.0.1:${await understudy.port('clear')}`;
    const tls = `https://127.0.0.1:${await understudy.port('tls')}`;
    equal(await run('nghttp', `${clear}/a?b=c`, `${clear}/large`), `GET /a?b=c: 0\n${LARGE}`);
    match(await run('nghttp', '-v', `${tls}/over-tls`), /The negotiated protocol: h2[^]*GET \/over-tls: 0/);
    for (const [origin, how] of [
      [clear, ['--http2-prior-knowledge']],
      [tls, ['--http2', '--cacert', authority.ca]],
    ] as const) {
      const curl = (...args: readonly string[]): Promise<string> =>
        run('curl', '-sS', ...how, '-w', '%{http_version} %{http_code}', ...args);
      equal(await curl(`${origin}/a`), 'GET /a: 0\n2 200');
      equal(await curl(`${origin}/large`), `${LARGE}2 200`);
      equal(await curl('-d', BODY, `${origin}/post`), 'POST /post: 100000\n2 200');
      equal(await curl('-I', '-o', '/dev/null', `${origin}/head`), '2 200');
    }
    const load = await run('h2load', '-n', String(LOADED), '-c', '3', '-m', '10', `${clear}/load`);
    match(load, new RegExp(`${LOADED} succeeded, 0 failed, 0 errored, 0 timeout`));
    const requests = 3 + 8 + LOADED;
    const { findings } = await eventually('every request is compared', async () => {
      const [judged] = (await verdictOf(understudy)).mirrors;
      return judged?.pairs.same === requests && judged;
    });
    deepEqual(findings, []);
    equal(primary.seen.length, requests);
    deepEqual(new Set(mirror.seen.map(({ version }) => version)), new Set(['2.0']));
    const posts = mirror.seen.filter(({ method }) => method === 'POST');
    deepEqual(
      posts.map(({ body }) => body.toString()),
      [BODY, BODY],
    );
    const { code, result } = await understudy.stop();
    deepEqual([code, result.requests, result.incomplete], [0, { http1: 0, http2: requests }, 0]);
  },
);

test(
  'nginx behind curl: HTTP/1.1 and HTTP/2 each to mirrors of both, and what differs is the protocol that it names',
  { skip: missingPeers('nginx', 'curl') },
  async () => {
    const [http1, h2c] = [await freePort(), await freePort()];
    const site = `location /who { return 200 "$server_protocol $request_uri\\n"; }`;
    await using _nginx = await openNginx(
      () => `listen 127.0.0.1:${http1}; ${site} } server { listen 127.0.0.1:${h2c} http2; ${site}`,
      () => http1,
    );
    const urls = { http1: `http://127.0.0.1:${http1}`, h2c: `h2c://127.0.0.1:${h2c}` };
    const mirrors = Object.entries(urls).map(([name, url]) => ({ name, url }));
    await using understudy = await startUnderstudy({
      config: {
        listeners: mirrors.map(({ name, url }) => ({ name, listen: '127.0.0.1:0', primary: url })),
        policies: [{ name: 'copy', mirrors, compare: { gate: quickGate() } }],
      },
    });
    for (const [name, flag, version] of [
      ['http1', '--http1.1', '1.1'],
      ['h2c', '--http2-prior-knowledge', '2.0'],
    ] as const) {
      const origin = `http://127.0.0.1:${await understudy.port(name)}`;
      equal(await run('curl', '-sS', flag, `${origin}/who?1`), `HTTP/${version} /who?1\n`);
      equal(await run('curl', '-sS', flag, `${origin}/file.txt`), 'hello from a file\n');
      equal((await run('curl', '-sS', flag, `${origin}/large.bin`)).length, 600_000);
      equal(await run('curl', '-sS', flag, '-w', '%{http_code}', '-o', '/dev/null', `${origin}/gone`), '404');
    }
    for (const { name } of mirrors) {
      const judged = await eventually('every request is compared', async () => {
        const found = (await verdictOf(understudy)).mirrors.find(({ mirror }) => mirror === name);
        return found?.pairs.compared === 8 && found;
      });
      deepEqual(
        judged.findings.map(({ route, kind, path, mirrorOnly }) => [route, kind, path, mirrorOnly]),
        [['GET /who', 'value', 'body', 1]],
      );
      equal(judged.pairs.same, 7);
    }
  },
);

test('Node: what is said over a WebSocket of HTTP/2 (RFC 8441) is relayed, whatever it is; a mirror that takes none gets none', async () => {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using mirror = await openCopyServer('h2c', answer);
  await using understudy = await startUnderstudy({
    config: oneTap(`h2c://127.0.0.1:${port}`, `h2c://127.0.0.1:${mirror.port}`, {
      policy: { upgrade: 'mirror', writes: 'mirror' },
    }),
  });
  const session = http2.connect(`http://127.0.0.1:${await understudy.port()}`);
  await once(session, 'remoteSettings');
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/orders', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  stream.setEncoding('latin1').end('frames of any kind');
  let echoed = '';
  for await (const chunk of stream) echoed += String(chunk);
  equal(echoed, 'frames of any kind');
  const closed = once(session, 'close');
  session.close();
  await closed;
  const v2 = await eventually('it is counted', async () => {
    const [status] = (await understudy.policy()).mirrors;
    return status?.notMirrored.upgrade === 1 && status;
  });
  deepEqual([v2.mirrored, mirror.begun], [0, 0]);
  server.close();
});
