import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, suite, test } from 'node:test';
import { createTicketKeys } from '../../src/live/certificates.ts';
import { loadClientPem, PrimaryTls } from '../../src/live/tls-client.ts';
import type { ClientTls, Endpoint } from '../../src/model/settings.ts';
import { chainOf, createAuthority } from '../fixtures/certificates.ts';
import { findPeer, freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import { listenTls, terminating } from '../fixtures/tls-listener.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const SPIFFE = 'spiffe://prod.example/ns/shop/sa/web';

const authority = createAuthority();
after(() => authority[Symbol.dispose]());
const first = authority.issue('first', { dns: ['first.example'] });
const firstRsa = authority.issue('first-rsa', { dns: ['first.example'], keyType: 'rsa' });
const shop = authority.issue('shop', { dns: ['shop.example', '*.shop.example'] });
const web = authority.issue('web', { uris: [SPIFFE] });
const job = authority.issue('job', { dns: ['job.shop.example'] });
const client = ['--cert', web.cert, '--key', web.key];

interface Run {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end; its standard error follows its standard output. */
function run(name: string, args: readonly string[], input = ''): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(findPeer(name) ?? name, args, { timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr }),
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function curl(host: string, port: number, ...args: readonly string[]): Promise<Run> {
  const to = ['--resolve', `${host}:${port}:127.0.0.1`, `https://${host}:${port}/`];
  return run('curl', ['--silent', '--show-error', '--http1.1', '--cacert', authority.ca, ...args, ...to]);
}

function openssl(port: number, ...args: readonly string[]): Promise<Run> {
  const to = ['-connect', `127.0.0.1:${port}`, '-CAfile', authority.ca, '-ign_eof'];
  return run('openssl', ['s_client', ...to, ...args], REQUEST);
}

suite('curl as the client', { skip: missingPeers('curl') }, () => {
  for (const [host, fits] of [
    ['first.example', true],
    ['shop.example', true],
    ['www.shop.example', true],
    ['a.b.shop.example', false],
    ['other.example', false],
  ] as const) {
    test(`${fits ? 'accepts' : 'refuses'} the certificate that it gets for ${host}`, async () => {
      await using listener = await listenTls(terminating([first, shop]));
      const { code, output } = await curl(host, listener.port);
      // 60: the certificate does not match the name.
      assert.equal(code, fits ? 0 : 60, output);
      if (fits) assert.equal(output, '{"alpn":"http/1.1"}');
    });
  }

  test('is known by its certificate', async () => {
    await using listener = await listenTls(terminating([first], { clientCa: authority.ca }));
    const spiffe = await curl('first.example', listener.port, ...client);
    assert.deepEqual(JSON.parse(spiffe.output), { alpn: 'http/1.1', principal: SPIFFE });
    const dns = await curl('first.example', listener.port, '--cert', job.cert, '--key', job.key);
    assert.deepEqual(JSON.parse(dns.output), { alpn: 'http/1.1', principal: 'job.shop.example' });
  });

  test('is refused without a certificate where one is required', async () => {
    await using listener = await listenTls(terminating([first], { clientCa: authority.ca }));
    const { code, output } = await curl('first.example', listener.port);
    assert.notEqual(code, 0);
    assert.match(output, /certificate required/);
  });

  test('is let in without a certificate where one is requested', async () => {
    const settings = terminating([first], { clientCa: authority.ca, clientCertificate: 'request' });
    await using listener = await listenTls(settings);
    assert.equal((await curl('first.example', listener.port)).output, '{"alpn":"http/1.1"}');
  });

  test('is refused with a version that is too old', async () => {
    await using listener = await listenTls(terminating([first], { minVersion: 'TLSv1.3' }));
    const { code, output } = await curl('first.example', listener.port, '--tls-max', '1.2');
    assert.equal(code, 35, output);
    assert.match(output, /protocol version/);
    assert.equal((await curl('first.example', listener.port, '--tlsv1.3')).code, 0);
  });
});

suite('openssl s_client as the client', { skip: missingPeers('openssl') }, () => {
  test('agrees on HTTP/2', async () => {
    await using listener = await listenTls(terminating([first]));
    const { output } = await openssl(listener.port, '-alpn', 'http/1.1,h2');
    assert.match(output, /ALPN protocol: h2/);
    assert.match(output, /\{"alpn":"h2"\}/);
  });

  test('is shown the chain', async () => {
    const cert = join(authority.folder, 'chain.crt');
    await writeFile(cert, chainOf(first, authority));
    await using listener = await listenTls(terminating([{ cert, key: first.key }]));
    const { output } = await openssl(listener.port, '-showcerts');
    assert.equal(output.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.match(output, /Verify return code: 0 \(ok\)/);
  });

  test('gets the RSA certificate when it knows no other', async () => {
    await using listener = await listenTls(terminating([first, firstRsa]));
    const rsa = await openssl(
      listener.port,
      '-servername',
      'first.example',
      '-sigalgs',
      'rsa_pss_rsae_sha256',
    );
    assert.match(rsa.output, /Peer signature type: RSA-PSS/);
    const ec = await openssl(listener.port, '-servername', 'first.example');
    assert.match(ec.output, /Peer signature type: ECDSA/);
  });

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`${version}: resumes with another worker a session of the first`, async () => {
      const ticketKeys = createTicketKeys();
      await using one = await listenTls(terminating([first, shop]), { ticketKeys });
      await using two = await listenTls(terminating([first, shop]), { ticketKeys });
      const file = join(authority.folder, `session${version}`);
      const name = ['-servername', 'www.shop.example', version];
      const before = await openssl(one.port, ...name, '-sess_out', file);
      assert.match(before.output, /^New, TLS/m);
      const again = await openssl(two.port, ...name, '-sess_in', file);
      assert.match(again.output, /^Reused, TLS/m);
    });
  }

  test('may not renegotiate', async () => {
    await using listener = await listenTls(terminating([first]));
    const to = ['-connect', `127.0.0.1:${listener.port}`, '-CAfile', authority.ca, '-tls1_2'];
    const { output } = await run('openssl', ['s_client', ...to], 'R\n');
    assert.match(output, /RENEGOTIATING[^]*(?:no renegotiation|handshake failure|unexpected)/i);
  });
});

suite('nginx as the primary', { skip: missingPeers('nginx') }, () => {
  const settings: ClientTls = {
    ca: authority.ca,
    cert: web.cert,
    key: web.key,
    serverName: 'www.shop.example',
    verify: true,
  };

  test('sees our name, certificate and protocol, and resumes sessions', async () => {
    const port = await freePort();
    const file = join(authority.folder, 'nginx.conf');
    await writeFile(file, nginxConf(port));
    await using _ = await startPeer('nginx', ['-e', 'stderr', '-c', file], port);
    const primary = new PrimaryTls(settings, (await loadClientPem(settings)).pem);
    const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
    const endpoint: Endpoint = { url: `https://127.0.0.1:${port}`, address, protocol: 'http1', tls: true };
    const ask = async () => {
      const socket = primary.connect(endpoint, undefined);
      socket.write(REQUEST);
      const answer = await text(socket);
      return answer.slice(answer.indexOf('\r\n\r\n') + 4);
    };
    assert.equal(await ask(), 'www.shop.example SUCCESS CN=web http/1.1 .');
    assert.equal(await ask(), 'www.shop.example SUCCESS CN=web http/1.1 r');
    assert.equal(await ask(), 'www.shop.example SUCCESS CN=web http/1.1 r');
  });
});

function nginxConf(port: number): string {
  const { folder } = authority;
  const variables = ['server_name', 'client_verify', 'client_s_dn', 'alpn_protocol', 'session_reused'];
  return `daemon off;
error_log stderr crit;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${shop.cert};
    ssl_certificate_key ${shop.key};
    ssl_client_certificate ${authority.ca};
    ssl_verify_client on;
    return 200 "${variables.map((name) => `$ssl_${name}`).join(' ')}";
  }
}
`;
}
