import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chainOf, createAuthority } from '../../test/fixtures/certificates.ts';
import type { Authority } from '../../test/fixtures/certificates.ts';
import { bodyOf, copyOf, openMirror, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import { openNginx } from '../../test/fixtures/nginx-site.ts';
import { freePort, missingPeers, startPeer } from '../../test/fixtures/peers.ts';
import type { Peer } from '../../test/fixtures/peers.ts';
import { UserError } from '../kit/errors.ts';
import type { ClientTls } from '../model/settings.ts';

const GET = 'GET /file.txt HTTP/1.1\r\nHost: site.example\r\n\r\n';
const nginxMissing = missingPeers('nginx');
const opensslMissing = missingPeers('nginx', 'openssl');

test('nginx: copies reuse connections, and answers come whole', { skip: nginxMissing }, async () => {
  const port = await freePort();
  await using _nginx = await openNginx(
    () => `listen 127.0.0.1:${port};
           location /echo { return 200 "$request_method $request_uri $host $http_x_env [$http_cookie]"; }
           location /gone { return 204; }
           location /post { client_max_body_size 1m; proxy_pass http://127.0.0.1:${port}/echo; }`,
    () => port,
  );
  await using mirror = openMirror(port, {
    rewrite: { headers: { set: { 'x-env': 'shadow' }, add: {}, remove: [] } },
    redact: { headers: ['cookie'] },
  });
  equal(bodyOf(await copyOf(mirror, GET)), 'hello from a file\n');
  equal(
    bodyOf(await copyOf(mirror, 'GET /echo?a=1 HTTP/1.1\r\nHost: site.example:99\r\nCookie: s=1\r\n\r\n')),
    'GET /echo?a=1 site.example shadow [redacted]',
  );
  equal(bodyOf(await copyOf(mirror, 'HEAD /file.txt HTTP/1.1\r\nHost: h\r\n\r\n')), '');
  equal(wordOf(await copyOf(mirror, 'GET /gone HTTP/1.1\r\nHost: h\r\n\r\n')), '204');
  equal(bodyOf(await copyOf(mirror, 'GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n')).length, 600_000);
  equal(
    bodyOf(
      await copyOf(
        mirror,
        'POST /post HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      ),
    ),
    'POST /echo 127.0.0.1 shadow [redacted]'.replace('[redacted]', '[]'),
  );
  equal(mirror.stats.connects, 1);
  const words = await Promise.all(Array.from({ length: 200 }, () => copyOf(mirror, GET)));
  ok(words.every((outcome) => bodyOf(outcome) === 'hello from a file\n'));
  ok(mirror.stats.connects <= 64);
  equal(mirror.stats.mirrored, 206);
  equal(mirror.stats.responses['2xx'], 206);
});

test(
  'nginx: a connection that it ends after so many requests, or when idle, is replaced',
  { skip: nginxMissing },
  async () => {
    const port = await freePort();
    await using _nginx = await openNginx(
      () => `listen 127.0.0.1:${port}; keepalive_requests 3; keepalive_timeout 1s;`,
      () => port,
    );
    await using mirror = openMirror(port);
    for (let i = 0; i < 7; i++) equal(wordOf(await copyOf(mirror, GET)), '200');
    equal(mirror.stats.connects, 3);
    await until(() => mirror.stats.openConnections === 0);
    equal(wordOf(await copyOf(mirror, GET)), '200');
  },
);

test(
  'nginx: killed while copies flow, it costs failures and nothing else',
  { skip: nginxMissing },
  async () => {
    const port = await freePort();
    const nginx = await openNginx(
      () => `listen 127.0.0.1:${port};`,
      () => port,
    );
    await using mirror = openMirror(port, {
      limits: { breaker: { failures: 1_000, openMs: 1_000, openMaxMs: 1_000 } },
    });
    equal(wordOf(await copyOf(mirror, GET)), '200');
    await nginx[Symbol.asyncDispose]();
    const words = (await Promise.all(Array.from({ length: 50 }, () => copyOf(mirror, GET)))).map(wordOf);
    ok(
      words.every((word) => ['connect', 'reset', 'closed'].includes(word)),
      words.join(' '),
    );
    equal(mirror.stats.inFlight, 0);
    equal(mirror.stats.bufferedBytes, 0);
  },
);

function socketIn(folder: string): string {
  return join(folder, 'nginx.sock');
}

test('nginx: a Unix socket', { skip: nginxMissing }, async () => {
  await using nginx = await openNginx((folder) => `listen unix:${socketIn(folder)};`, socketIn);
  await using mirror = openMirror(socketIn(nginx.folder));
  equal(bodyOf(await copyOf(mirror, GET)), 'hello from a file\n');
  equal(bodyOf(await copyOf(mirror, 'GET /file.txt HTTP/1.0\r\n\r\n')), 'hello from a file\n');
});

/** What a client that was given these settings makes of a server. */
async function overTls(port: number, tls: Partial<ClientTls>, host = '127.0.0.1'): Promise<string> {
  const settings: ClientTls = {
    ca: undefined,
    cert: undefined,
    key: undefined,
    serverName: undefined,
    verify: true,
    ...tls,
  };
  await using mirror = openMirror(port, { tls: settings, host });
  const word = wordOf(await copyOf(mirror, GET));
  if (word !== '200') return word;
  equal(wordOf(await copyOf(mirror, GET)), '200');
  equal(mirror.stats.connects, 1);
  return word;
}

function tlsServer(authority: Authority, port: number, more = ''): string {
  const pair = authority.issue('server', { dns: ['v2.example', 'localhost'] });
  writeFileSync(join(authority.folder, 'chain.crt'), chainOf(pair, authority));
  return `listen 127.0.0.1:${port} ssl; ssl_certificate ${join(authority.folder, 'chain.crt')}; ssl_certificate_key ${pair.key}; ${more}`;
}

test(
  'nginx: TLS is verified, by the authority and the name that are set',
  { skip: opensslMissing },
  async () => {
    using authority = createAuthority();
    using other = createAuthority('Another authority');
    const port = await freePort();
    await using _nginx = await openNginx(
      () => tlsServer(authority, port),
      () => port,
    );
    deepEqual(
      {
        unknownAuthority: await overTls(port, { serverName: 'v2.example' }),
        otherAuthority: await overTls(port, { serverName: 'v2.example', ca: other.ca }),
        address: await overTls(port, { ca: authority.ca }),
        otherName: await overTls(port, { ca: authority.ca, serverName: 'v3.example' }),
        setName: await overTls(port, { ca: authority.ca, serverName: 'v2.example' }),
        hostName: await overTls(port, { ca: authority.ca }, 'localhost'),
        unverified: await overTls(port, { verify: false }),
      },
      {
        unknownAuthority: 'tls',
        otherAuthority: 'tls',
        address: 'tls',
        otherName: 'tls',
        setName: '200',
        hostName: '200',
        unverified: '200',
      },
    );
  },
);

test('nginx: TLS by address, when the certificate has it', { skip: opensslMissing }, async () => {
  using authority = createAuthority();
  const pair = authority.issue('server', { commonName: 'address', ips: ['127.0.0.1'] });
  const port = await freePort();
  await using _nginx = await openNginx(
    () => `listen 127.0.0.1:${port} ssl; ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};`,
    () => port,
  );
  equal(await overTls(port, { ca: authority.ca }), '200');
});

test('nginx: an expired certificate is a failure', { skip: opensslMissing }, async () => {
  using authority = createAuthority();
  const pair = authority.issue('old', { dns: ['v2.example'], expired: true });
  const port = await freePort();
  await using _nginx = await openNginx(
    () => `listen 127.0.0.1:${port} ssl; ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};`,
    () => port,
  );
  equal(await overTls(port, { ca: authority.ca, serverName: 'v2.example' }), 'tls');
});

test('nginx: a client certificate is shown where it is asked for', { skip: opensslMissing }, async () => {
  using authority = createAuthority();
  const client = authority.issue('client');
  const port = await freePort();
  await using _nginx = await openNginx(
    () => tlsServer(authority, port, `ssl_verify_client on; ssl_client_certificate ${authority.ca};`),
    () => port,
  );
  const tls = { ca: authority.ca, serverName: 'v2.example' };
  equal(await overTls(port, { ...tls, ...client }), '200');
  equal(await overTls(port, tls), '400');
});

test('nginx: a TLS session is resumed by the next connection', { skip: opensslMissing }, async () => {
  using authority = createAuthority();
  const port = await freePort();
  await using _nginx = await openNginx(
    () => tlsServer(authority, port, 'keepalive_timeout 0; location / { return 200 "$ssl_session_reused"; }'),
    () => port,
  );
  const tls = { ca: authority.ca, cert: undefined, key: undefined, serverName: 'v2.example', verify: true };
  await using mirror = openMirror(port, { tls });
  deepEqual([bodyOf(await copyOf(mirror, GET)), bodyOf(await copyOf(mirror, GET))], ['.', 'r']);
});

test('files of TLS that cannot be read are the user’s to mend', () => {
  const tls: ClientTls = {
    ca: '/nonexistent/ca.pem',
    cert: undefined,
    key: undefined,
    serverName: undefined,
    verify: true,
  };
  throws(
    () => openMirror(443, { tls }),
    (error) =>
      error instanceof UserError && error.code === 'config' && error.message.includes('/nonexistent/ca.pem'),
  );
});

test(
  'python3 -m http.server: HTTP/1.0, a connection per copy',
  { skip: missingPeers('python3') },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-www-'));
    writeFileSync(join(folder, 'file.txt'), 'hello from python\n');
    const port = await freePort();
    const args = ['-m', 'http.server', '--bind', '127.0.0.1', '--directory', folder, String(port)];
    const server: Peer = await startPeer('python3', args, port);
    try {
      await using mirror = openMirror(port);
      const outcomes = await Promise.all(Array.from({ length: 30 }, () => copyOf(mirror, GET)));
      ok(outcomes.every((outcome) => bodyOf(outcome) === 'hello from python\n'));
      equal(wordOf(await copyOf(mirror, 'GET /missing HTTP/1.1\r\nHost: h\r\n\r\n')), '404');
      equal(
        wordOf(await copyOf(mirror, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello')),
        '501',
      );
      equal(mirror.stats.connects, 32);
      await until(() => mirror.stats.openConnections === 0);
    } finally {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    }
  },
);
