import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { createAuthority } from '../fixtures/certificates.ts';
import type { Authority, CertificatePair } from '../fixtures/certificates.ts';
import { converse } from '../fixtures/conversation.ts';
import { eventually } from '../fixtures/eventually.ts';
import { assertUntouched, openClient, startLoad } from '../fixtures/live-load.ts';
import { missingPeers } from '../fixtures/peers.ts';
import { patternBytes, startPrimary } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const WEB = 'spiffe://prod/ns/shop/sa/web';

let authority: Authority;
let other: Authority;
let shop: CertificatePair;
let local: CertificatePair;

before(() => {
  authority = createAuthority();
  other = createAuthority('Another authority');
  shop = authority.issue('shop', { dns: ['shop.example', '*.shop.example'] });
  local = authority.issue('local', { dns: ['localhost'], ips: ['127.0.0.1'] });
});

after(() => {
  authority[Symbol.dispose]();
  other[Symbol.dispose]();
});

function client(port: number, more: ConnectionOptions = {}): () => TLSSocket {
  const options = {
    port,
    host: '127.0.0.1',
    ca: readFileSync(authority.ca),
    servername: 'shop.example',
    ...more,
  };
  return () => connect(options);
}

function pem({ cert, key }: CertificatePair): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Common name of the certificate that a client is shown. */
async function shown(port: number, servername: string): Promise<string> {
  const socket = client(port, { servername, rejectUnauthorized: false })();
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test('TLS that ends here: exact bytes under load, certificates by name, and copies without TLS', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const tls = { certificates: [shop, local] };
  const config = oneTap(primary.url, mirror.url, { listener: { tls }, policy: { writes: 'mirror' } });
  await using understudy = await startUnderstudy({ config });
  const port = await understudy.port();
  equal(await shown(port, 'shop.example'), 'shop.example');
  equal(await shown(port, 'www.shop.example'), 'shop.example');
  equal(await shown(port, 'localhost'), 'localhost');
  equal(await shown(port, 'unknown.example'), 'shop.example');
  await using load = await startLoad({ target: client(port), primary: primary.port });
  await assertUntouched(load, 300);
  const { result } = await understudy.stop();
  equal(result.pairs.same, result.exchanges);
  equal(result.incomplete, 0);
});

test('curl takes the certificate and gets the bytes', { skip: missingPeers('curl') }, async () => {
  await using primary = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, undefined, { listener: { tls: local } }),
  });
  const url = `https://127.0.0.1:${await understudy.port()}/bytes/100000`;
  const { stdout } = await promisify(execFile)('curl', ['-sS', '--cacert', authority.ca, url], {
    encoding: 'buffer',
  });
  equal(stdout.equals(patternBytes(100_000)), true);
});

test('the identity in a client certificate decides what is copied', async () => {
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  const listener = { tls: { ...shop, clientCa: authority.ca, clientCertificate: 'request' } };
  const policy = { matches: [{ source: { principals: [WEB, 'batch.example'] } }] };
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { listener, policy }),
  });
  const port = await understudy.port();
  const clients: readonly (readonly [path: string, options: ConnectionOptions])[] = [
    ['/web', pem(authority.issue('web', { uris: [WEB] }))],
    ['/batch', pem(authority.issue('batch', { dns: ['batch.example'] }))],
    ['/other', pem(authority.issue('other', { uris: ['spiffe://prod/ns/shop/sa/other'] }))],
    ['/nobody', {}],
    // Let in like one without a certificate, but not believed.
    ['/forged', pem(other.issue('forged', { uris: [WEB] }))],
  ];
  for (const [path, options] of clients) {
    const one = openClient(client(port, options));
    await one.ask('GET', get(path));
    one.close();
  }
  await eventually('copies', () => mirror.seen.length >= 2);
  const { result } = await understudy.stop();
  deepEqual(mirror.seen.map(({ url }) => url).toSorted(), ['/batch', '/web']);
  equal(result.notMirrored.not_matched, 3);
});

test('changed certificates are taken in, and connections that are open stay', async () => {
  using folder = temporaryFolder();
  const [cert, key] = [folder.file('tls.crt'), folder.file('tls.key')];
  const install = (pair: CertificatePair): void => {
    for (const [from, to] of [
      [pair.cert, cert],
      [pair.key, key],
    ] as const) {
      copyFileSync(from, `${to}.new`);
      renameSync(`${to}.new`, to);
    }
  };
  install(shop);
  await using primary = await startPrimary();
  await using mirror = await startPrimary();
  await using understudy = await startUnderstudy({
    config: oneTap(primary.url, mirror.url, { listener: { tls: { cert, key } } }),
  });
  const port = await understudy.port();
  await using load = await startLoad({
    target: client(port, { rejectUnauthorized: false }),
    primary: primary.port,
    connections: 2,
  });
  const open = openClient(client(port));
  await open.ask('GET', get('/before'));
  install(authority.issue('renewed', { commonName: 'renewed', dns: ['shop.example'] }));
  await eventually('the new one is shown', async () => (await shown(port, 'shop.example')) === 'renewed');
  await open.ask('GET', get('/after'));
  writeFileSync(cert, 'this is no certificate');
  await eventually('the bad one is refused', () =>
    understudy.log().some(({ message }) => message === 'changed certificates were refused'),
  );
  equal(await shown(port, 'shop.example'), 'renewed');
  await open.ask('GET', get('/still'));
  open.close();
  await assertUntouched(load);
});

test('what is no TLS, or half of it, is closed and counted; others do not notice', async () => {
  await using primary = await startPrimary();
  const listener = { tls: { ...shop, clientCa: authority.ca }, handshakeTimeout: '700ms' };
  await using understudy = await startUnderstudy({ config: oneTap(primary.url, undefined, { listener }) });
  const port = await understudy.port();
  const known = client(port, pem(authority.issue('known', { dns: ['known.example'] })));
  await using load = await startLoad({ target: known, primary: primary.port, connections: 2 });
  const noise = [
    get('/plain'),
    patternBytes(5000),
    Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), patternBytes(100)]),
    '',
  ];
  for (const bytes of noise) ok((await converse(port, bytes)).end !== 'open', 'it was closed');
  const stranger = await converse(client(port), get('/without'));
  equal(stranger.received.length, 0, 'a client certificate is required');
  await eventually(
    'they are counted',
    async () => (await understudy.tap()).closed.handshake === noise.length + 1,
  );
  await assertUntouched(load, 50);
});

test('TLS to the primary: verified by default', async () => {
  await using primary = await startPrimary({ tls: pem(local) });
  await using plain = await startPrimary();
  await using mirror = await startPrimary();
  const config = (tls: object | undefined): object =>
    oneTap({ endpoints: [primary.url], rest: '100ms', ...(tls === undefined ? {} : { tls }) }, mirror.url, {
      policy: { writes: 'mirror' },
    });
  for (const tls of [undefined, { ca: other.ca }, { ca: authority.ca, serverName: 'shop.example' }]) {
    await using understudy = await startUnderstudy({ config: config(tls) });
    const { received, end } = await converse(await understudy.port(), get('/'));
    deepEqual([received.length, end], [0, 'reset']);
    await eventually('that is counted', async () => {
      const { closed, endpoints } = await understudy.tap();
      return closed.unreachable === 1 && (endpoints[0]?.failures ?? 0) > 0;
    });
  }
  equal(primary.seen.length, 0);
  for (const tls of [{ ca: authority.ca }, { verify: false }]) {
    await using understudy = await startUnderstudy({ config: config(tls) });
    await using load = await startLoad({ target: await understudy.port(), primary: plain.port });
    await assertUntouched(load, 200);
    const { result } = await understudy.stop();
    equal(result.pairs.same, result.exchanges);
  }
});

test('passed through, TLS stays between client and primary', async () => {
  await using primary = await startPrimary({ tls: pem(shop) });
  await using plain = await startPrimary();
  await using mirror = await startPrimary();
  const config = oneTap(`https://127.0.0.1:${primary.port}`, mirror.url, {
    listener: { tls: 'passthrough' },
  });
  await using understudy = await startUnderstudy({ config });
  const port = await understudy.port();
  equal(await shown(port, 'shop.example'), 'shop.example');
  await using load = await startLoad({ target: client(port), primary: plain.port, connections: 2 });
  await assertUntouched(load, 150);
  const { result } = await understudy.stop();
  equal(result.requests.http1, 0);
  equal(mirror.seen.length, 0);
  match(JSON.stringify(result.taps[0]?.tls), /passthrough/);
});

test('copies over TLS: verified by default, with a client certificate where one is set', async () => {
  const web = authority.issue('copier', { dns: ['copier.example'] });
  const demanding = { ...pem(local), ca: readFileSync(authority.ca), requestCert: true };
  await using primary = await startPrimary();
  await using mirror = await startPrimary({ tls: demanding });
  const mirrors = (tls: object): object => ({ mirrors: [{ name: 'v2', url: mirror.url, tls }] });
  const cases: readonly (readonly [tls: object, copied: boolean])[] = [
    [{ ...web, ca: other.ca }, false],
    [{ ca: authority.ca }, false],
    [{ ...web, ca: authority.ca }, true],
  ];
  for (const [tls, copied] of cases) {
    await using understudy = await startUnderstudy({
      config: oneTap(primary.url, mirror.url, { policy: mirrors(tls) }),
    });
    const one = openClient(await understudy.port());
    await one.ask('GET', get('/secret'));
    one.close();
    const { result } = await understudy.stop();
    equal(result.pairs.same, copied ? 1 : 0);
    equal(
      result.failures.tls + result.failures.reset + result.failures.closed,
      copied ? 0 : 1,
      JSON.stringify(result.failures),
    );
  }
  equal(mirror.seen.length, 1);
  equal(mirror.seen[0]?.encrypted, true);
});

test('TLS is switched on, changed and off while connections stay open', async () => {
  await using primary = await startPrimary();
  const config = (tls?: object): object =>
    oneTap(primary.url, undefined, { listener: tls === undefined ? {} : { tls } });
  await using understudy = await startUnderstudy({ config: config() });
  const port = await understudy.port();
  const plain = openClient(port);
  await plain.ask('GET', get('/1'));
  understudy.configure(config(shop));
  await eventually('TLS is on', async () => (await shown(port, 'shop.example')) === 'shop.example');
  const secure = openClient(client(port));
  await secure.ask('GET', get('/2'));
  understudy.configure(config(local));
  await eventually(
    'with another certificate',
    async () => (await shown(port, 'shop.example')) === 'localhost',
  );
  understudy.configure(config());
  await eventually('TLS is off', async () => {
    const now = openClient(port);
    return now.ask('GET', get('/3')).finally(now.close);
  });
  await plain.ask('GET', get('/4'));
  await secure.ask('GET', get('/5'));
  for (const one of [plain, secure]) one.close();
});
