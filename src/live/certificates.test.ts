import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { chainOf, createAuthority } from '../../test/fixtures/certificates.ts';
import type { CertificatePair } from '../../test/fixtures/certificates.ts';
import { UserError } from '../kit/errors.ts';
import { CertificateStore } from './certificate-store.ts';
import { createTicketKeys, loadCertificates } from './certificates.ts';
import type { TerminatingTls, TlsBundle } from './tls-server.ts';

const authority = createAuthority();
after(() => authority[Symbol.dispose]());

const good = authority.issue('good', { dns: ['a.example', '*.b.example'] });
const rsa = authority.issue('rsa', { dns: ['a.example'], keyType: 'rsa' });
const other = authority.issue('other', { dns: ['other.example'] });
const expired = authority.issue('expired', { dns: ['old.example'], expired: true });
const nameless = authority.issue('nameless', { ips: ['127.0.0.1'] });

function settings(certificates: readonly CertificatePair[], clientCa?: string): TerminatingTls {
  return {
    mode: 'terminate',
    certificates,
    clientCa,
    clientCertificate: 'require',
    alpn: ['http/1.1'],
    minVersion: 'TLSv1.2',
  };
}

function file(name: string, text: string): string {
  const path = join(authority.folder, name);
  writeFileSync(path, text);
  return path;
}

function pem(path: string): string {
  return readFileSync(path, 'utf8');
}

test('loads what the settings name, in their order, with the names in the certificates', async () => {
  const keys = createTicketKeys();
  const { bundle, warnings } = await loadCertificates(settings([good, rsa], authority.ca), keys);
  assert.deepEqual(
    bundle.certificates.map(({ names, keyType }) => [names, keyType]),
    [
      [['a.example', '*.b.example'], 'ec'],
      [['a.example'], 'rsa'],
    ],
  );
  assert.equal(bundle.certificates[0]?.cert, pem(good.cert));
  assert.equal(bundle.clientCa, pem(authority.ca));
  assert.equal(bundle.ticketKeys, keys);
  assert.equal(keys.length, 48);
  assert.deepEqual(warnings, []);
});

test('a bundle can be posted to another thread', async () => {
  const { bundle } = await loadCertificates(settings([good]), createTicketKeys());
  assert.deepEqual(structuredClone(bundle).certificates, bundle.certificates);
});

test('takes a chain in one file, and the key in the same file', async () => {
  const both = file('both.pem', chainOf(good, authority) + pem(good.key));
  const { bundle } = await loadCertificates(settings([{ cert: both, key: both }]), createTicketKeys());
  assert.equal(bundle.certificates[0]?.names[0], 'a.example');
});

const warned: readonly (readonly [string, CertificatePair, RegExp])[] = [
  ['an expired certificate', expired, /expired\.crt holds a certificate that expired on 2020-01-02/],
  ['a certificate without names', nameless, /nameless\.crt holds a certificate without DNS names/],
];

for (const [name, pair, expected] of warned) {
  test(`warns of ${name}, and uses it`, async () => {
    const { bundle, warnings } = await loadCertificates(settings([pair]), createTicketKeys());
    assert.equal(bundle.certificates.length, 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', expected);
  });
}

test('warns of a certificate that is not valid yet, and of an authority', async () => {
  const { warnings } = await loadCertificates(settings([good], authority.ca), createTicketKeys(), 0);
  assert.match(warnings.join('\n'), /good\.crt .* valid only from .*\n.*ca\.crt .* valid only from/);
});

const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'secret',
});
const brokenPem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const refused: readonly (readonly [string, () => TerminatingTls, string, RegExp])[] = [
  [
    'a file that is missing',
    () => settings([{ ...good, cert: '/nowhere.crt' }]),
    '/nowhere.crt',
    /cannot be read: ENOENT/,
  ],
  ['a folder', () => settings([{ ...good, cert: authority.folder }]), authority.folder, /cannot be read/],
  [
    'a file that is not PEM',
    () => settings([{ ...good, cert: file('der', 'x') }]),
    'der',
    /is not a PEM file/,
  ],
  [
    'a key for a certificate',
    () => settings([{ ...good, cert: good.key }]),
    'good.key',
    /holds no certificate/,
  ],
  [
    'a certificate for a key',
    () => settings([{ ...good, key: good.cert }]),
    'good.crt',
    /holds no private key/,
  ],
  [
    'the key of another',
    () => settings([{ ...good, key: other.key }]),
    'good.crt',
    /does not belong to the key in .*other\.key/,
  ],
  [
    'an encrypted key',
    () => settings([{ ...good, key: file('enc', String(encrypted)) }]),
    'enc',
    /is encrypted/,
  ],
  [
    'a chain that begins with the authority',
    () => settings([{ ...good, cert: file('upside', pem(authority.ca) + pem(good.cert)) }]),
    'upside',
    /does not belong/,
  ],
  [
    'a broken certificate in a chain',
    () => settings([{ ...good, cert: file('broken', pem(good.cert) + brokenPem) }]),
    'broken',
    /holds a broken certificate/,
  ],
  ['a client authority that is none', () => settings([good], good.key), 'good.key', /holds no certificate/],
];

for (const [name, make, where, expected] of refused) {
  test(`refuses ${name}, and says which file it is`, async () => {
    await assert.rejects(loadCertificates(make(), createTicketKeys()), (error: unknown) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, expected);
      assert.ok(error.where?.endsWith(where) === true, String(error.where));
      assert.ok(error.hint !== undefined);
      assert.equal(error.code, 'config');
      return true;
    });
  });
}

/** A store over two files that the test changes; `next` resolves with what it tells next. */
async function storeOver(pair: CertificatePair) {
  const live = { cert: join(authority.folder, 'live.crt'), key: join(authority.folder, 'live.key') };
  copyFileSync(pair.cert, live.cert);
  copyFileSync(pair.key, live.key);
  const told: (TlsBundle | UserError | string)[] = [];
  let wake: (() => void) | undefined;
  const tell = (what: TlsBundle | UserError | string) => {
    told.push(what);
    wake?.();
  };
  const store = await CertificateStore.open(settings([live]), {
    onChange: tell,
    onRefused: tell,
    onWarning: tell,
    settleMs: 20,
    pollMs: 3_600_000,
  });
  const next = async () => {
    const alive = setInterval(() => {}, 1000);
    while (told.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    clearInterval(alive);
    return told.shift();
  };
  return { store, live, next, told };
}

function replace(target: string, by: string): void {
  copyFileSync(by, `${target}.new`);
  renameSync(`${target}.new`, target);
}

test(
  'gives new certificates when the files are replaced, with the same ticket keys',
  { timeout: 10_000 },
  async () => {
    const { store, live, next } = await storeOver(good);
    using _ = store;
    const { ticketKeys } = store.bundle;
    replace(live.cert, other.cert);
    replace(live.key, other.key);
    const bundle = await next();
    assert.equal(bundle, store.bundle);
    assert.deepEqual(store.bundle.certificates[0]?.names, ['other.example']);
    assert.equal(store.bundle.ticketKeys, ticketKeys);
  },
);

test(
  'refuses bad new files and keeps the old ones, until there are good ones',
  { timeout: 10_000 },
  async () => {
    const { store, live, next } = await storeOver(good);
    using _ = store;
    const before = store.bundle;
    replace(live.cert, other.cert);
    const error = await next();
    assert.ok(error instanceof UserError);
    assert.match(error.message, /live\.crt does not belong to the key/);
    assert.equal(store.bundle, before);
    replace(live.key, other.key);
    assert.equal(await next(), store.bundle);
    assert.notEqual(store.bundle, before);
  },
);

test('warns again when what is new has expired', { timeout: 10_000 }, async () => {
  const { store, live, next } = await storeOver(good);
  using _ = store;
  replace(live.cert, expired.cert);
  replace(live.key, expired.key);
  assert.match(String(await next()), /expired on 2020/);
  assert.equal(await next(), store.bundle);
});

test('reloads when asked to, and is silent when the text is the same', async () => {
  const { store, live, told } = await storeOver(good);
  using _ = store;
  const before = store.bundle;
  replace(live.cert, good.cert);
  await store.reload();
  assert.equal(store.bundle, before);
  assert.deepEqual(told, []);
});

test('does not open with bad files', async () => {
  const options = { onChange: silent, onRefused: silent, onWarning: silent };
  await assert.rejects(CertificateStore.open(settings([{ ...good, key: other.key }]), options), UserError);
});

function silent(): void {
  assert.fail('there is nothing to tell');
}
