import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import { listenTls, terminating } from '../../test/fixtures/tls-listener.ts';
import type { TlsListener } from '../../test/fixtures/tls-listener.ts';
import { createTicketKeys, loadCertificates } from './certificates.ts';
import { encodeProxyHeader } from './proxy-protocol.ts';

const authority = createAuthority();
const stranger = createAuthority('Somebody else');
after(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

const ca = readFileSync(authority.ca, 'utf8');
const first = authority.issue('first', { dns: ['first.example'] });
const shop = authority.issue('shop', { dns: ['Shop.example', '*.shop.example'] });
const api = authority.issue('api', { dns: ['api.shop.example'] });
const shopRsa = authority.issue('shop-rsa', { dns: ['*.shop.example', 'shop.example'], keyType: 'rsa' });
const SPIFFE = 'spiffe://prod.example/ns/shop/sa/web';
const web = authority.issue('web', { uris: [SPIFFE] });
const forged = stranger.issue('forged', { uris: [SPIFFE] });

function pair({ cert, key }: { cert: string; key: string }) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function connect({ port }: { port: number }, options: ConnectionOptions = {}): TLSSocket {
  const own = { host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined, allowHalfOpen: true };
  return tls.connect({ ...own, ...options });
}

/** Connects and makes sure that bytes pass: with TLS 1.3 a client learns only then that it was refused. */
async function talk(listener: { port: number }, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect(listener, options);
  socket.write('ping');
  await new Promise((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('closed')));
  });
  return socket;
}

async function certificateFor(listener: TlsListener, servername?: string, more: ConnectionOptions = {}) {
  const socket = await talk(listener, { ...more, ...(servername === undefined ? {} : { servername }) });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

const names: readonly (readonly [string | undefined, string])[] = [
  ['first.example', 'first.example'],
  ['shop.example', 'Shop.example'],
  ['SHOP.example', 'Shop.example'],
  ['www.shop.example', 'Shop.example'],
  ['api.shop.example', 'api.shop.example'],
  ['a.b.shop.example', 'first.example'],
  ['unknown.example', 'first.example'],
  ['example', 'first.example'],
  [undefined, 'first.example'],
];

test('chooses the certificate by the name that the client asks for', async (t) => {
  await using listener = await listenTls(terminating([first, shop, api]));
  for (const [name, expected] of names) {
    await t.test(`${name ?? 'no name'} gets ${expected}`, async () => {
      assert.equal(await certificateFor(listener, name), expected);
    });
  }
});

test('serves the kind of key that suits the client, where certificates have the same names', async () => {
  await using listener = await listenTls(terminating([shop, shopRsa, first]));
  const keyFor = async (sigalgs: string) => {
    const socket = await talk(listener, { servername: 'www.shop.example', sigalgs });
    const type = socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
    socket.destroy();
    return type;
  };
  assert.equal(await keyFor('ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256'), 'ec');
  assert.equal(await keyFor('rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384'), 'rsa');
});

test('agrees on a protocol, in the order of the settings', async () => {
  await using listener = await listenTls(terminating([first]));
  const agreed = async (ALPNProtocols: string[]) => {
    const outcome = listener.outcome();
    (await talk(listener, { ALPNProtocols })).destroy();
    return (await outcome)?.alpn;
  };
  assert.equal(await agreed(['http/1.1', 'h2']), 'h2');
  assert.equal(await agreed(['http/1.1']), 'http/1.1');
  assert.equal(await agreed([]), undefined);
  await assert.rejects(talk(listener, { ALPNProtocols: ['smtp'] }), /alert/i);
});

test('refuses versions below the lowest one', async () => {
  await using listener = await listenTls(terminating([first], { minVersion: 'TLSv1.3' }));
  await assert.rejects(talk(listener, { maxVersion: 'TLSv1.2' }), /alert protocol version/);
  const socket = await talk(listener);
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  socket.destroy();
});

const clients: readonly (readonly [
  'require' | 'request',
  string,
  ConnectionOptions,
  string | undefined | false,
])[] = [
  ['require', 'a verified certificate', pair(web), SPIFFE],
  ['require', 'no certificate', {}, false],
  ['require', "a stranger's certificate", pair(forged), false],
  ['request', 'a verified certificate', pair(web), SPIFFE],
  ['request', 'no certificate', {}, undefined],
  ['request', "a stranger's certificate", pair(forged), undefined],
];

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [clientCertificate, what, options, expected] of clients) {
    test(`${maxVersion}, ${clientCertificate}: ${what} gives ${expected}`, async () => {
      const settings = terminating([first], { clientCa: authority.ca, clientCertificate });
      await using listener = await listenTls(settings);
      const outcome = listener.outcome();
      if (expected === false) {
        await assert.rejects(talk(listener, { ...options, maxVersion }));
        assert.equal(await outcome, undefined);
      } else {
        const socket = await talk(listener, { ...options, maxVersion });
        assert.equal((await outcome)?.principal, expected);
        socket.destroy();
      }
    });
  }

  test(`${maxVersion}: does not ask for a certificate without authorities for it`, async () => {
    await using listener = await listenTls(terminating([first]));
    const outcome = listener.outcome();
    (await talk(listener, { ...pair(web), maxVersion })).destroy();
    assert.equal((await outcome)?.principal, undefined);
  });

  /** Whether a session that one listener gave is resumed by another. */
  const resumes = async (from: TlsListener, to: TlsListener, options: ConnectionOptions = {}) => {
    const socket = connect(from, { ...options, maxVersion });
    const [[session]] = await Promise.all([
      once(socket, 'session'),
      once(socket, 'data'),
      socket.write('ping'),
    ]);
    socket.destroy();
    const outcome = to.outcome();
    const again = await talk(to, { ...options, maxVersion, session });
    const reused = again.isSessionReused();
    again.destroy();
    return { reused, principal: (await outcome)?.principal };
  };

  test(`${maxVersion}: workers with the same ticket keys resume each other's sessions`, async () => {
    const ticketKeys = createTicketKeys();
    const settings = terminating([first, shop], { clientCa: authority.ca });
    await using one = await listenTls(settings, { ticketKeys });
    await using two = await listenTls(settings, { ticketKeys });
    await using keyless = await listenTls(settings);
    const options = { ...pair(web), servername: 'shop.example' };
    assert.deepEqual(await resumes(one, two, options), { reused: true, principal: SPIFFE });
    assert.deepEqual(await resumes(one, keyless, options), { reused: false, principal: SPIFFE });
  });

  test(`${maxVersion}: sessions outlive a reload of the certificate`, async () => {
    const settings = terminating([first]);
    await using listener = await listenTls(settings);
    const ticketKeys = createTicketKeys();
    listener.acceptor.setCertificates((await loadCertificates(settings, ticketKeys)).bundle);
    const socket = connect(listener, { maxVersion });
    const [[session]] = await Promise.all([
      once(socket, 'session'),
      once(socket, 'data'),
      socket.write('ping'),
    ]);
    socket.destroy();
    listener.acceptor.setCertificates((await loadCertificates(terminating([shop]), ticketKeys)).bundle);
    const again = await talk(listener, { maxVersion, session });
    assert.equal(again.isSessionReused(), true);
    again.destroy();
    assert.equal(await certificateFor(listener), 'Shop.example');
  });

  test(`${maxVersion}: a session is not resumed under other demands on client certificates`, async () => {
    const ticketKeys = createTicketKeys();
    await using open = await listenTls(terminating([first]), { ticketKeys });
    const asking = terminating([first], { clientCa: authority.ca, clientCertificate: 'request' });
    await using lenient = await listenTls(asking, { ticketKeys });
    await using foreign = await listenTls({ ...asking, clientCa: stranger.ca }, { ticketKeys });
    await using strict = await listenTls({ ...asking, clientCertificate: 'require' }, { ticketKeys });
    const options = pair(web);
    assert.deepEqual(await resumes(lenient, lenient, options), { reused: true, principal: SPIFFE });
    assert.deepEqual(await resumes(open, lenient, options), { reused: false, principal: SPIFFE });
    assert.deepEqual(await resumes(lenient, foreign, options), { reused: false, principal: undefined });
    assert.deepEqual(await resumes(lenient, strict, options), { reused: false, principal: SPIFFE });
    // A stranger's session must not come in either.
    await assert.rejects(resumes(lenient, strict, pair(forged)));
  });
}

test('new certificates serve new connections; open ones go on', async () => {
  await using listener = await listenTls(terminating([first, shop]));
  const open = await talk(listener);
  const { bundle } = await loadCertificates(terminating([api, first]), createTicketKeys());
  listener.acceptor.setCertificates(bundle);
  assert.equal(await certificateFor(listener), 'api.shop.example');
  assert.equal(await certificateFor(listener, 'shop.example'), 'api.shop.example');
  assert.equal(await certificateFor(listener, 'first.example'), 'first.example');
  const echoed = once(open, 'data');
  open.write('still here');
  assert.equal(String((await echoed)[0]), 'still here');
  open.destroy();
});

test('certificates that OpenSSL does not take change nothing', async () => {
  await using listener = await listenTls(terminating([first]));
  const { bundle } = await loadCertificates(terminating([shop]), createTicketKeys());
  const [good] = bundle.certificates;
  assert.ok(good !== undefined);
  const bad = { ...bundle, certificates: [{ ...good, key: readFileSync(api.key, 'utf8') }] };
  assert.throws(() => listener.acceptor.setCertificates(bad), /key values mismatch/);
  assert.equal(await certificateFor(listener), 'first.example');
});

test('reads the handshake from bytes that came along with a PROXY header', async () => {
  await using listener = await listenTls(terminating([first]), { proxyProtocol: true });
  const raw = net.connect(listener.port, '127.0.0.1');
  await once(raw, 'connect');
  const end = { ip: '192.0.2.1', port: 1 };
  // Corked, so that the header and the start of the handshake go out in one packet.
  raw.cork();
  raw.write(encodeProxyHeader('v2', { source: end, destination: end }));
  const socket = tls.connect({ socket: raw, ca, checkServerIdentity: () => undefined });
  const echoed = once(socket, 'data');
  socket.write('ping');
  setImmediate(() => raw.uncork());
  assert.equal(String((await echoed)[0]), 'ping');
  socket.destroy();
});

test('a client may end its side and still be answered', async () => {
  await using listener = await listenTls(terminating([first]));
  const outcome = listener.outcome();
  const socket = connect(listener);
  await once(socket, 'secureConnect');
  const accepted = await outcome;
  assert.ok(accepted !== undefined);
  accepted.socket.removeAllListeners('end');
  const ended = once(accepted.socket, 'end');
  socket.end();
  await ended;
  const answered = once(socket, 'data');
  accepted.socket.end('after the end');
  assert.equal(String((await answered)[0]), 'after the end');
  await once(socket, 'end');
});

const failures: readonly (readonly [string, (socket: net.Socket) => void])[] = [
  ['garbage', (socket) => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['half a handshake and an end', (socket) => socket.end(Buffer.from('160301020001', 'hex'))],
  [
    'half a handshake and a reset',
    (socket) => socket.write(Buffer.from('16030102', 'hex'), () => socket.resetAndDestroy()),
  ],
  ['an end at once', (socket) => socket.end()],
  ['a reset at once', (socket) => socket.resetAndDestroy()],
  [
    'a record that is too long',
    (socket) => socket.write(Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(65535)])),
  ],
];

for (const [name, act] of failures) {
  test(`a handshake of ${name} fails once, and the connection is closed`, { timeout: 10_000 }, async () => {
    await using listener = await listenTls(terminating([first, shop]));
    const outcome = listener.outcome();
    const socket = net.connect(listener.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    act(socket);
    assert.equal(await outcome, undefined);
    await closed;
    (await talk(listener)).destroy();
    assert.equal(listener.outcomes.filter((one) => one === undefined).length, 1);
    assert.equal(listener.outcomes.length, 2);
  });
}

test('does not renegotiate', async () => {
  await using listener = await listenTls(terminating([first]));
  const socket = await talk(listener, { maxVersion: 'TLSv1.2' });
  const failed = new Promise<Error | null>((resolve) => {
    socket.once('error', resolve);
    socket.renegotiate({}, resolve);
  });
  assert.match(String(await failed), /renegotiation|closed|ECONNRESET/i);
  socket.destroy();
});
