import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { after, suite, test } from 'node:test';
import type { ListenerSettings, PrimarySettings } from '../../src/model/settings.ts';
import { TAPE_BYTES_MIN } from '../../src/model/tape.ts';
import { createAuthority } from '../fixtures/certificates.ts';
import { BIG_BODY, BIG_FIELDS, startHttp2Primary } from '../fixtures/http2-primary.ts';
import { listenerSettings, primaryAt } from '../fixtures/live-listener.ts';
import { openObservedListener } from '../fixtures/observed-listener.ts';
import type { ObservedListener } from '../fixtures/observed-listener.ts';
import type { SeenExchange } from '../fixtures/observed-tap.ts';
import { findPeer, freePort, missingPeers, startPeer } from '../fixtures/peers.ts';
import { startPrimary } from '../fixtures/primary.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { terminating } from '../fixtures/tls-listener.ts';

const authority = createAuthority();
after(() => authority[Symbol.dispose]());
const certificate = authority.issue('local', { dns: ['localhost'], ips: ['127.0.0.1'] });
const OVER_TLS: Partial<PrimarySettings> = {
  tls: { verify: true, ca: authority.ca, cert: undefined, key: undefined, serverName: undefined },
};

interface Run {
  readonly code: number;
  readonly out: string;
}

/** Runs a program to its end; its standard error follows its standard output. */
function run(name: string, args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      findPeer(name) ?? name,
      args,
      { timeout: 20_000, maxBuffer: 64 * 1024 * 1024, encoding: 'latin1' },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out: stdout + stderr }),
    );
  });
}

function listen(port: number, part: Partial<ListenerSettings> = {}): Promise<ObservedListener> {
  return openObservedListener(listenerSettings([port], part));
}

function tlsTo(port: number, primary: Partial<PrimarySettings> = {}): Promise<ObservedListener> {
  const settings = primaryAt([port], primary);
  const endpoints = settings.endpoints.map((endpoint) => ({ ...endpoint, tls: primary.tls !== undefined }));
  return listen(port, { tls: terminating([certificate]), primary: { ...settings, endpoints } });
}

/** `POST /echo 200`, and why it is not whole. */
function story({ exchange }: SeenExchange): string {
  const { request, response, incomplete } = exchange;
  return [request.method, request.target, response?.status ?? '-', incomplete ?? ''].join(' ').trimEnd();
}

/** The observer understood everything, and nothing of it twice. */
function assertFollowed({ observer }: ObservedListener, requests: { http1?: number; http2: number }): void {
  const { counts } = observer;
  deepEqual(
    [counts.http1Requests, counts.http2Requests, counts.exchanges, counts.givenUp, counts.opaque],
    [requests.http1 ?? 0, requests.http2, (requests.http1 ?? 0) + requests.http2, 0, { tls: 0, other: 0 }],
  );
}

function curl(...args: readonly string[]): Promise<Run> {
  return run('curl', ['--silent', '--show-error', '--max-time', '15', ...args]);
}

async function connected(listener: ObservedListener): Promise<ClientHttp2Session & Disposable> {
  const session = http2.connect(`http://127.0.0.1:${listener.port}`);
  session.on('error', () => {});
  await once(session, 'connect');
  return Object.assign(session, { [Symbol.dispose]: () => session.destroy() });
}

async function text(stream: ClientHttp2Stream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

function post(session: ClientHttp2Session, path: string, more: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  return session.request({ ':method': 'POST', ':path': path, ...more }, { endStream: false });
}

suite('curl', { skip: missingPeers('curl') }, () => {
  test('with prior knowledge: bodies both ways, HEAD and trailers', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using folder = temporaryFolder();
    writeFileSync(folder.file('body'), BIG_BODY);
    const at = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
    const file = folder.file('out');
    // A connection each: curl 7.88 cannot use one of prior knowledge again, whoever it talks to.
    for (const args of [
      [at('/hello?x=1'), '--output', file],
      [at('/big'), '--output', folder.file('big')],
      [at('/echo'), '--output', folder.file('echo'), '--data-binary', `@${folder.file('body')}`],
      [at('/head'), '--head'],
    ]) {
      const { code, out } = await curl('--http2-prior-knowledge', ...args);
      equal(code, 0, out);
    }
    equal(readFileSync(file, 'latin1'), 'hello');
    ok(readFileSync(folder.file('big')).equals(BIG_BODY));
    ok(readFileSync(folder.file('echo')).equals(BIG_BODY));
    const [hello, big, echo, head] = await listener.exchanges(4);
    ok(hello !== undefined && big !== undefined && echo !== undefined && head !== undefined);
    deepEqual([hello, big, echo, head].map(story), [
      'GET /hello?x=1 200',
      'GET /big 200',
      'POST /echo 200',
      'HEAD /head 200',
    ]);
    const body = BIG_BODY.toString('latin1');
    equal(hello.exchange.request.authority, `127.0.0.1:${listener.port}`);
    equal(hello.responseBody, 'hello');
    ok(big.responseBody === body && echo.requestBody === body && echo.responseBody === body);
    deepEqual(echo.exchange.responseTrailers, [
      ['grpc-status', '0'],
      ['checksum', 'abc'],
    ]);
    assertFollowed(listener, { http2: 4 });
  });

  test('over TLS with ALPN, two requests on a connection, to a primary in the clear and to one with TLS', async () => {
    await using plain = await startHttp2Primary();
    await using secure = await startHttp2Primary(certificate);
    for (const listener of [await tlsTo(plain.port), await tlsTo(secure.port, OVER_TLS)]) {
      await using opened = listener;
      const url = `https://localhost:${opened.port}/hello`;
      const format = ['--write-out', ' %{http_version}', '--resolve', `localhost:${opened.port}:127.0.0.1`];
      const { code, out } = await curl('--http2', '--cacert', authority.ca, ...format, url, `${url}?again`);
      deepEqual([code, out], [0, 'hello 2hello 2']);
      const [hello, again] = await opened.exchanges(2);
      ok(hello !== undefined && again !== undefined);
      equal(story(again), 'GET /hello?again 200');
      deepEqual(
        [story(hello), hello.responseBody, hello.exchange.connection.tls],
        ['GET /hello 200', 'hello', true],
      );
      assertFollowed(opened, { http2: 2 });
    }
  });

  test('over TLS to a primary that speaks HTTP/1.1 only: h2 fails, as nobody translates; http/1.1 works', async () => {
    await using primary = await startPrimary({
      tls: { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) },
    });
    await using listener = await tlsTo(primary.port, OVER_TLS);
    const url = `https://localhost:${listener.port}/`;
    const common = ['--cacert', authority.ca, '--resolve', `localhost:${listener.port}:127.0.0.1`, url];
    notEqual((await curl('--http2', ...common)).code, 0);
    deepEqual([listener.stat('protocolRefused'), listener.stat('unreachable')], [1, 0]);
    equal((await curl('--http1.1', ...common)).code, 0);
    deepEqual((await listener.exchanges(1)).map(story), ['GET / 200']);
  });
});

suite('curl, upgrading at nghttpx', { skip: missingPeers('curl', 'nghttpx') }, () => {
  test('the first request is answered on stream 1', async () => {
    await using primary = await startPrimary();
    const port = await freePort();
    await using _proxy = await startPeer(
      'nghttpx',
      [
        '--frontend',
        `127.0.0.1,${port};no-tls`,
        '--backend',
        `127.0.0.1,${primary.port}`,
        '--workers',
        '1',
        '--no-via',
      ],
      port,
    );
    await using listener = await listen(port);
    const url = `http://127.0.0.1:${listener.port}`;
    const { code, out } = await run('curl', [
      '--silent',
      '--http2',
      `${url}/one`,
      `${url}/two`,
      '--write-out',
      '%{http_version} ',
    ]);
    equal(code, 0, out);
    match(out, /2 [^]*2 /);
    const [one, two] = await listener.exchanges(2);
    ok(one !== undefined && two !== undefined);
    deepEqual([one, two].map(story), ['GET /one 200', 'GET /two 200']);
    ok(out.includes(one.responseBody) && one.responseBody.length > 0);
    assertFollowed(listener, { http1: 1, http2: 1 });
  });
});

suite('nghttp', { skip: missingPeers('nghttp') }, () => {
  test('with priorities, padding, trailers and long header fields', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using folder = temporaryFolder();
    writeFileSync(folder.file('body'), 'streamed up');
    const at = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
    const long = 'h'.repeat(30_000);
    const up = [
      '--data',
      folder.file('body'),
      '--trailer',
      'checksum: 17',
      '--padding',
      '64',
      '--header',
      `x-long: ${long}`,
    ];
    const posted = await run('nghttp', [...up, at('/echo')]);
    deepEqual([posted.code, posted.out], [0, 'streamed up']);
    const got = await run('nghttp', [
      '--null-out',
      '--multiply',
      '10',
      '--header-table-size',
      '65536',
      at('/fields'),
      at('/hello'),
    ]);
    equal(got.code, 0, got.out);
    const [echo, ...rest] = await listener.exchanges(21);
    ok(echo !== undefined);
    deepEqual(
      [story(echo), echo.requestBody, echo.responseBody, echo.trailers],
      ['POST /echo 200', 'streamed up', 'streamed up', [['checksum', '17']]],
    );
    equal(echo.exchange.request.header('x-long'), long);
    const fields = rest.filter(({ exchange }) => exchange.request.path === '/fields');
    equal(fields.length, 10);
    for (const { exchange } of fields)
      for (const [name, value] of Object.entries(BIG_FIELDS)) equal(exchange.response?.header(name), value);
    assertFollowed(listener, { http2: 21 });
  });
});

suite('nghttpd', { skip: missingPeers('nghttp', 'nghttpd') }, () => {
  test('what it pushes is passed over', async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.file('index.html'), '<html>');
    writeFileSync(folder.file('style.css'), 'css '.repeat(10_000));
    const port = await freePort();
    const serve = [
      '--no-tls',
      '--address=127.0.0.1',
      `--htdocs=${folder.path}`,
      '--push=/index.html=/style.css',
    ];
    await using _server = await startPeer(
      'nghttpd',
      [...serve, '--padding=100', '--trailer=checksum: 9', String(port)],
      port,
    );
    await using listener = await listen(port);
    const { code, out } = await run('nghttp', ['--verbose', `http://127.0.0.1:${listener.port}/index.html`]);
    equal(code, 0, out);
    match(out, /recv PUSH_PROMISE/);
    const [index] = await listener.exchanges(1);
    ok(index !== undefined);
    deepEqual(
      [story(index), index.responseBody, index.exchange.responseTrailers],
      ['GET /index.html 200', '<html>', [['checksum', '9']]],
    );
    assertFollowed(listener, { http2: 1 });
  });
});

suite('h2load', { skip: missingPeers('h2load') }, () => {
  test('many streams at once: every request is an exchange', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    const { code, out } = await run('h2load', [
      '-n',
      '1000',
      '-c',
      '4',
      '-m',
      '16',
      `http://127.0.0.1:${listener.port}/hello`,
    ]);
    equal(code, 0, out);
    match(out, /1000 succeeded, 0 failed/);
    const all = await listener.exchanges(1000);
    ok(all.every((seen) => story(seen) === 'GET /hello 200' && seen.responseBody === 'hello'));
    assertFollowed(listener, { http2: 1000 });
  });
});

suite("Node's client and server", () => {
  test('streams both ways at the same time', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    const stream = post(session, '/echo', { cookie: ['a=1', 'b=2'] });
    for (const part of ['one', 'two', 'three']) {
      stream.write(part);
      const [back] = (await once(stream, 'data')) as [Buffer];
      equal(back.toString(), part);
    }
    stream.end();
    stream.resume();
    await once(stream, 'close');
    const [seen] = await listener.exchanges(1);
    ok(seen !== undefined);
    deepEqual(
      [story(seen), seen.requestBody, seen.responseBody],
      ['POST /echo 200', 'onetwothree', 'onetwothree'],
    );
    equal(seen.exchange.request.header('cookie'), 'a=1; b=2');
    equal(seen.exchange.responseTrailers?.[0]?.[0], 'grpc-status');
    const { requestStart, responseStart, requestEnd, responseEnd } = seen.exchange.times;
    ok(requestStart <= responseStart && responseStart <= requestEnd && requestEnd <= responseEnd);
  });

  test('informational answers come before the answer', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    equal(await text(session.request({ ':path': '/hints' })), 'hello');
    deepEqual((await listener.exchanges(1)).map(story), ['GET /hints 200']);
  });

  test('a push leaves what was asked for alone', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    const pushed = new Promise<string>((resolve) =>
      session.once('stream', (stream) => resolve(text(stream as ClientHttp2Stream))),
    );
    equal(await text(session.request({ ':path': '/push' })), 'hello');
    equal(await pushed, 'pushed');
    equal(await text(session.request({ ':path': '/after' })), 'hello');
    deepEqual((await listener.exchanges(2)).map(story), ['GET /push 200', 'GET /after 200']);
    assertFollowed(listener, { http2: 2 });
  });

  test('a request that is cancelled, one that is refused, and one that goes on', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    const endless = session.request({ ':path': '/endless' });
    await once(endless, 'data');
    endless.close(http2.constants.NGHTTP2_CANCEL);
    const refused = session.request({ ':path': '/refuse' });
    refused.on('error', () => {});
    await new Promise((resolve) => refused.once('close', resolve));
    equal(await text(session.request({ ':path': '/after' })), 'hello');
    deepEqual((await listener.exchanges(3)).map(story).toSorted(), [
      'GET /after 200',
      'GET /endless 200 client_closed',
      'GET /refuse - primary_closed',
    ]);
    assertFollowed(listener, { http2: 3 });
  });

  test('what is under way is answered after GOAWAY', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    const stream = post(session, '/echo');
    stream.write('before');
    await once(stream, 'data');
    const told = once(session, 'goaway');
    primary.goAway();
    await told;
    stream.end(' after');
    equal(await text(stream), ' after');
    const [seen] = await listener.exchanges(1);
    ok(seen !== undefined);
    deepEqual([story(seen), seen.responseBody], ['POST /echo 200', 'before after']);
    await listener.quiet();
    assertFollowed(listener, { http2: 1 });
  });

  test('a tape that is full takes exchanges away, and nothing else', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await openObservedListener(listenerSettings([primary.port]), TAPE_BYTES_MIN);
    const expected = BIG_BODY.toString('latin1');
    for (let round = 0; round < 10; round++) {
      using session = await connected(listener);
      const proceed = listener.hold();
      // More than the tape holds.
      const parts = Array.from({ length: 4 }, async (_, at) => {
        const stream = post(session, `/echo?${round}.${at}`);
        stream.setEncoding('latin1');
        stream.end(BIG_BODY);
        if (at === round % 4) proceed();
        equal(await text(stream), expected);
      });
      await Promise.all(parts);
    }
    await listener.quiet();
    const { counts } = listener.observer;
    const all = await listener.exchanges(0);
    for (const seen of all) {
      if (seen.exchange.incomplete !== undefined) continue;
      ok(seen.requestBody === expected && seen.responseBody === expected);
    }
    const { tape_gap, ...others } = counts.incomplete;
    ok(tape_gap > 0, 'nothing was lost: the test proves nothing');
    deepEqual(Object.values(others), [0, 0, 0, 0]);
    deepEqual(counts.opaque, { tls: 0, other: 0 });
  });

  test('tables and frames that grow on the way are followed', async () => {
    await using primary = await startHttp2Primary();
    await using listener = await listen(primary.port);
    using session = await connected(listener);
    for (const headerTableSize of [0, 65_536, 100, 4096]) {
      session.settings({ headerTableSize, maxFrameSize: 65_536, initialWindowSize: 1_000_000 });
      for (let i = 0; i < 3; i++) {
        await text(
          session.request({ ':path': '/fields', 'x-same': 'value', 'x-other': `${headerTableSize}` }),
        );
        await text(session.request({ ':path': '/big' }));
      }
    }
    const all = await listener.exchanges(24);
    ok(all.every(({ exchange }) => exchange.incomplete === undefined && exchange.response?.status === 200));
    const fields = all.filter(({ exchange }) => exchange.request.path === '/fields');
    ok(fields.every(({ exchange }) => exchange.response?.header('x-big-19') === BIG_FIELDS['x-big-19']));
    assertFollowed(listener, { http2: 24 });
  });
});
