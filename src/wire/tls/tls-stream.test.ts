import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Authority } from '../../../test/fixtures/certificates.ts';
import { keyLogOf, ReadTls } from '../../../test/fixtures/recorded-talk.ts';
import type { Piece } from '../../../test/fixtures/recorded-talk.ts';
import { createTalkAuthority, recordTlsTalk } from '../../../test/fixtures/tls-talk.ts';
import type { TlsTalkOptions } from '../../../test/fixtures/tls-talk.ts';
import { KeyLog } from './key-log.ts';

let authority: Authority;
before(() => {
  authority = createTalkAuthority();
});
after(() => authority[Symbol.dispose]());

const talkOf = (options: TlsTalkOptions = {}) => recordTlsTalk(authority, options);
const LONG_ANSWER = (request: string) => request.repeat(9000);

/** RFC 8446 §4.1.3. */
const RETRY_RANDOM = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c';
const PLAINTEXT = ['onetwo', 'answer to oneanswer to two'];

const suites: readonly (readonly [version: string, cipher: string, name: string, certificate?: 'rsa'])[] = [
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'rsa'],
  ['TLSv1.2', 'AES256-GCM-SHA384', 'TLS_RSA_WITH_AES_256_GCM_SHA384', 'rsa'],
  ['TLSv1.2', 'ECDHE-RSA-CHACHA20-POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'rsa'],
];
const version = (name: string) => (name === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2');

for (const [protocol, ciphers, suite, certificate = 'server'] of suites) {
  test(`${protocol} with ${suite}`, async () => {
    const { pieces, keyLog } = await talkOf({
      minVersion: version(protocol),
      maxVersion: version(protocol),
      ciphers,
      certificate,
    });
    const tls = new ReadTls(keyLogOf(keyLog)).read(pieces);
    assert.deepEqual(tls.plaintext, PLAINTEXT);
    assert.deepEqual(tls.story.slice(0, 4), ['0:one', '1:answer to one', '0:two', '1:answer to two']);
    assert.deepEqual(tls.stream.info, {
      serverName: 'shop.example',
      alpn: 'h2',
      version: protocol === 'TLSv1.3' ? 0x0304 : 0x0303,
      suite,
    });
    assert.deepEqual(
      [tls.isDecrypted, tls.reason, tls.stream.waits, tls.ended[0]],
      [true, undefined, false, true],
    );
    assert.equal(tls.stream.heldBytes, 0);
  });
}

test('a client certificate and a HelloRetryRequest are nothing special', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = {
      maxVersion,
      certificate: 'rsa' as const,
      clientCertificate: true,
      serverCurve: 'P-384',
      ecdhCurve: 'P-256:P-384',
    };
    const { pieces, keyLog } = await talkOf(options);
    const bytes = Buffer.concat(pieces.flatMap(({ chunk }) => chunk ?? []));
    assert.equal(bytes.includes(RETRY_RANDOM, 0, 'hex'), maxVersion === 'TLSv1.3');
    assert.deepEqual(new ReadTls(keyLogOf(keyLog)).read(pieces).plaintext, PLAINTEXT);
  }
});

test('handshakes in the middle of a connection', async () => {
  const { pieces, keyLog } = await talkOf({ maxVersion: 'TLSv1.2', renegotiate: true });
  assert.equal(keyLog.match(/CLIENT_RANDOM/g)?.length, 3);
  const tls = new ReadTls(keyLogOf(keyLog)).read(pieces);
  assert.deepEqual([tls.plaintext, tls.reason], [PLAINTEXT, undefined]);
  const first = keyLog.slice(0, keyLog.indexOf('\n'));
  const rest = new ReadTls(keyLogOf(first)).read(pieces);
  assert.deepEqual([rest.reason, rest.stream.waits], [undefined, true]);
  rest.stream.expire();
  assert.equal(rest.reason, 'no_keys');
});

test('records in pieces of any size', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { pieces, keyLog } = await talkOf({ maxVersion, answer: LONG_ANSWER });
    for (const size of [1, 3, 1000, 16_400, 50_000]) {
      const cut = pieces.flatMap(({ direction, chunk }) => {
        const parts: Piece[] = [];
        for (let at = 0; at < (chunk?.length ?? 0); at += size)
          parts.push({ direction, chunk: chunk?.subarray(at, at + size) });
        return chunk === undefined ? [{ direction, chunk }] : parts;
      });
      const tls = new ReadTls(keyLogOf(keyLog)).read(cut);
      assert.deepEqual(tls.plaintext, ['onetwo', LONG_ANSWER('one') + LONG_ANSWER('two')]);
    }
  }
});

test('secrets that come after the packets', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { pieces, keyLog } = await talkOf({ maxVersion });
    const lines = keyLog.trimEnd().split('\n');
    const keys = new KeyLog();
    const tls = new ReadTls(keys).read(pieces);
    assert.deepEqual([tls.plaintext, tls.stream.waits], [['', ''], true]);
    tls.stream.close(undefined, 99);
    keys.listen(() => tls.stream.wake());
    for (const line of lines) keys.line(line);
    assert.deepEqual([tls.plaintext, tls.isOver, tls.stream.waits], [PLAINTEXT, true, false]);
    assert.deepEqual(tls.story.slice(0, 4), ['0:one', '1:answer to one', '0:two', '1:answer to two']);
    // The times are those of the packets.
    assert.ok(tls.times.every((micros, i) => micros > 0 && micros >= (tls.times[i - 1] ?? 0)));
  }
});

test('secrets of application data alone are enough', async () => {
  const { pieces, keyLog } = await talkOf({ maxVersion: 'TLSv1.3' });
  const some = keyLog.split('\n').filter((line) => line.includes('_TRAFFIC_SECRET_0'));
  assert.deepEqual(new ReadTls(keyLogOf(some.join('\n'))).read(pieces).plaintext, PLAINTEXT);
});

test('what cannot be decrypted is opaque, with the name that was asked for', async () => {
  const { pieces } = await talkOf();
  const tls = new ReadTls(new KeyLog()).read(pieces);
  tls.stream.close(undefined, 99);
  tls.stream.expire();
  assert.deepEqual([tls.reason, tls.isOver, tls.stream.info.serverName], ['no_keys', true, 'shop.example']);
  const cbc = await talkOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' });
  const read = new ReadTls(keyLogOf(cbc.keyLog)).read(cbc.pieces);
  assert.deepEqual([read.reason, read.stream.info.suite], ['cipher', '0xc023']);
});
