import { deepEqual, equal, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { startHttp2Primary } from '../fixtures/http2-primary.ts';
import { listenerSettings } from '../fixtures/live-listener.ts';
import { openObservedListener } from '../fixtures/observed-listener.ts';
import { freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import type { Peer } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import type { TemporaryFolder } from '../fixtures/temporary-folder.ts';

// Other people's HTTP/2, each with header compression of its own: proxies in front of the listener and nginx behind it.

interface Front {
  readonly name: string;
  /** What it is asked for: content comes back as it goes, or after all of it has come. */
  readonly echo: '/echo' | '/echo-whole';
  /** Takes HTTP/1.1 on one port and speaks HTTP/2 by prior knowledge to the other. */
  start(folder: TemporaryFolder, port: number, to: number): Promise<Peer>;
}

const FRONTS: readonly Front[] = [
  {
    name: 'haproxy',
    echo: '/echo',
    start(folder, port, to) {
      const file = folder.file('haproxy.cfg');
      writeFileSync(
        file,
        `global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  server one 127.0.0.1:${to} proto h2
`,
      );
      return startPeer('haproxy', ['-db', '-f', file], port);
    },
  },
  {
    name: 'envoy',
    echo: '/echo',
    start(folder, port, to) {
      const file = folder.file('envoy.json');
      const manager = {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: 'front',
        route_config: {
          virtual_hosts: [
            { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'back' } }] },
          ],
        },
        http_filters: [
          {
            name: 'router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
      };
      const cluster = {
        name: 'back',
        type: 'STATIC',
        load_assignment: {
          cluster_name: 'back',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(to) } }] }],
        },
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            explicit_http_config: { http2_protocol_options: {} },
          },
        },
      };
      const filters = [{ name: 'http', typed_config: manager }];
      const listener = { name: 'front', address: address(port), filter_chains: [{ filters }] };
      writeFileSync(
        file,
        JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }),
      );
      return startPeer('envoy', ['-c', file, '--base-id', String(port), '--concurrency', '1'], port);
    },
  },
  {
    name: 'traefik',
    // Go's HTTP/1.1 server stops reading a request when its answer begins, and Traefik breaks the answer off if it was in
    // the middle of that (golang/go#40747): in one of seven runs, with and without a listener in between.
    echo: '/echo-whole',
    start(folder, port, to) {
      const routes = folder.file('routes.yaml');
      const service = { loadBalancer: { servers: [{ url: `h2c://127.0.0.1:${to}` }] } };
      const router = { rule: 'PathPrefix(`/`)', service: 'back' };
      writeFileSync(
        routes,
        JSON.stringify({ http: { routers: { all: router }, services: { back: service } } }),
      );
      const file = folder.file('traefik.yaml');
      const settings = {
        entryPoints: { web: { address: `127.0.0.1:${port}` } },
        providers: { file: { filename: routes } },
        global: { checkNewVersion: false, sendAnonymousUsage: false },
      };
      writeFileSync(file, JSON.stringify(settings));
      return startPeer('traefik', [`--configFile=${file}`], port);
    },
  },
];

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

const REQUESTS = 60;

/** Asks a front, some at once; says what it was answered, by path. */
async function ask(port: number, echo: string): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>();
  const one = async (at: number): Promise<void> => {
    const path = `${echo}?${at}`;
    const headers = {
      cookie: `a=${at % 3}; b=${'c'.repeat(at * 20)}`,
      'x-number': String(at),
      'x-same': 'value',
    };
    const url = `http://127.0.0.1:${port}${path}`;
    const answer = await fetch(url, { method: 'POST', headers, body: `body of ${at} `.repeat(at * 10) });
    answers.set(path, await answer.text());
  };
  for (let at = 0; at < REQUESTS; at += 6)
    await Promise.all(Array.from({ length: 6 }, (_, more) => one(at + more)));
  return answers;
}

for (const { name, echo, start } of FRONTS) {
  suite(name, { skip: missingPeers(name) }, () => {
    test('as the client: every request is an exchange, with its fields and bodies', async () => {
      await using primary = await startHttp2Primary();
      await using listener = await openObservedListener(listenerSettings([primary.port]));
      using folder = temporaryFolder();
      const port = await freePort();
      await using _front = await start(folder, port, listener.port);
      await eventually(
        'the front has its routes',
        async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok,
      );
      const answers = await ask(port, echo);
      const echoes = async () =>
        (await listener.exchanges(0)).filter(({ exchange }) => exchange.request.path === echo);
      await eventually('all are seen', async () => (await echoes()).length >= REQUESTS);
      const all = await echoes();
      equal(all.length, REQUESTS);
      for (const { exchange, requestBody, responseBody } of all) {
        const { request, response, incomplete } = exchange;
        const at = Number(request.query);
        deepEqual([request.method, response?.status, incomplete], ['POST', 200, undefined]);
        equal(request.header('x-number'), String(at));
        equal(request.header('cookie'), `a=${at % 3}; b=${'c'.repeat(at * 20)}`);
        equal(requestBody, `body of ${at} `.repeat(at * 10));
        ok(responseBody === requestBody && answers.get(request.target) === requestBody);
      }
      const { counts } = listener.observer;
      deepEqual([counts.http1Requests, counts.givenUp, counts.resynchronised], [0, 0, 0]);
    });
  });
}

suite('nginx', { skip: missingPeers('nginx', 'haproxy') }, () => {
  test('as the primary, behind HAProxy', async () => {
    using folder = temporaryFolder();
    const port = await freePort();
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${folder.file(kind)};`,
    );
    writeFileSync(folder.file('big.txt'), 'nginx '.repeat(50_000));
    writeFileSync(
      folder.file('nginx.conf'),
      `${user} daemon off; worker_processes 1; pid ${folder.file('nginx.pid')}; error_log ${folder.file('error.log')};
events { worker_connections 64; }
http { ${temporary.join(' ')} access_log off; gzip on; gzip_types text/plain;
  server { listen 127.0.0.1:${port} http2; root ${folder.path};
    location /say { add_header x-token $arg_t; return 200 "you said $arg_t"; } } }
`,
    );
    await using _nginx = await startPeer('nginx', ['-p', folder.path, '-c', folder.file('nginx.conf')], port);
    await using listener = await openObservedListener(listenerSettings([port]));
    const frontPort = await freePort();
    const [haproxy] = FRONTS;
    ok(haproxy !== undefined);
    await using _front = await haproxy.start(folder, frontPort, listener.port);
    const url = `http://127.0.0.1:${frontPort}`;
    for (let at = 0; at < 30; at++) equal(await (await fetch(`${url}/say?t=${at}`)).text(), `you said ${at}`);
    equal((await (await fetch(`${url}/big.txt`)).text()).length, 300_000);
    equal((await fetch(`${url}/missing`)).status, 404);
    const all = await listener.exchanges(32);
    deepEqual(
      all
        .slice(0, 30)
        .map(({ exchange, responseBody }) => [exchange.response?.header('x-token'), responseBody]),
      Array.from({ length: 30 }, (_, at) => [String(at), `you said ${at}`]),
    );
    deepEqual(
      all
        .slice(30)
        .map(({ exchange }) => [exchange.request.path, exchange.response?.status, exchange.incomplete]),
      [
        ['/big.txt', 200, undefined],
        ['/missing', 404, undefined],
      ],
    );
    deepEqual([listener.observer.counts.givenUp, listener.observer.counts.http2Requests], [0, 32]);
  });
});
