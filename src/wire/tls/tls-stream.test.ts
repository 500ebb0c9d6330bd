import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createAuthority } from '../../../test/fixtures/certificates.ts';
import type { Authority } from '../../../test/fixtures/certificates.ts';
import { keyLogOf, ReadTls, recordTalks } from '../../../test/fixtures/recorded-talk.ts';
import type { Piece } from '../../../test/fixtures/recorded-talk.ts';
import { KeyLog } from './key-log.ts';

let authority: Authority;
before(() => {
  authority = createAuthority();
  authority.issue('server', { dns: ['shop.example'] });
  authority.issue('rsa', { dns: ['shop.example'], keyType: 'rsa' });
  authority.issue('client', { dns: ['client.example'] });
});
after(() => authority[Symbol.dispose]());

function file(name: string): Buffer {
  return readFileSync(`${authority.folder}/${name}`);
}

interface Talk {
  readonly pieces: readonly Piece[];
  readonly keyLog: string;
}

interface TalkOptions extends ConnectionOptions {
  readonly serverCurve?: string;
  readonly clientCertificate?: boolean;
  readonly certificate?: 'server' | 'rsa';
  /** What the server answers each request with. */
  readonly answer?: (request: string) => string;
  readonly requests?: readonly string[];
}

const ANSWER = (request: string) => `answer to ${request}`;
const LONG_ANSWER = (request: string) => request.repeat(9000);

/** A TLS server and client of Node's own that talk, request by request, and what passed between them. */
async function talkOf(options: TalkOptions = {}): Promise<Talk> {
  const name = options.certificate ?? 'server';
  const server = createServer({
    cert: file(`${name}.crt`),
    key: file(`${name}.key`),
    ca: file('ca.crt'),
    requestCert: options.clientCertificate ?? false,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(options.serverCurve === undefined ? {} : { ecdhCurve: options.serverCurve }),
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) =>
      socket.write((options.answer ?? ANSWER)(chunk.toString('latin1')), 'latin1'),
    );
  });
  await using _listening = closing(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using recorder = await recordTalks((server.address() as AddressInfo).port);
  let keyLog = '';
  const socket: TLSSocket = connect({
    port: recorder.port,
    host: '127.0.0.1',
    servername: 'shop.example',
    ca: file('ca.crt'),
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(options.clientCertificate === true ? { cert: file('client.crt'), key: file('client.key') } : {}),
    ...options,
  });
  socket.on('keylog', (line: Buffer) => (keyLog += line.toString('latin1')));
  await once(socket, 'secureConnect');
  for (const request of options.requests ?? ['one', 'two']) {
    const expected = (options.answer ?? ANSWER)(request).length;
    let have = 0;
    socket.write(request);
    while (have < expected) have += ((await once(socket, 'data')) as [Buffer])[0].length;
  }
  socket.end();
  await once(socket, 'close');
  return { pieces: recorder.talks[0] ?? [], keyLog };
}

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
      ecdhCurve: 'X25519:P-384',
    };
    const { pieces, keyLog } = await talkOf(options);
    assert.deepEqual(new ReadTls(keyLogOf(keyLog)).read(pieces).plaintext, PLAINTEXT);
  }
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
