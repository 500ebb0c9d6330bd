import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import type { Authority } from '../../test/fixtures/certificates.ts';
import { COPY_SERVERS, openCopyServer } from '../../test/fixtures/copy-server.ts';
import type { CopyServer, CopyServerKind, Reply, SeenRequest } from '../../test/fixtures/copy-server.ts';
import {
  beginCopy,
  beginHttp2Copy,
  bodyOf,
  openMirror,
  until,
  wordOf,
} from '../../test/fixtures/mirror-driver.ts';
import type { DrivenCopy, MirrorWish } from '../../test/fixtures/mirror-driver.ts';
import { missingPeers } from '../../test/fixtures/peers.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy } from '../model/copy.ts';
import type { Mirror } from './mirror.ts';

/** A live request, as each protocol says it. */
interface Live {
  readonly method: string;
  readonly path: string;
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  readonly trailers?: readonly (readonly [name: string, value: string])[];
  /** Without Content-Length. */
  readonly streamed?: boolean;
  /** Only this much of the body follows, and no end. */
  readonly cut?: boolean;
}

const LIVES: Readonly<Record<string, (mirror: Mirror, live: Live, connectionId?: number) => DrivenCopy>> = {
  'HTTP/1.1': (mirror, { method, path, fields = [], body, trailers = [], streamed, cut }, connectionId) => {
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const head = `${method} ${path} HTTP/1.1\r\nHost: site.example\r\nConnection: x-hop\r\nX-Hop: 1\r\n${lines}`;
    if (body === undefined) return beginCopy(mirror, `${head}\r\n`, connectionId);
    const end = cut === true ? '' : `0\r\n${trailers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`;
    const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
    const chunked = `Transfer-Encoding: chunked\r\n\r\n${chunk}${end}`;
    const length = body.length + (cut === true ? 1 : 0);
    const framed = streamed === true ? chunked : `Content-Length: ${length}\r\n\r\n${body}`;
    return beginCopy(mirror, `${head}${framed}`, connectionId);
  },
  'HTTP/2': (mirror, { method, path, fields = [], body, trailers, streamed, cut }, connectionId) =>
    beginHttp2Copy(
      mirror,
      {
        fields: [
          [':method', method],
          [':scheme', 'https'],
          [':authority', 'site.example'],
          [':path', path],
          ...fields.map(([name, value]) => [name.toLowerCase(), value] as const),
          ...(streamed === true || body === undefined
            ? []
            : [['content-length', String(body.length + (cut === true ? 1 : 0))] as const]),
        ],
        ...(body === undefined ? {} : { body }),
        ...(trailers === undefined ? {} : { trailers }),
        ...(cut === true ? { open: true } : {}),
      },
      connectionId,
    ),
};

const noOpenssl = missingPeers('openssl');

for (const kind of COPY_SERVERS) {
  const secure = kind === 'https' || kind === 'h2';
  describe(`a mirror over ${kind}`, { skip: secure && noOpenssl }, () => {
    let authority: Authority | undefined;
    let credentials: { readonly cert: string; readonly key: string } | undefined;
    before(() => {
      if (!secure) return;
      authority = createAuthority();
      const { cert, key } = authority.issue('mirror', { ips: ['127.0.0.1'] });
      credentials = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    });
    after(() => authority?.[Symbol.dispose]());

    const serve = (answer: (seen: SeenRequest) => Reply | undefined): Promise<CopyServer> =>
      openCopyServer(kind, answer, credentials);

    function mirrorOf(server: CopyServer, wish: MirrorWish = {}): Mirror {
      const ca = authority?.ca;
      const tls = { ca, cert: undefined, key: undefined, serverName: undefined, verify: true };
      const protocol = kind === 'h2c' ? 'h2c' : 'http1';
      return openMirror(server.port, { protocol, ...(secure ? { tls } : {}), ...wish });
    }

    for (const [name, begin] of Object.entries(LIVES))
      describe(`of ${name}`, () => suite(kind, name, begin, serve, mirrorOf));
  });
}

function begun({ copy }: DrivenCopy): Copy {
  if (typeof copy === 'string') throw new Error(`refused: ${copy}`);
  return copy;
}

function suite(
  kind: CopyServerKind,
  name: string,
  begin: (mirror: Mirror, live: Live, connectionId?: number) => DrivenCopy,
  serve: (answer: (seen: SeenRequest) => Reply | undefined) => Promise<CopyServer>,
  mirrorOf: (server: CopyServer, wish?: MirrorWish) => Mirror,
): void {
  const overHttp2 = kind === 'h2c' || kind === 'h2';
  const GET: Live = { method: 'GET', path: '/' };

  test('a request arrives as it was sent, but for its connection and the markers', async () => {
    await using server = await serve(() => ({ body: 'ok', headers: { 'x-answer': '1' } }));
    await using mirror = mirrorOf(server);
    const live = begin(mirror, {
      method: 'GET',
      path: '/a/%7Eb?q=1&&x',
      fields: [
        ['X-Env', 'prod'],
        ['Cookie', 'a=1'],
        ['Cookie', 'b=2'],
        ['X-Long', 'x'.repeat(1_000)],
        ['X-Understudy-Id', 'forged'],
        ['TE', 'trailers'],
      ],
    });
    const outcome = await live.outcome;
    equal(wordOf(outcome), '200');
    equal(bodyOf(outcome), 'ok');
    equal(outcome.kind === 'answered' && outcome.answer.head.header('x-answer'), '1');
    const [seen] = server.seen;
    equal(seen?.version, overHttp2 ? '2.0' : '1.1');
    deepEqual([seen?.method, seen?.url, seen?.authority], ['GET', '/a/%7Eb?q=1&&x', 'site.example']);
    if (overHttp2) equal(seen?.scheme, name === 'HTTP/2' ? 'https' : kind === 'h2' ? 'https' : 'http');
    const fields = seen?.fields.filter(([field]) => field !== 'connection' && field !== 'te') ?? [];
    const cookies = fields.filter(([field]) => field === 'cookie').map(([, value]) => value);
    equal(cookies.join('; '), 'a=1; b=2');
    deepEqual(
      fields.filter(([field]) => field !== 'cookie' && field !== 'x-understudy-id'),
      [
        ['x-env', 'prod'],
        ['x-long', 'x'.repeat(1_000)],
        ['x-understudy-mirror', 'p/m'],
      ],
    );
    deepEqual(
      seen?.fields.filter(([field]) => field === 'te'),
      [['te', 'trailers']],
    );
    ok(!fields.some(([, value]) => value === 'forged'));
  });

  test('the policy rewrites and redacts', async () => {
    await using server = await serve(() => ({}));
    await using mirror = mirrorOf(server, {
      rewrite: {
        host: 'v2.example',
        path: { type: 'ReplacePrefixMatch', prefix: '/api', replacePrefixMatch: '/v2' },
        headers: { set: { 'X-Env': 'shadow' }, add: { 'x-more': '1' }, remove: ['x-gone'] },
      },
      redact: { headers: ['cookie'], queryParams: ['token'], jsonFields: ['email'] },
    });
    const live = begin(mirror, {
      method: 'POST',
      path: '/api/x?token=s3cret&a=1',
      fields: [
        ['X-Env', 'prod'],
        ['X-Gone', '1'],
        ['Cookie', 's'],
        ['Content-Type', 'application/json'],
      ],
      body: '{"email":"a@b.c","n":1}',
      streamed: true,
    });
    equal(wordOf(await live.outcome), '200');
    const [seen] = server.seen;
    deepEqual([seen?.url, seen?.authority], ['/v2/x?token=redacted&a=1', 'v2.example']);
    equal(seen?.body.toString(), '{"email":"redacted","n":1}');
    const fields = new Map(seen?.fields);
    deepEqual(
      ['x-env', 'x-more', 'x-gone', 'cookie', 'content-length'].map((field) => fields.get(field)),
      ['shadow', '1', undefined, 'redacted', '26'],
    );
  });

  for (const streamed of [false, true]) {
    const sizes = [0, 1, 16_384, 65_536, 900_000];
    test(`bodies of any size, ${streamed ? 'of unknown length' : 'with a length'}, both ways`, async () => {
      await using server = await serve(({ body }) => ({ body }));
      await using mirror = mirrorOf(server);
      for (const size of sizes) {
        const body = Array.from({ length: size }, (_, i) => String.fromCharCode(97 + (i % 23))).join('');
        const live = begin(mirror, { method: 'POST', path: '/', body, streamed });
        const outcome = await live.outcome;
        equal(wordOf(outcome), '200');
        ok(bodyOf(outcome) === body, `${size} bytes`);
      }
      equal(mirror.stats.bufferedBytes, 0);
      equal(mirror.stats.connects, 1);
    });
  }

  test('trailers go both ways', async () => {
    await using server = await serve(() => ({ body: 'x', trailers: { 'x-sum': '7' } }));
    await using mirror = mirrorOf(server, { redact: { headers: ['secret'] } });
    const trailers = [
      ['grpc-sum', '1'],
      ['secret', '2'],
    ] as const;
    const outcome = await begin(mirror, { method: 'POST', path: '/', body: 'abc', streamed: true, trailers })
      .outcome;
    deepEqual(server.seen[0]?.trailers, { 'grpc-sum': '1', secret: 'redacted' });
    const answered = outcome.kind === 'answered' ? outcome.answer.trailers : undefined;
    deepEqual(
      answered?.map(([field, value]) => [field.toLowerCase(), value]),
      [['x-sum', '7']],
    );
  });

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['OPTIONS', 200],
    ['PURGE', 404],
  ] as const) {
    test(`${method} that is answered with ${status}`, async () => {
      await using server = await serve(() => ({ status }));
      await using mirror = mirrorOf(server);
      const path = method === 'OPTIONS' ? '*' : '/p';
      for (let i = 0; i < 2; i++)
        equal(wordOf(await begin(mirror, { method, path }).outcome), String(status));
      deepEqual([server.seen[0]?.method, server.seen[0]?.url], [method, path]);
      equal(mirror.stats.connects, 1);
    });
  }

  test('many at once are all answered, each with its own', async () => {
    await using server = await serve(({ url }) => ({ body: url.repeat(50) }));
    await using mirror = mirrorOf(server, { limits: { concurrency: 20, queue: 1_000 } });
    const copies = Array.from({ length: 200 }, (_, i) => begin(mirror, { method: 'GET', path: `/${i}` }));
    for (const [i, { outcome }] of copies.entries()) equal(bodyOf(await outcome), `/${i}`.repeat(50));
    equal(mirror.stats.inFlight, 0);
    equal(mirror.stats.mirrored, 200);
    // Before anything is known of a mirror that is reached over TLS, each copy gets a connection.
    ok(mirror.stats.connects <= (kind === 'h2c' ? 1 : 20));
    if (overHttp2) await until(() => mirror.stats.openConnections === 1);
  });

  test('an aborted request is never whole at the mirror', async () => {
    await using server = await serve(() => ({}));
    await using mirror = mirrorOf(server);
    const live = begin(mirror, { method: 'POST', path: '/', body: 'abc', cut: true });
    await until(() => server.begun === 1);
    begun(live).abort('tape_gap');
    equal(wordOf(await live.outcome), 'tape_gap');
    await until(() => server.aborted === 1);
    equal(server.seen.length, 0);
    equal(wordOf(await begin(mirror, GET).outcome), '200');
  });

  test('a copy that is not answered in time has failed, and the mirror is told', async () => {
    const clock = new ManualClock();
    await using server = await serve(({ url }) => (url === '/hang' ? undefined : {}));
    await using mirror = mirrorOf(server, { limits: { timeoutMs: 2_000 }, options: { clock } });
    const live = begin(mirror, { method: 'GET', path: '/hang' });
    await until(() => server.seen.length === 1);
    clock.advance(1_900);
    equal(live.over(), undefined);
    clock.advance(200);
    equal(wordOf(await live.outcome), 'timeout');
    equal(wordOf(await begin(mirror, GET).outcome), '200');
  });

  test('a deadline of gRPC ends its copy', async () => {
    const clock = new ManualClock();
    await using server = await serve(() => undefined);
    await using mirror = mirrorOf(server, { limits: { timeoutMs: 60_000 }, options: { clock } });
    const live = begin(mirror, {
      method: 'POST',
      path: '/',
      fields: [['grpc-timeout', '1S']],
      body: 'abc',
      streamed: true,
    });
    await until(() => server.seen.length === 1);
    equal(new Map(server.seen[0]?.fields).get('grpc-timeout'), '1S');
    clock.advance(900);
    equal(live.over(), undefined);
    // All copies are looked at ten times in their timeout, and at least ten times a second.
    clock.advance(200);
    equal(wordOf(await live.outcome), 'timeout');
  });

  test('an answer over the limit is cut off', async () => {
    await using server = await serve(({ url }) => ({ body: 'x'.repeat(url === '/' ? 1_000 : 100_000) }));
    await using mirror = mirrorOf(server, { limits: { bodyBytes: 1_000 } });
    equal(wordOf(await begin(mirror, { method: 'GET', path: '/large' }).outcome), 'answer_too_large');
    equal(mirror.stats.bufferedBytes, 0);
    equal(bodyOf(await begin(mirror, GET).outcome).length, 1_000);
  });

  test('CONNECT is not copied', async () => {
    await using server = await serve(() => ({}));
    await using mirror = mirrorOf(server);
    const fields = [
      [':method', 'CONNECT'],
      [':scheme', 'https'],
      [':authority', 'h'],
      [':path', '/chat'],
      [':protocol', 'websocket'],
    ] as const;
    equal(beginHttp2Copy(mirror, { fields }).copy, 'ambiguous');
    equal(beginCopy(mirror, 'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n').copy, 'ambiguous');
  });

  test('the order of a client connection is kept', async () => {
    await using server = await serve(({ url }) => ({ body: url }));
    await using mirror = mirrorOf(server, { options: { order: 'connection' } });
    const copies = Array.from({ length: 10 }, (_, i) => begin(mirror, { method: 'GET', path: `/${i}` }, 1));
    await Promise.all(copies.map(({ outcome }) => outcome));
    deepEqual(
      server.seen.map(({ url }) => url),
      copies.map((_, i) => `/${i}`),
    );
  });

  test('ends at once, with everything under way', async () => {
    await using server = await serve(() => undefined);
    const mirror = mirrorOf(server);
    const copies = Array.from({ length: 3 }, () => begin(mirror, GET));
    await until(() => server.seen.length === 3);
    await mirror[Symbol.asyncDispose]();
    for (const { outcome } of copies) equal(wordOf(await outcome), 'shutdown');
    equal(mirror.stats.openConnections, 0);
    equal(mirror.stats.bufferedBytes, 0);
  });

  test('a mirror that goes away costs its copies, and is found again', async () => {
    const clock = new ManualClock();
    await using server = await serve(({ url }) => (url === '/hang' ? undefined : {}));
    await using mirror = mirrorOf(server, { options: { clock } });
    const copies = Array.from({ length: 3 }, () => begin(mirror, { method: 'GET', path: '/hang' }));
    await until(() => server.seen.length === 3);
    for (const socket of server.sockets) socket.destroy();
    for (const { outcome } of copies) ok(['closed', 'reset'].includes(wordOf(await outcome)));
    equal(wordOf(await begin(mirror, GET).outcome), '200');
    await until(() => mirror.stats.openConnections === 1);
    for (let second = 0; second < 20; second++) clock.advance(1_000);
    await until(() => mirror.stats.openConnections === 0);
  });
}
