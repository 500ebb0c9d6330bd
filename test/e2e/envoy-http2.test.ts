import { deepEqual, equal } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { totalOf } from '../../src/kit/counts.ts';
import { eventually } from '../fixtures/eventually.ts';
import { openGrpcClient, orderMessage, startGrpcService } from '../fixtures/grpc-service.ts';
import { freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';

const TYPES = 'type.googleapis.com/envoy.extensions';

function socketAddress(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** A listener of HTTP/2 by prior knowledge that passes everything on to another one. */
function hop(name: string, port: number): object {
  const manager = {
    '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    codec_type: 'HTTP2',
    server_header_transformation: 'PASS_THROUGH',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: name, timeout: '0s' } }],
        },
      ],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router`, suppress_envoy_headers: true },
      },
    ],
  };
  const filters = [{ name: 'http', typed_config: manager }];
  return { name, address: socketAddress(port), filter_chains: [{ filters }] };
}

function cluster(name: string, to: number): object {
  const protocol = `${TYPES}.upstreams.http.v3.HttpProtocolOptions`;
  const endpoint = { endpoint: { address: socketAddress(to) } };
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': protocol,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

const ROUNDS = 5;

for (const [version, findings] of [
  ['same', []],
  [
    'changed',
    [`POST /shop.Orders/Get value body.#6.#3 ${ROUNDS}`, `POST /shop.Orders/List length body ${ROUNDS}`],
  ],
] as const) {
  test(
    `Envoy before the listener and before the mirror, which is ${version === 'same' ? 'the same' : 'another version'}: calls of grpc-js`,
    { skip: missingPeers('envoy') },
    async () => {
      using folder = temporaryFolder();
      await using primary = await startGrpcService();
      await using mirror = await startGrpcService(version);
      const [front, behind] = [await freePort(), await freePort()];
      const policy = { writes: 'mirror', compare: { gate: quickGate() } };
      await using understudy = await startUnderstudy({
        config: oneTap(primary.url, `h2c://127.0.0.1:${behind}`, { policy }),
      });
      const file = folder.file('envoy.json');
      const listeners = [hop('front', front), hop('behind', behind)];
      const clusters = [cluster('front', await understudy.port()), cluster('behind', mirror.port)];
      writeFileSync(file, JSON.stringify({ static_resources: { listeners, clusters } }));
      const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
      await using _envoy = await startPeer('envoy', args, front);
      using direct = openGrpcClient(primary.port);
      using client = openGrpcClient(front);
      const calls = [
        ['Get', ['order']],
        ['List', ['all']],
        ['Add', ['a', 'b', orderMessage('c'.repeat(100_000))]],
        ['Talk', ['one', 'two', 'three']],
        ['List', ['missing']],
      ] as const;
      for (const [rpc, messages] of calls) {
        const expected = await direct.call(rpc, messages);
        for (let round = 0; round < ROUNDS; round++) deepEqual(await client.call(rpc, messages), expected);
      }
      const pairs = calls.length * ROUNDS;
      const judged = await eventually('every call is compared', async () => {
        const [found] = (await verdictOf(understudy)).mirrors;
        return found?.pairs.compared === pairs && found;
      });
      deepEqual(
        judged.findings
          .map(({ route, kind, path, mirrorOnly }) => `${route} ${kind} ${path} ${mirrorOnly}`)
          .toSorted(),
        findings,
      );
      const tap = await understudy.tap();
      deepEqual([tap.requests, totalOf(tap.unfollowed)], [{ http1: 0, http2: pairs }, 0]);
      const cancel = eventually('both have the call', () =>
        [primary, mirror].every(({ calls: seen }) => seen.at(-1)?.requests[0]?.toString() === 'wait'),
      );
      equal((await client.call('Get', ['wait'], { cancel })).code, 1);
      await eventually('both are told', () =>
        [primary, mirror].every(({ calls: seen }) => seen.at(-1)?.cancelled === true),
      );
    },
  );
}
