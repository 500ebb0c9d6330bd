import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { encodeProxyHeader, parseProxyHeader } from '../../src/live/proxy-protocol.ts';
import type { ProxyHeader } from '../../src/live/proxy-protocol.ts';
import type { SocketEnd } from '../../src/model/exchange.ts';
import { freePort, missingPeers, startPeer } from '../fixtures/peers.ts';

type Header = Extract<ProxyHeader, { kind: 'header' }>;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'understudy-proxy-'));
});
after(() => rm(folder, { recursive: true }));

suite('HAProxy sends, we read', { skip: missingPeers('haproxy') }, () => {
  const senders = [
    ['version 1', 'send-proxy'],
    ['version 2', 'send-proxy-v2'],
    ['version 2 with a checksum', 'send-proxy-v2 proxy-v2-options crc32c'],
    ['version 2 with more TLVs', 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl'],
  ] as const;

  for (const [version, options] of senders) {
    test(`${version}: clients over IPv4, IPv6 and a Unix socket`, async () => {
      await using sink = await openSink();
      const { port, path, file } = await haproxySending(`127.0.0.1:${sink.port} ${options}`);
      await using _ = await startPeer('haproxy', ['-db', '-f', file], path);

      for (const ip of ['127.0.0.1', '::1']) {
        const received = sink.next(({ rest }) => rest === 'hello');
        const client = connect(port, ip);
        await once(client, 'connect');
        client.write('hello');
        const { header } = await received;
        assert.equal(header.local, false);
        assert.deepEqual(header.source, { ip, port: client.localPort });
        assert.deepEqual(header.destination, { ip, port });
        client.destroy();
      }

      const received = sink.next(({ rest }) => rest === 'hello');
      const client = connect(path);
      client.write('hello');
      const { header } = await received;
      assert.ok(header.source === undefined || header.source.ip === '', 'a Unix client has no address');
      client.destroy();
    });
  }

  test('version 2: a health check', async () => {
    await using sink = await openSink();
    const server = `127.0.0.1:${sink.port} send-proxy-v2 check check-send-proxy inter 50`;
    const { path, file } = await haproxySending(server);
    const received = sink.next(({ header }) => header.local);
    await using _ = await startPeer('haproxy', ['-db', '-f', file], path);
    const { header, rest } = await received;
    assert.equal(header.source, undefined);
    assert.equal(rest, '');
  });
});

const receivers = [
  ['nginx', nginxReceiving],
  ['haproxy', haproxyReceiving],
] as const;

for (const [name, configure] of receivers) {
  suite(`we write, ${name} reads`, { skip: missingPeers(name) }, () => {
    const mapped = {
      source: { ip: '::ffff:10.0.0.1', port: 7 },
      destination: { ip: '::ffff:10.0.0.2', port: 8 },
    };
    const cases: readonly (readonly [string, Ends, string])[] = [
      [
        'IPv4',
        { source: { ip: '192.0.2.1', port: 56324 }, destination: { ip: '198.51.100.2', port: 443 } },
        '192.0.2.1 56324 198.51.100.2 443',
      ],
      [
        'IPv6',
        { source: { ip: '2001:db8::1', port: 1 }, destination: { ip: '2001:db8::2', port: 65535 } },
        '2001:db8::1 1 2001:db8::2 65535',
      ],
      ['IPv4 of a dual-stack socket', mapped, '10.0.0.1 7 10.0.0.2 8'],
    ];

    test('both versions', async () => {
      const port = await freePort();
      const args = await configure(port);
      await using _ = await startPeer(name, args, port);
      for (const version of ['v1', 'v2'] as const) {
        for (const [kind, ends, expected] of cases) {
          const answer = await ask(port, encodeProxyHeader(version, ends));
          assert.equal(answer, expected, `${version} ${kind}`);
        }
        const unknown = encodeProxyHeader(version, {
          source: { ip: '', port: 0 },
          destination: { ip: '', port: 0 },
        });
        assert.notEqual(await ask(port, unknown), undefined, `${version} of a Unix client is accepted`);
        assert.equal(await ask(port, unknown.subarray(1)), undefined, 'a broken one is not');
      }
    });
  });
}

interface Ends {
  readonly source: SocketEnd;
  readonly destination: SocketEnd;
}

interface Received {
  readonly header: Header;
  /** What came behind the header so far. */
  readonly rest: string;
}

/** Accepts connections and reads their PROXY protocol headers. */
async function openSink() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  let wanted: ((received: Received) => void) | undefined;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      assert.notEqual(header.kind, 'invalid', bytes.toString('latin1'));
      if (header.kind === 'header') wanted?.({ header, rest: bytes.toString('latin1', header.bytes) });
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    next: (fits: (received: Received) => boolean) =>
      new Promise<Received>((resolve) => {
        wanted = (received) => {
          if (fits(received)) resolve(received);
        };
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function haproxySending(server: string) {
  const port = await freePort();
  const path = join(folder, 'front.sock');
  const file = join(folder, 'haproxy.cfg');
  await writeFile(
    file,
    `defaults
  mode tcp
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend front
  bind 127.0.0.1:${port}
  bind ::1:${port}
  bind unix@${path}
  unique-id-format %pid-%rt
  default_backend sink
backend sink
  server sink ${server}
`,
  );
  return { port, path, file };
}

async function haproxyReceiving(port: number): Promise<string[]> {
  const file = join(folder, 'receiver.cfg');
  const answer = 'lf-string "%[src] %[src_port] %[dst] %[dst_port]"';
  await writeFile(
    file,
    `defaults
  mode http
  timeout client 5s
frontend front
  bind 127.0.0.1:${port} accept-proxy
  http-request return status 200 content-type text/plain ${answer}
`,
  );
  return ['-db', '-f', file];
}

async function nginxReceiving(port: number): Promise<string[]> {
  const file = join(folder, 'nginx.conf');
  const variables = ['addr', 'port', 'server_addr', 'server_port'].map((name) => `$proxy_protocol_${name}`);
  await writeFile(
    file,
    `daemon off;
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
    listen 127.0.0.1:${port} proxy_protocol;
    return 200 "${variables.join(' ')}";
  }
}
`,
  );
  return ['-e', 'stderr', '-c', file];
}

/** The body of the answer to a request behind `header`; undefined when there is no 200. */
async function ask(port: number, header: Uint8Array): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1');
  socket.write(header);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const answer = await text(socket).catch(() => '');
  socket.destroy();
  return answer.startsWith('HTTP/1.1 200 ') ? answer.slice(answer.indexOf('\r\n\r\n') + 4) : undefined;
}
