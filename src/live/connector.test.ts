import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import { openHangingPort } from '../../test/fixtures/hanging-port.ts';
import { closedPort, openPrimary, primaryAt, readAll } from '../../test/fixtures/live-listener.ts';
import { listenTls, terminating } from '../../test/fixtures/tls-listener.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Endpoint, PrimarySettings } from '../model/settings.ts';
import { Connector } from './connector.ts';
import type { EndpointState } from './balance.ts';
import { loadClientPem } from './tls-client.ts';

const authority = createAuthority();
const certificate = authority.issue('local', { ips: ['127.0.0.1'] });
const folder = mkdtempSync(join(tmpdir(), 'connector-'));
after(() => {
  authority[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

interface Client {
  readonly alpn: string | undefined;
  readonly preamble?: Uint8Array;
  readonly over: (outcome: Outcome) => void;
}
type Outcome = { readonly upstream: Socket; readonly endpoint: EndpointState } | undefined;

async function connectorTo(settings: PrimarySettings, clock = new ManualClock()) {
  const pem = settings.tls === undefined ? undefined : (await loadClientPem(settings.tls)).pem;
  const events = {
    preamble: (client: Client) => client.preamble,
    connected: (client: Client, upstream: Socket, endpoint: EndpointState) =>
      client.over({ upstream, endpoint }),
    unreachable: (client: Client) => client.over(undefined),
  };
  const connector = new Connector<Client>(settings, pem, events, clock);
  return {
    connector,
    clock,
    /** Resolves with the connection, or undefined when no endpoint can be reached. */
    connect(part: Partial<Client> = {}): Promise<Outcome> {
      return new Promise((over) => connector.connect({ alpn: undefined, over, ...part }));
    },
    connections: () => connector.endpoints.status().map(({ connections }) => connections),
  };
}

const tlsSettings = {
  ca: authority.ca,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  verify: true,
};

function tlsEndpoint(port: number): Endpoint {
  return {
    url: `https://127.0.0.1:${port}`,
    address: { kind: 'tcp', host: '127.0.0.1', port },
    protocol: 'http1',
    tls: true,
  };
}

test('an endpoint that refuses is passed over for the next one, and rests', async () => {
  await using primary = await openPrimary();
  const { connector, connect, connections } = await connectorTo(
    primaryAt([await closedPort(), primary.place, await closedPort()]),
  );
  const urls = [];
  for (let i = 0; i < 6; i++) {
    const outcome = await connect();
    urls.push(outcome?.endpoint.endpoint.url);
    outcome?.upstream.destroy();
  }
  assert.deepEqual(new Set(urls), new Set([`test:${primary.place}`]));
  assert.deepEqual(
    connector.endpoints.status().map(({ state }) => state),
    ['resting', 'up', 'resting'],
  );
  assert.deepEqual([connections(), connector.connecting], [[0, 6, 0], 0]);
});

test('a connect that takes too long is given up for the next endpoint', async () => {
  await using hanging = await openHangingPort();
  await using primary = await openPrimary();
  const { connector, clock, connect, connections } = await connectorTo(
    primaryAt([hanging.port, primary.place], { connectTimeoutMs: 1000 }),
  );
  const connecting = connect();
  clock.advance(999);
  connector.sweep(clock.monotonic());
  assert.equal(connector.connecting, 1);
  assert.deepEqual(connections(), [1, 0]);
  clock.advance(1);
  connector.sweep(clock.monotonic());
  const outcome = await connecting;
  assert.equal(outcome?.endpoint.endpoint.url, `test:${primary.place}`);
  assert.deepEqual(connections(), [0, 1]);
  outcome?.upstream.destroy();
});

test('when no endpoint can be reached, nothing is left behind', async () => {
  const { connector, connect, connections } = await connectorTo(
    primaryAt([await closedPort(), await closedPort()]),
  );
  assert.equal(await connect(), undefined);
  assert.deepEqual([connections(), connector.connecting], [[0, 0], 0]);
});

test('at most eight endpoints are tried for one client', async () => {
  const places = await Promise.all(Array.from({ length: 12 }, closedPort));
  const { connector, connect } = await connectorTo(primaryAt([...new Set(places)]));
  assert.equal(await connect(), undefined);
  assert.equal(connector.endpoints.status().filter(({ failures }) => failures > 0).length, 8);
});

test('a Unix socket that nobody listens on', async () => {
  const path = join(folder, 'primary');
  const { connect } = await connectorTo(primaryAt([path]));
  assert.equal(await connect(), undefined);
  await using primary = await openPrimary(path);
  const outcome = await connect();
  const accepted = await primary.accept();
  outcome?.upstream.end('x');
  assert.equal(String((await readAll(accepted)).bytes), 'x');
});

test('closing gives up what is under way, and tells', async () => {
  await using hanging = await openHangingPort();
  const { connector, connect, connections } = await connectorTo(primaryAt([hanging.port]));
  const connecting = connect();
  connector.close();
  assert.equal(await connecting, undefined);
  assert.deepEqual([connections(), connector.connecting], [[0], 0]);
});

test('other endpoints take over while a connect is under way', async () => {
  await using hanging = await openHangingPort();
  await using primary = await openPrimary();
  const { connector, clock, connect } = await connectorTo(primaryAt([hanging.port]));
  const connecting = connect();
  connector.update(primaryAt([primary.place]), undefined);
  clock.advance(5000);
  connector.sweep(clock.monotonic());
  const outcome = await connecting;
  assert.equal(outcome?.endpoint.endpoint.url, `test:${primary.place}`);
  outcome?.upstream.destroy();
});

for (const preamble of [undefined, Buffer.from('PROXY UNKNOWN\r\n')]) {
  const name = preamble === undefined ? 'TLS' : 'a preamble ahead of TLS';

  test(`${name}: to the endpoint that can be reached`, async () => {
    await using server = await listenTls(terminating([certificate]), {
      proxyProtocol: preamble !== undefined,
    });
    const { connect, connections } = await connectorTo(
      primaryAt([], {
        endpoints: [tlsEndpoint(await closedPort()), tlsEndpoint(server.port)],
        tls: tlsSettings,
      }),
    );
    const outcome = await connect(preamble === undefined ? {} : { preamble });
    assert.deepEqual(connections(), [0, 1]);
    outcome?.upstream.end('GET / HTTP/1.1\r\n\r\n');
    assert.ok(outcome !== undefined);
    assert.match(String((await readAll(outcome.upstream)).bytes), /"alpn":"http\/1.1"/);
  });

  test(`${name}: a handshake that takes too long is closed`, async () => {
    const silent = net.createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { connector, clock, connect } = await connectorTo(
      primaryAt([], { endpoints: [tlsEndpoint(port)], tls: tlsSettings }),
    );
    const accepted = once(silent, 'connection');
    const connecting = connect(preamble === undefined ? {} : { preamble });
    const [socket] = (await accepted) as [Socket];
    socket.on('error', () => {});
    socket.resume();
    const closed = once(socket, 'close');
    clock.advance(5000);
    connector.sweep(clock.monotonic());
    assert.equal(await connecting, undefined);
    socket.end();
    await closed;
    silent.close();
  });

  test(`${name}: a peer that hangs up within the handshake`, async () => {
    const rude = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.destroy());
    });
    rude.listen(0, '127.0.0.1');
    await once(rude, 'listening');
    const { port } = rude.address() as AddressInfo;
    const { connect } = await connectorTo(
      primaryAt([], { endpoints: [tlsEndpoint(port)], tls: tlsSettings }),
    );
    assert.equal(await connect(preamble === undefined ? {} : { preamble }), undefined);
    rude.close();
  });

  test(`${name}: nothing unhandled when nothing listens`, async () => {
    const { connect } = await connectorTo(
      primaryAt([], { endpoints: [tlsEndpoint(await closedPort())], tls: tlsSettings }),
    );
    assert.equal(await connect(preamble === undefined ? {} : { preamble }), undefined);
  });
}
