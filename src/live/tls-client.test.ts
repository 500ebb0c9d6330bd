import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import type { CertificatePair } from '../../test/fixtures/certificates.ts';
import { listenTls, terminating } from '../../test/fixtures/tls-listener.ts';
import { UserError } from '../kit/errors.ts';
import type { ClientTls, Endpoint } from '../model/settings.ts';
import { agreesOn, loadClientPem, PrimaryTls } from './tls-client.ts';

const authority = createAuthority();
const stranger = createAuthority('Somebody else');
after(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

const local = authority.issue('local', { dns: ['localhost', 'orders.example'], ips: ['127.0.0.1'] });
const named = authority.issue('named', { dns: ['orders.example'] });
const expired = authority.issue('expired', { ips: ['127.0.0.1'], expired: true });
const foreign = stranger.issue('foreign', { ips: ['127.0.0.1'] });
const SPIFFE = 'spiffe://prod.example/understudy';
const own = authority.issue('own', { uris: [SPIFFE] });

const settings: ClientTls = {
  ca: authority.ca,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  verify: true,
};

function endpoint(port: number, host = '127.0.0.1'): Endpoint {
  return { url: `https://${host}`, address: { kind: 'tcp', host, port }, protocol: 'http1', tls: true };
}

async function primaryTls(more: Partial<ClientTls> = {}) {
  const tlsSettings = { ...settings, ...more };
  return new PrimaryTls(tlsSettings, (await loadClientPem(tlsSettings)).pem);
}

/** A plain Node server, which tells what the client sent with its handshake. */
async function serve(pair: CertificatePair, options: tls.TlsOptions = {}) {
  const server = tls.createServer({
    cert: readFileSync(pair.cert),
    key: readFileSync(pair.key),
    ALPNProtocols: ['h2', 'http/1.1'],
    ...options,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

async function secured(socket: TLSSocket): Promise<TLSSocket> {
  await once(socket, 'secureConnect');
  return socket;
}

const refusals: readonly (readonly [string, CertificatePair, Partial<ClientTls>, string, RegExp])[] = [
  ['another authority', foreign, {}, '127.0.0.1', /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify/],
  ['another address', named, {}, '127.0.0.1', /does not match certificate's altnames: IP: 127\.0\.0\.1/],
  ['another host', named, {}, 'localhost', /Host: localhost\. is not in the cert's altnames/],
  [
    'another server name',
    local,
    { serverName: 'shop.example' },
    '127.0.0.1',
    /Host: shop\.example\. is not in/,
  ],
  [
    'another address as server name',
    local,
    { serverName: '127.0.0.2' },
    '127.0.0.1',
    /IP: 127\.0\.0\.2 is not in/,
  ],
  ['an expired certificate', expired, {}, '127.0.0.1', /certificate has expired/],
];

for (const [name, pair, more, host, expected] of refusals) {
  test(`refuses a primary with ${name}; without verification it is taken`, async () => {
    using served = await serve(pair);
    const strict = (await primaryTls(more)).connect(endpoint(served.port, host), undefined);
    await assert.rejects(secured(strict), (error: unknown) => {
      assert.match(String(error) + ((error as { code?: string }).code ?? ''), expected);
      return true;
    });
    assert.equal(strict.destroyed, true);
    const lax = (await primaryTls({ ...more, verify: false })).connect(
      endpoint(served.port, host),
      undefined,
    );
    (await secured(lax)).destroy();
  });
}

const accepted: readonly (readonly [string, CertificatePair, Partial<ClientTls>, string, string | false])[] =
  [
    ['its host name', local, {}, 'localhost', 'localhost'],
    ['its address, which is not sent as a name', local, {}, '127.0.0.1', false],
    [
      'the server name of the settings',
      named,
      { serverName: 'orders.example' },
      '127.0.0.1',
      'orders.example',
    ],
  ];

for (const [name, pair, more, host, sent] of accepted) {
  test(`verifies a primary by ${name}`, async () => {
    using served = await serve(pair);
    const arrived = once(served.server, 'secureConnection') as Promise<[TLSSocket & { servername: unknown }]>;
    const socket = await secured((await primaryTls(more)).connect(endpoint(served.port, host), undefined));
    assert.equal(socket.authorized, true);
    assert.equal((await arrived)[0].servername, sent);
    socket.destroy();
  });
}

test('offers the protocol that the client agreed on, HTTP/1.1 where there was none', async () => {
  using served = await serve(local);
  const primary = await primaryTls();
  for (const [alpn, expected] of [
    ['h2', 'h2'],
    ['http/1.1', 'http/1.1'],
    [undefined, 'http/1.1'],
  ] as const) {
    const socket = await secured(primary.connect(endpoint(served.port), alpn));
    assert.equal(socket.alpnProtocol, expected);
    assert.equal(agreesOn(socket, alpn), true);
    socket.destroy();
  }
});

test('a primary that knows no ALPN speaks HTTP/1.1, and does not agree on HTTP/2', async () => {
  using served = await serve(local, { ALPNProtocols: undefined });
  const primary = await primaryTls();
  const socket = await secured(primary.connect(endpoint(served.port), 'h2'));
  assert.equal(agreesOn(socket, 'h2'), false);
  assert.equal(agreesOn(socket, 'http/1.1'), true);
  assert.equal(agreesOn(socket, undefined), true);
  socket.destroy();
});

test('shows its own certificate when the primary asks for one', async () => {
  await using listener = await listenTls(terminating([local], { clientCa: authority.ca }));
  const outcome = listener.outcome();
  const socket = await secured((await primaryTls(own)).connect(endpoint(listener.port), undefined));
  assert.equal((await outcome)?.principal, SPIFFE);
  socket.destroy();
});

async function reused(primary: PrimaryTls, to: Endpoint): Promise<boolean> {
  const socket = primary.connect(to, undefined);
  const echoed = once(socket, 'data');
  socket.write('ping');
  await echoed;
  const resumed = socket.isSessionReused();
  socket.destroy();
  return resumed;
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: resumes the endpoint's last session, again and again`, async () => {
    using served = await serve(local, { maxVersion });
    const primary = await primaryTls();
    const to = endpoint(served.port);
    assert.deepEqual(
      [await reused(primary, to), await reused(primary, to), await reused(primary, to)],
      [false, true, true],
    );
    assert.equal(await reused(primary, endpoint(served.port, 'localhost')), false);
    assert.equal(await reused(await primaryTls(), to), false);
  });
}

test('goes without the session after a handshake that failed', async () => {
  using served = await serve(local);
  const primary = await primaryTls();
  assert.equal(await reused(primary, endpoint(served.port)), false);
  const closing = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(closing, 'listening');
  await assert.rejects(
    secured(primary.connect(endpoint((closing.address() as AddressInfo).port), undefined)),
  );
  closing.close();
  assert.equal(await reused(primary, endpoint(served.port)), false);
  assert.equal(await reused(primary, endpoint(served.port)), true);
});

test('keeps the sessions of a bounded number of endpoints', async () => {
  using served = await serve(local);
  const primary = await primaryTls();
  const first = { ...endpoint(served.port), url: 'first' };
  await reused(primary, first);
  for (let i = 0; i < 1024; i++) {
    primary
      .connect({ ...endpoint(1), url: `${i}` }, undefined)
      .on('error', () => {})
      .destroy();
  }
  assert.equal(primary.evicted, 1);
  assert.equal(await reused(primary, first), false);
});

test('does its handshake over a socket that is given', async () => {
  using served = await serve(local);
  const raw = net.connect(served.port, '127.0.0.1');
  await once(raw, 'connect');
  const socket = await secured((await primaryTls()).connect(endpoint(1), undefined, { socket: raw }));
  assert.equal(socket.remotePort, served.port);
  socket.destroy();
});

test('without a file the authorities are those of the system', async () => {
  const script = `import { loadClientPem } from ${JSON.stringify(join(import.meta.dirname, 'tls-client.ts'))};
    const { pem } = await loadClientPem(${JSON.stringify({ verify: true })});
    console.log(JSON.stringify(pem.ca));`;
  const empty = mkdtempSync(join(authority.folder, 'empty-'));
  const run = (file: string) => {
    const env = { ...process.env, SSL_CERT_FILE: file, SSL_CERT_DIR: empty };
    return JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' }),
    );
  };
  assert.deepEqual(
    run(authority.ca).map((pem: string) => pem.trim()),
    [readFileSync(authority.ca, 'utf8').trim()],
  );
  // Where the system has none: those that Node brings along.
  assert.ok(run('/nowhere').length > 50);
});

test('reads no authorities where nothing is verified', async () => {
  const { pem } = await loadClientPem({ ...settings, verify: false });
  assert.equal(pem.ca, undefined);
});

test('takes certificate and key from one file, and refuses what does not belong together', async () => {
  await assert.rejects(loadClientPem({ ...settings, cert: own.cert, key: local.key }), UserError);
  await assert.rejects(loadClientPem({ ...settings, cert: own.cert }), /holds no private key/);
  await assert.rejects(loadClientPem({ ...settings, ca: '/nowhere.pem' }), /nowhere\.pem cannot be read/);
});
