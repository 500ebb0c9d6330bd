import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import { bodyOf, copyOf, openMirror, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import { openNginx } from '../../test/fixtures/nginx-site.ts';
import { freePort, missingPeers, startPeer } from '../../test/fixtures/peers.ts';

const GET = 'GET /file.txt HTTP/1.1\r\nHost: site.example\r\n\r\n';
const LARGE = 'GET /large.bin HTTP/1.1\r\nHost: site.example\r\n\r\n';

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: site.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

test('nginx: HTTP/2 by prior knowledge, on one connection', { skip: missingPeers('nginx') }, async () => {
  const [port, echoPort] = [await freePort(), await freePort()];
  await using _nginx = await openNginx(
    () => `listen 127.0.0.1:${port} http2;
           location /echo { return 200 "$request_method $request_uri $scheme $host [$http_cookie] $http_te"; }
           location /post { client_max_body_size 2m; proxy_pass http://127.0.0.1:${echoPort}/; }
         }
         server { listen 127.0.0.1:${echoPort}; location / { client_max_body_size 2m; return 200 "$content_length"; }`,
    () => port,
  );
  await using mirror = openMirror(port, { protocol: 'h2c', redact: { headers: ['cookie'] } });
  equal(bodyOf(await copyOf(mirror, GET)), 'hello from a file\n');
  equal(
    bodyOf(
      await copyOf(
        mirror,
        'GET /echo?a=1 HTTP/1.1\r\nHost: site.example:99\r\nTE: trailers\r\nCookie: s=1\r\n\r\n',
      ),
    ),
    'GET /echo?a=1 http site.example [redacted] trailers',
  );
  equal(bodyOf(await copyOf(mirror, 'HEAD /file.txt HTTP/1.1\r\nHost: h\r\n\r\n')), '');
  equal(bodyOf(await copyOf(mirror, LARGE)).length, 600_000);
  equal(bodyOf(await copyOf(mirror, post('/post', 'x'.repeat(900_000)))), '900000');
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => copyOf(mirror, GET)));
  ok(outcomes.every((outcome) => bodyOf(outcome) === 'hello from a file\n'));
  equal(mirror.stats.connects, 1);
  equal(mirror.stats.bufferedBytes, 0);
});

test(
  'nginx: a session that it ends after so many requests is replaced, and no other copy is lost',
  { skip: missingPeers('nginx') },
  async () => {
    const port = await freePort();
    await using _nginx = await openNginx(
      () => `listen 127.0.0.1:${port} http2; keepalive_requests 5;`,
      () => port,
    );
    await using mirror = openMirror(port, { protocol: 'h2c' });
    for (let i = 0; i < 12; i++) equal(wordOf(await copyOf(mirror, GET)), '200');
    ok(mirror.stats.connects >= 2 && mirror.stats.connects <= 4, `${mirror.stats.connects}`);
    await until(() => mirror.stats.openConnections <= 1);
  },
);

for (const http2 of [true, false]) {
  test(
    `nginx: over TLS it chooses ${http2 ? 'HTTP/2' : 'HTTP/1.1'}`,
    { skip: missingPeers('nginx', 'openssl') },
    async () => {
      using authority = createAuthority();
      const pair = authority.issue('server', { ips: ['127.0.0.1'] });
      const port = await freePort();
      await using _nginx = await openNginx(
        () =>
          `listen 127.0.0.1:${port} ssl ${http2 ? 'http2' : ''}; location /echo { return 200 "$server_protocol"; }
           ssl_certificate ${pair.cert}; ssl_certificate_key ${pair.key};`,
        () => port,
      );
      const tls = { ca: authority.ca, cert: undefined, key: undefined, serverName: undefined, verify: true };
      await using mirror = openMirror(port, { tls });
      const request = 'GET /echo HTTP/1.1\r\nHost: h\r\n\r\n';
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => copyOf(mirror, request)));
      deepEqual(new Set(outcomes.map(bodyOf)), new Set([http2 ? 'HTTP/2.0' : 'HTTP/1.1']));
      if (http2) await until(() => mirror.stats.openConnections === 1);
      equal(bodyOf(await copyOf(mirror, LARGE)).length, 600_000);
    },
  );
}

test('nghttpd: as nghttp2 understands us', { skip: missingPeers('nghttpd') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-nghttpd-'));
  try {
    writeFileSync(join(folder, 'file.txt'), 'hello from a file\n');
    const port = await freePort();
    const args = ['--no-tls', '--htdocs', folder, '--echo-upload', '--padding=100', String(port)];
    await using _peer = await startPeer('nghttpd', args, port);
    await using mirror = openMirror(port, { protocol: 'h2c' });
    const outcomes = await Promise.all(Array.from({ length: 300 }, () => copyOf(mirror, GET)));
    ok(outcomes.every((outcome) => bodyOf(outcome) === 'hello from a file\n'));
    const body = 'x'.repeat(500_000);
    ok(bodyOf(await copyOf(mirror, post('/echo', body))) === body);
    equal(mirror.stats.connects, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function envoyConfig(port: number): string {
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'test',
    codec_type: 'HTTP2',
    http2_protocol_options: { max_concurrent_streams: 10 },
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              direct_response: { status: 200, body: { inline_string: 'from envoy' } },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return JSON.stringify({
    static_resources: { listeners: [{ name: 'test', address, filter_chains: [{ filters: [filter] }] }] },
  });
}

test('Envoy: answers as many at once as it takes', { skip: missingPeers('envoy') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-envoy-'));
  try {
    const port = await freePort();
    writeFileSync(join(folder, 'envoy.json'), envoyConfig(port));
    const args = [
      '-c',
      join(folder, 'envoy.json'),
      '--concurrency',
      '1',
      '--disable-hot-restart',
      '-l',
      'error',
    ];
    await using _peer = await startPeer('envoy', args, port);
    await using mirror = openMirror(port, { protocol: 'h2c', limits: { concurrency: 64, queue: 1_000 } });
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => copyOf(mirror, GET)));
    ok(
      outcomes.every((outcome) => bodyOf(outcome) === 'from envoy'),
      outcomes.map(wordOf).join(' '),
    );
    equal(wordOf(await copyOf(mirror, post('/', 'x'.repeat(1_000)))), '200');
    // 64 are under way before it has said that it takes ten; later copies go to more sessions.
    ok(mirror.stats.connects <= 7, `${mirror.stats.connects}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
