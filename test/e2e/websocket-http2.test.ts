import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { test } from 'node:test';
import { closePayload, encodeClientFrame, OPCODE } from '../../src/wire/websocket/frame.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import type { Peer } from '../fixtures/peers.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import type { Understudy } from '../fixtures/understudy.ts';
import { quickGate, verdictOf } from '../fixtures/versions.ts';
import { order } from '../fixtures/websocket-client.ts';
import { startWebSocketService } from '../fixtures/websocket-service.ts';
import { openWebSocketStreams, serverFrame } from '../fixtures/websocket-streams.ts';

// Envoy makes WebSockets over HTTP/2 of those that Node asks for, and takes them before Python's `websockets`.

const OPTIONS = { timeout: 60_000, skip: missingPeers('envoy', 'websockets') };
const POLICY = { upgrade: 'mirror', compare: { gate: quickGate() } };
const TYPES = 'type.googleapis.com/envoy.extensions';
const ROUNDS = 3;

/** Takes WebSockets over `from` and asks for them over `to`. */
interface Hop {
  readonly port: number;
  readonly target: number;
  readonly from: 'http1' | 'http2';
  readonly to: 'http1' | 'http2';
}

function socketAddress(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function listener({ port, from }: Hop): object {
  const name = String(port);
  const manager = {
    '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    server_header_transformation: 'PASS_THROUGH',
    ...(from === 'http2'
      ? { codec_type: 'HTTP2', http2_protocol_options: { allow_connect: true } }
      : { codec_type: 'HTTP1' }),
    upgrade_configs: [{ upgrade_type: 'websocket' }],
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
  return {
    name,
    address: socketAddress(port),
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
}

function cluster({ port, target, to }: Hop): object {
  const options =
    to === 'http2' ? { http2_protocol_options: { allow_connect: true } } : { http_protocol_options: {} };
  return {
    name: String(port),
    type: 'STATIC',
    load_assignment: {
      cluster_name: String(port),
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(target) } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: options,
      },
    },
  };
}

function startEnvoy(file: string, hops: readonly [Hop, ...Hop[]]): Promise<Peer> {
  const resources = { listeners: hops.map(listener), clusters: hops.map(cluster) };
  writeFileSync(file, JSON.stringify({ static_resources: resources }));
  const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
  return startPeer('envoy', args, hops[0].port);
}

const portOf = (url: string): number => Number(new URL(url).port);

function findingsOf(understudy: Understudy): Promise<readonly string[]> {
  return eventually(`${ROUNDS} pairs are compared`, async () => {
    const [mirror] = (await verdictOf(understudy)).mirrors;
    if (mirror?.pairs.compared !== ROUNDS) return false;
    return mirror.findings.map(
      ({ route, kind, path, mirrorOnly }) => `${route} ${kind} ${path} ${mirrorOnly}`,
    );
  });
}

for (const { live, mirrored } of [
  { live: 'http2', mirrored: 'http2' },
  { live: 'http2', mirrored: 'http1' },
  { live: 'http1', mirrored: 'http2' },
] as const)
  for (const [version, findings] of [
    ['same', []],
    ['changed', [`GET /orders type body[].total ${ROUNDS}`]],
  ] as const) {
    const other = version === 'same' ? 'the same' : 'another version';
    test(`over ${live}, with a mirror over ${mirrored} that is ${other}`, OPTIONS, async () => {
      using folder = temporaryFolder();
      await using primary = await startWebSocketService('same');
      await using mirror = await startWebSocketService(version);
      const [front, before, behind] = [await freePort(), await freePort(), await freePort()];
      const primaryUrl = live === 'http2' ? `h2c://127.0.0.1:${before}` : primary.url;
      const mirrorUrl = mirrored === 'http2' ? `h2c://127.0.0.1:${behind}` : mirror.url;
      await using understudy = await startUnderstudy({
        config: oneTap(primaryUrl, mirrorUrl, { policy: POLICY }),
      });
      const port = await understudy.port();
      await using envoy = await startEnvoy(folder.file('envoy.json'), [
        { port: front, target: port, from: 'http1', to: 'http2' },
        { port: before, target: portOf(primary.url), from: 'http2', to: 'http1' },
        { port: behind, target: portOf(mirror.url), from: 'http2', to: 'http1' },
      ]);
      const heard = await Promise.all(
        Array.from({ length: ROUNDS }, () => order(live === 'http2' ? front : port)),
      );
      deepEqual(
        heard.map(({ length }) => length),
        [7, 7, 7],
      );
      deepEqual(await findingsOf(understudy), findings);
      const [v2] = (await understudy.policy()).mirrors;
      deepEqual([v2?.mirrored, v2?.pairs.incomplete, v2?.inFlight], [ROUNDS, 0, 0]);
      // It keeps its connections, which would be waited for.
      await envoy[Symbol.asyncDispose]();
      const { result } = await understudy.stop();
      deepEqual(result.requests, {
        http1: live === 'http1' ? ROUNDS : 0,
        http2: live === 'http2' ? ROUNDS : 0,
      });
      equal(result.incomplete, 0);
    });
  }

/** Says some things over one session of Node's, each on a WebSocket of its own, and closes it. */
async function sayAll(port: number, texts: readonly string[]): Promise<readonly string[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await once(session, 'remoteSettings');
  const heard = await Promise.all(
    texts.map(async (text) => {
      const stream = session.request(
        { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws', 'sec-websocket-version': '13' },
        { endStream: false },
      );
      await once(stream, 'response');
      stream.write(encodeClientFrame(OPCODE.text, Buffer.from(text), Buffer.from([1, 2, 3, 4])));
      stream.setEncoding('latin1');
      let all = '';
      for await (const chunk of stream) {
        // The answer, and then the answer to the Close frame.
        if (all === '') stream.end(encodeClientFrame(OPCODE.close, closePayload(1000), Buffer.alloc(4)));
        all += String(chunk);
      }
      return all.slice(2, 2 + (all.codePointAt(1) ?? 0));
    }),
  );
  const closed = once(session, 'close');
  session.close();
  await closed;
  return heard;
}

test("Node's HTTP/2 as client, primary and mirror", async () => {
  await using primary = await openWebSocketStreams();
  await using mirror = await openWebSocketStreams({
    said(channel, word) {
      if (word.startsWith('close')) channel.end(serverFrame(closePayload(1000), 0x88));
      else channel.write(serverFrame(word === 'text two' ? 'echo too' : word.replace('text', 'echo')));
    },
  });
  await using understudy = await startUnderstudy({
    config: oneTap(`h2c://127.0.0.1:${primary.port}`, `h2c://127.0.0.1:${mirror.port}`, { policy: POLICY }),
  });
  const heard = await sayAll(await understudy.port(), ['one', 'two', 'three']);
  deepEqual(heard, ['echo one', 'echo two', 'echo three']);
  deepEqual(await findingsOf(understudy), ['GET /ws value body[] 1']);
  // One session for them all.
  deepEqual([mirror.connections, mirror.heads.length], [1, 3]);
});
