import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { SHOP_DESCRIPTORS } from '../../src/compare/protobuf/fixture.ts';
import { joinServedFiles } from '../../src/config/protobuf-descriptors.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { createOrigin } from '../../src/mirror/origin.ts';
import type { ClientTls, PrimarySettings } from '../../src/model/settings.ts';
import { prefixed } from '../../src/wire/grpc/message-reader.ts';
import { askForDescriptors } from '../../src/workers/reflection-call.ts';
import { createAuthority } from '../fixtures/certificates.ts';
import { startGrpcService } from '../fixtures/grpc-service.ts';
import { missingPython, startPython } from '../fixtures/python.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const LIMITS = { files: 100, bytes: 1024 * 1024 };
const NEVER = new AbortController().signal;
const METHODS = ['/shop.Orders/Get', '/shop.Orders/List'];

function ask(
  port: number,
  tls?: ClientTls,
  limits = LIMITS,
  timeoutMs = 20_000,
  sendProxyProtocol: PrimarySettings['sendProxyProtocol'] = 'off',
) {
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const endpoint = {
    url: `h2c://127.0.0.1:${port}`,
    address,
    protocol: 'h2c',
    tls: tls !== undefined,
  } as const;
  const origin = createOrigin({ name: 'reflection', endpoint, tls }, systemClock);
  return askForDescriptors({ origin, sendProxyProtocol }, limits, timeoutMs, NEVER);
}

async function methodsAt(port: number, tls?: ClientTls): Promise<readonly string[]> {
  const { files, services } = await ask(port, tls);
  deepEqual(services, ['shop.Orders']);
  const { descriptors, leftOut } = joinServedFiles(files.values());
  deepEqual(leftOut, []);
  return descriptors.methods.filter((path) => METHODS.includes(path));
}

test('grpc-js: asks by v1', async () => {
  await using service = await startGrpcService('same', { reflection: ['v1', 'v1alpha'] });
  deepEqual(await methodsAt(service.port), METHODS);
});

test('grpc-js: asks by v1alpha where there is no v1', async () => {
  await using service = await startGrpcService('same', { reflection: ['v1alpha'] });
  deepEqual(await methodsAt(service.port), METHODS);
});

test('grpc-js: a server without reflection says so', async () => {
  await using service = await startGrpcService('same');
  await rejects(ask(service.port), { name: 'ReflectionError', code: 'unimplemented' });
});

test('grpc-js: over TLS, with a server that the authority has signed and with none', async () => {
  using authority = createAuthority();
  const { cert, key } = authority.issue('server', { ips: ['127.0.0.1'] });
  const pair = { cert_chain: readFileSync(cert), private_key: readFileSync(key) };
  const security = ServerCredentials.createSsl(null, [pair]);
  await using service = await startGrpcService('same', { reflection: ['v1'], security });
  const tls = { ca: authority.ca, cert: undefined, key: undefined, serverName: undefined, verify: true };
  deepEqual(await methodsAt(service.port, tls), METHODS);
  deepEqual(await methodsAt(service.port, { ...tls, ca: undefined, verify: false }), METHODS);
  await rejects(ask(service.port, { ...tls, ca: undefined }), {
    code: 'unreachable',
    message: /certificate/,
  });
  await rejects(ask(service.port, { ...tls, serverName: 'other.example' }), { message: /other\.example/ });
});

test('grpcio: asks by v1alpha', { skip: missingPython }, async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.file('shop.binpb'), SHOP_DESCRIPTORS);
  await using peer = await startPython('reflection_peer.py', folder.file('shop.binpb'));
  deepEqual(await methodsAt(peer.port), METHODS);
});

test('takes no more files and bytes than it may', async () => {
  await using service = await startGrpcService('same', { reflection: ['v1'] });
  await rejects(ask(service.port, undefined, { ...LIMITS, files: 1 }), { code: 'too_many_files' });
  await rejects(ask(service.port, undefined, { ...LIMITS, bytes: 1024 }), { code: 'too_many_bytes' });
});

/** A server that answers every question of reflection in its own way. */
async function startHostile(
  answer: (stream: ServerHttp2Stream) => void,
): Promise<AsyncDisposable & { port: number }> {
  const server = createServer();
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.close();
      await Promise.resolve();
    },
  };
}

const OK = { ':status': 200, 'content-type': 'application/grpc' } as const;
const HUGE = Buffer.of(0, 0xff, 0xff, 0xff, 0xff);
const HOSTILE: readonly (readonly [
  name: string,
  answer: (stream: ServerHttp2Stream) => void,
  error: object,
])[] = [
  ['says nothing', (stream) => stream.respond(OK), { code: 'timeout', message: 'no answer within 300 ms' }],
  [
    'announces four gigabytes',
    (stream) => {
      stream.respond(OK);
      stream.write(HUGE);
    },
    { code: 'too_many_bytes' },
  ],
  [
    'sends noise',
    (stream) => {
      stream.respond(OK);
      stream.write(prefixed(Buffer.of(0xff, 0xff)));
    },
    { code: 'malformed' },
  ],
  [
    'answers another question',
    (stream) => {
      stream.respond(OK);
      stream.write(prefixed(Buffer.of(0x22, 0)));
    },
    { code: 'malformed' },
  ],
  [
    'is a web server',
    (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    { code: 'unreachable' },
  ],
  ['hangs up', (stream) => stream.session?.destroy(), { code: 'unreachable' }],
  [
    'ends without a word',
    (stream) => {
      stream.respond(OK);
      stream.end();
    },
    { code: 'unreachable' },
  ],
];

for (const [name, answer, error] of HOSTILE) {
  test(`a server that ${name} is given up`, async () => {
    await using server = await startHostile(answer);
    await rejects(ask(server.port, undefined, LIMITS, 300), error);
  });
}

test('nobody listens', async () => {
  await using server = await startHostile(() => {});
  const { port } = server;
  await server[Symbol.asyncDispose]();
  const error = await ask(port).catch((reason: unknown) => reason);
  equal(error instanceof Error, true);
  match(String(error), /ECONNREFUSED/);
});

for (const [version, header] of [
  ['v1', Buffer.from('PROXY UNKNOWN\r\n')],
  ['v2', Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1')],
] as const) {
  test(`a primary that waits for a PROXY header (${version}) gets one that stands for nobody`, async () => {
    await using service = await startGrpcService('same', { reflection: ['v1'] });
    const server = createTcpServer((socket) => {
      socket.once('readable', () => {
        const begun: unknown = socket.read(header.length);
        if (!Buffer.isBuffer(begun) || !begun.equals(header)) socket.destroy();
        else pipeline(socket, connectTcp(service.port, '127.0.0.1'), socket, () => {});
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { services } = await ask(port, undefined, LIMITS, 20_000, version);
    deepEqual(services, ['shop.Orders']);
    await rejects(ask(port), { name: 'ReflectionError' });
    server.close();
  });
}
