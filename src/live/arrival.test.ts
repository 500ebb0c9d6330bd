import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { listenerSettings, readAll, readBytes } from '../../test/fixtures/live-listener.ts';
import { terminating } from '../../test/fixtures/tls-listener.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { ListenerSettings } from '../model/settings.ts';
import { Arrivals } from './arrival.ts';
import type { Arrived } from './arrival.ts';
import { createTicketKeys, loadCertificates } from './certificates.ts';
import { encodeProxyHeader } from './proxy-protocol.ts';

const authority = createAuthority();
const certificate = authority.issue('local', { dns: ['localhost'], ips: ['127.0.0.1'] });
after(() => authority[Symbol.dispose]());

const ENDS = {
  source: { ip: '203.0.113.7', port: 4711 },
  destination: { ip: '198.51.100.1', port: 443 },
};
const V1 = encodeProxyHeader('v1', ENDS);
const V2 = encodeProxyHeader('v2', ENDS);

function socketOf({ socket }: Arrived): Socket {
  assert.ok(socket instanceof Socket);
  return socket;
}

/** A port whose connections go through an `Arrivals`; the test takes what comes out of it. */
async function open(part: Partial<ListenerSettings>) {
  const settings = listenerSettings([], part);
  const clock = new ManualClock();
  const bundle =
    settings.tls.mode === 'terminate'
      ? (await loadCertificates(settings.tls, createTicketKeys())).bundle
      : undefined;
  const outcomes: (Arrived | undefined)[] = [];
  const takers: ((outcome: Arrived | undefined) => void)[] = [];
  const over = (outcome: Arrived | undefined): void => {
    if (outcome !== undefined) socketOf(outcome).on('error', () => {});
    const taker = takers.shift();
    if (taker === undefined) outcomes.push(outcome);
    else taker(outcome);
  };
  const events = { arrived: over, failed: () => over(undefined) };
  const arrivals = new Arrivals(settings, bundle, events, clock);
  const accepted: Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accepted.push(socket);
    arrivals.accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients: Socket[] = [];
  return {
    arrivals,
    clock,
    port,
    accepted,
    /** Outcomes that nobody has asked for. */
    unasked: outcomes,
    outcome: (): Promise<Arrived | undefined> =>
      outcomes.length > 0
        ? Promise.resolve(outcomes.shift())
        : new Promise((resolve) => takers.push(resolve)),
    async connect(): Promise<Socket> {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.on('error', () => {});
      clients.push(socket);
      await once(socket, 'connect');
      return socket;
    },
    async [Symbol.asyncDispose]() {
      arrivals.close();
      for (const socket of [...clients, ...accepted]) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('where nothing comes before the first byte, a client has arrived at once', async () => {
  await using port = await open({});
  const client = await port.connect();
  const arrived = await port.outcome();
  assert.deepEqual(arrived?.source(), { ip: '127.0.0.1', port: client.localPort });
  assert.deepEqual(arrived?.destination(), { ip: '127.0.0.1', port: port.port });
  assert.deepEqual([arrived?.tls, arrived?.proxied, arrived?.principal], [false, false, undefined]);
});

for (const [version, header] of [['1', V1] as const, ['2', V2] as const]) {
  test(`a PROXY header of version ${version} in one segment with the first bytes`, async () => {
    await using port = await open({ proxyProtocol: true });
    const client = await port.connect();
    client.write(Buffer.concat([header, Buffer.from('GET /')]));
    const arrived = await port.outcome();
    assert.deepEqual([arrived?.source(), arrived?.destination()], [ENDS.source, ENDS.destination]);
    assert.ok(arrived !== undefined);
    client.write(' HTTP');
    assert.equal(String(await readBytes(socketOf(arrived), 10)), 'GET / HTTP');
  });

  test(`a PROXY header of version ${version} octet by octet, then the bytes`, async () => {
    await using port = await open({ proxyProtocol: true });
    const client = await port.connect();
    for (let i = 0; i < header.length; i++) {
      assert.equal(port.unasked.length, 0);
      client.write(header.subarray(i, i + 1));
      await eventually('it has been read', () => (port.accepted[0]?.bytesRead ?? 0) > i);
    }
    const arrived = await port.outcome();
    assert.deepEqual(arrived?.source(), ENDS.source);
    client.end('hello');
    assert.ok(arrived !== undefined);
    const ending = await readAll(socketOf(arrived));
    assert.deepEqual([ending.kind, String(ending.bytes)], ['end', 'hello']);
  });
}

test('a PROXY header, bytes and the end at once', async () => {
  await using port = await open({ proxyProtocol: true });
  const client = await port.connect();
  client.end(Buffer.concat([V1, Buffer.from('hello')]));
  const arrived = await port.outcome();
  assert.ok(arrived !== undefined);
  const ending = await readAll(socketOf(arrived));
  assert.deepEqual([ending.kind, String(ending.bytes)], ['end', 'hello']);
});

test('a header that says nothing of the addresses leaves those of the connection', async () => {
  await using port = await open({ proxyProtocol: true });
  const client = await port.connect();
  client.write('PROXY UNKNOWN\r\n');
  const arrived = await port.outcome();
  assert.deepEqual([arrived?.source().port, arrived?.proxied], [client.localPort, false]);
});

const failures: readonly (readonly [name: string, act: (client: Socket) => void])[] = [
  ['something else than a header', (client) => client.write('GET / HTTP/1.1\r\n\r\n')],
  ['half a header and the end', (client) => client.end(V1.subarray(0, 10))],
  [
    'half a header and a reset',
    (client) => void client.write(V1.subarray(0, 10), () => client.resetAndDestroy()),
  ],
  ['nothing and the end', (client) => client.end()],
];
for (const [name, act] of failures) {
  test(`instead of a PROXY header: ${name}; the connection is closed, told once`, async () => {
    await using port = await open({ proxyProtocol: true });
    const client = await port.connect();
    act(client);
    assert.equal(await port.outcome(), undefined);
    await eventually('it is closed', () => port.accepted[0]?.destroyed);
    assert.equal(port.unasked.length, 0);
  });
}

for (const part of [{ proxyProtocol: true }, { tls: terminating([certificate]) }]) {
  test(`a client that says nothing is closed when its time is over: ${Object.keys(part)}`, async () => {
    await using port = await open({ ...part, handshakeTimeoutMs: 1000 });
    const client = await port.connect();
    await eventually('it was accepted', () => port.accepted.length === 1);
    port.clock.advance(999);
    port.arrivals.sweep(port.clock.monotonic());
    assert.equal(port.accepted[0]?.destroyed, false);
    port.clock.advance(1);
    port.arrivals.sweep(port.clock.monotonic());
    assert.equal(await port.outcome(), undefined);
    await readAll(client);
    port.clock.advance(5000);
    port.arrivals.sweep(port.clock.monotonic());
    assert.equal(port.unasked.length, 0, 'told once');
  });
}

test('a PROXY header and TLS behind it, in one segment', async () => {
  await using port = await open({ proxyProtocol: true, tls: terminating([certificate]) });
  const raw = await port.connect();
  raw.write(V2);
  const client = tls.connect({ socket: raw, ca: [], rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  client.on('error', () => {});
  client.write('hello');
  const arrived = await port.outcome();
  assert.deepEqual([arrived?.tls, arrived?.alpn, arrived?.source()], [true, 'http/1.1', ENDS.source]);
  assert.ok(arrived !== undefined);
  assert.equal(String(await readBytes(socketOf(arrived), 5)), 'hello');
});

test('TLS garbage is closed, told once', async () => {
  await using port = await open({ tls: terminating([certificate]) });
  const client = await port.connect();
  client.write('GET / HTTP/1.1\r\n\r\n');
  assert.equal(await port.outcome(), undefined);
  await readAll(client);
  await eventually('it is closed', () => port.accepted[0]?.destroyed);
  assert.equal(port.unasked.length, 0);
});

test('closing ends those that are still on their way', async () => {
  await using port = await open({ proxyProtocol: true });
  const client = await port.connect();
  await eventually('it was accepted', () => port.accepted.length === 1);
  port.arrivals.close();
  assert.equal(await port.outcome(), undefined);
  await readAll(client);
});
