import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from '../../test/fixtures/certificates.ts';
import type { Authority } from '../../test/fixtures/certificates.ts';
import { beginHttp2Copy, openMirror, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import type { MirrorWish } from '../../test/fixtures/mirror-driver.ts';
import { missingPeers } from '../../test/fixtures/peers.ts';
import { openWebSocketStreams, serverFrame } from '../../test/fixtures/websocket-streams.ts';
import type { WebSocketStreams, WebSocketStreamsOptions } from '../../test/fixtures/websocket-streams.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { CopyOutcome } from '../model/copy.ts';
import type { RequestHead } from '../model/exchange.ts';
import { decodeRecords, encodeRecord } from '../model/message-record.ts';
import { requestHead } from '../model/request-head.ts';
import { Http2RequestHead } from '../wire/http2/head.ts';
import type { Mirror } from './mirror.ts';

const FIELDS = [
  ['sec-websocket-version', '13'],
  ['sec-websocket-protocol', 'chat'],
  ['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits'],
  ['cookie', 'a=1'],
] as const;
/** What the client asked, as each protocol says it. */
const LIVE: Readonly<Record<string, RequestHead | undefined>> = {
  'HTTP/1.1': requestHead('GET', '/ws?a=1', [
    ['Host', 'live.example'],
    ['Connection', 'Upgrade, x-hop'],
    ['X-Hop', '1'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ...FIELDS,
  ]),
  'HTTP/2': Http2RequestHead.of([
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'https'],
    [':authority', 'live.example'],
    [':path', '/ws?a=1'],
    ...FIELDS,
  ]),
};

let ids = 0;

function begin(mirror: Mirror, head: RequestHead | undefined = LIVE['HTTP/2']) {
  const { promise, resolve } = Promise.withResolvers<CopyOutcome>();
  ok(head !== undefined);
  const copy = mirror.copy({
    id: `t-${++ids}`,
    head,
    body: 'none',
    webSocket: true,
    connectionId: 1,
    onDone: resolve,
  });
  if (typeof copy === 'string') throw new Error(copy);
  return {
    copy,
    outcome: promise,
    say: (text: string) => copy.write(encodeRecord({ kind: 'text', payload: Buffer.from(text) })),
    close: (received: number) =>
      copy.write(encodeRecord({ kind: 'close', by: 'client', code: 1000, reason: 'bye', received })),
  };
}

function words(outcome: CopyOutcome): readonly string[] {
  if (outcome.kind !== 'answered') return [wordOf(outcome)];
  const records = decodeRecords(Buffer.concat(outcome.answer.body)).map((record) => {
    if (record.kind === 'close') return `${record.by} ${record.code} after ${record.received}`;
    return record.kind === 'lost' ? 'lost' : `${record.kind} ${record.payload.toString()}`;
  });
  return outcome.answer.truncated === true ? [...records, 'cut'] : records;
}

/** A mirror with its server, which holds nothing when it is done. */
async function open(options: WebSocketStreamsOptions = {}, wish: MirrorWish = {}) {
  const server = await openWebSocketStreams(options);
  const mirror = openMirror(server.port, { protocol: 'h2c', ...wish });
  return {
    server,
    mirror,
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      deepEqual([mirror.stats.bufferedBytes, mirror.stats.openConnections, mirror.busy], [0, 0, false]);
    },
  };
}

for (const [name, head] of Object.entries(LIVE)) {
  test(`of ${name}: goes out as an extended CONNECT where the mirror takes such`, async () => {
    await using run = await open();
    const { say, close, outcome, copy } = begin(run.mirror, head);
    say('one');
    copy.write(encodeRecord({ kind: 'binary', payload: Buffer.from('two') }));
    close(2);
    const over = await outcome;
    deepEqual(words(over), ['text echo one', 'text echo two', 'client 1000 after 2']);
    deepEqual(run.server.heard, ['text one', 'binary two', 'close 1000 bye']);
    const [asked] = run.server.heads;
    const { ':method': method, ':protocol': protocol, ':path': path, ':authority': host } = asked ?? {};
    deepEqual([method, protocol, path, host], ['CONNECT', 'websocket', '/ws?a=1', 'live.example']);
    // A key of our own, for gateways that go on in HTTP/1.1, where the client had one.
    const key = asked?.['sec-websocket-key'];
    deepEqual(
      [key === undefined, asked?.['x-hop'], asked?.upgrade],
      [name === 'HTTP/2', undefined, undefined],
    );
    ok(key !== 'dGhlIHNhbXBsZSBub25jZQ==');
    deepEqual([asked?.['sec-websocket-version'], asked?.['sec-websocket-protocol']], ['13', 'chat']);
    equal(asked?.['sec-websocket-extensions'], 'permessage-deflate; client_max_window_bits');
    equal(asked?.cookie, 'a=1');
    equal(asked?.['x-understudy-mirror'], 'p/m');
    ok(over.kind === 'answered');
    equal(over.answer.head.status, 101);
    ok(over.answer.startMicros <= over.answer.firstByteMicros);
    ok(over.answer.firstByteMicros <= over.answer.endMicros);
    deepEqual([run.mirror.stats.mirrored, run.mirror.stats.responses['2xx']], [1, 1]);
  });
}

test('many share a session with each other and with other copies', async () => {
  await using run = await open({
    answer: (stream) => stream.respond({ ':status': 200 }, { endStream: false }),
  });
  const sockets = Array.from({ length: 20 }, () => begin(run.mirror));
  for (const [at, { say }] of sockets.entries()) say(String(at));
  await until(() => run.server.heard.length === 20);
  const fields = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'h'],
    [':path', '/'],
  ] as const;
  const beside = beginHttp2Copy(run.mirror, { fields });
  await until(() => run.server.heads.length === 21);
  run.server.sessions[0]?.goaway(0);
  for (const { close } of sockets) close(1);
  for (const [at, { outcome }] of sockets.entries())
    deepEqual(words(await outcome), [`text echo ${at}`, 'client 1000 after 1']);
  equal(run.server.connections, 1);
  equal(beside.over(), undefined);
});

test('a mirror that takes none, and whose HTTP/1.1 nobody knows, is not asked', async () => {
  await using run = await open({ settings: {} });
  const { say, outcome } = begin(run.mirror);
  say('one');
  equal(wordOf(await outcome), 'upgrade');
  deepEqual([run.mirror.stats.notMirrored.upgrade, run.mirror.stats.mirrored], [1, 0]);
  deepEqual([run.server.heads, run.mirror.stats.breaker], [[], 'closed']);
});

test('stays within the windows of the mirror, and what waits is counted', async () => {
  const text = 'x'.repeat(100_000);
  const held: (() => void)[] = [];
  await using run = await open({
    settings: { enableConnectProtocol: true, initialWindowSize: 1_000 },
    answer: (stream) => {
      stream.respond({ ':status': 200 });
      stream.pause();
      held.push(() => stream.resume());
    },
    said: (channel, word) => void channel.write(serverFrame(`${word.length}`)),
  });
  const { say, copy, outcome } = begin(run.mirror);
  say(text);
  await until(() => run.mirror.stats.bufferedBytes > 90_000 && held.length === 1);
  held[0]?.();
  await until(() => run.server.heard.length === 1);
  equal(run.server.heard[0], `text ${text}`);
  await until(() => run.mirror.stats.bufferedBytes < 1_000);
  copy.cut();
  deepEqual(words(await outcome).at(-1), 'cut');
});

test('a mirror that reads nothing costs no more than the buffer', async () => {
  await using run = await open(
    {
      settings: { enableConnectProtocol: true, initialWindowSize: 0 },
    },
    { limits: { bufferBytes: 50_000 } },
  );
  const { say, outcome } = begin(run.mirror);
  await until(() => run.mirror.stats.responses['2xx'] === 1);
  for (let i = 0; i < 10; i++) say('x'.repeat(10_000));
  deepEqual(words(await outcome), ['cut']);
});

test('ends of all kinds', async () => {
  const byte = Buffer.from([0x83, 0]);
  const cases: readonly (readonly [string, WebSocketStreamsOptions])[] = [
    ['403', { answer: (stream) => (stream.respond({ ':status': 403 }), void stream.end('no')) }],
    [
      'answer_too_large',
      { answer: (stream) => (stream.respond({ ':status': 403 }), void stream.end('x'.repeat(2_000))) },
    ],
    ['reset', { answer: (stream) => void stream.close(2) }],
    [
      'server 1006 after 0',
      { answer: (stream) => void stream.respond({ ':status': 200 }, { endStream: true }) },
    ],
    ['server 1006 after 0', { said: (channel) => void channel.destroy() }],
    ['server 1006 after 0', { said: (channel) => void channel.end() }],
    [
      'server 4001 after 0',
      { said: (channel) => void channel.write(serverFrame(Buffer.from([0x0f, 0xa1]), 0x88)) },
    ],
    ['malformed', { said: (channel) => void channel.write(byte) }],
    [
      'malformed',
      { answer: (stream) => stream.respond({ ':status': 200, 'sec-websocket-extensions': 'x-own' }) },
    ],
  ];
  for (const [expected, options] of cases) {
    await using run = await open(options, { limits: { bodyBytes: 1_000 } });
    const { say, outcome } = begin(run.mirror);
    say('go');
    const over = await outcome;
    const word = over.kind === 'answered' && over.answer.head.status === 101 ? words(over)[0] : wordOf(over);
    equal(word, expected);
    // The session is not to blame.
    equal(run.mirror.stats.openConnections, 1);
  }
});

test('one that waited when its session went away goes to the next one', async () => {
  await using run = await open({ settings: { enableConnectProtocol: true, maxConcurrentStreams: 1 } });
  // Both before the server has said that it takes one at a time.
  const [first, second] = [begin(run.mirror), begin(run.mirror)];
  await until(() => run.mirror.stats.responses['2xx'] === 1);
  second.say('two');
  second.close(1);
  equal(run.server.connections, 1);
  run.server.sessions[0]?.close();
  deepEqual(words(await second.outcome), ['text echo two', 'client 1000 after 1']);
  first.say('one');
  first.close(1);
  deepEqual(words(await first.outcome), ['text echo one', 'client 1000 after 1']);
  equal(run.server.connections, 2);
});

test('a session that goes away, or never answers', async () => {
  const clock = new ManualClock();
  await using run = await open({ answer: () => {} }, { limits: { timeoutMs: 1_000 }, options: { clock } });
  const silent = begin(run.mirror);
  await until(() => run.server.heads.length === 1);
  clock.advance(1_100);
  equal(wordOf(await silent.outcome), 'timeout');
  const cut = begin(run.mirror);
  await until(() => run.server.heads.length === 2);
  run.server.sessions[0]?.destroy();
  ok(['closed', 'reset'].includes(wordOf(await cut.outcome)));
});

async function talk(run: { readonly mirror: Mirror; readonly server: WebSocketStreams }, head?: RequestHead) {
  const { say, close, outcome } = begin(run.mirror, head);
  say('one');
  close(1);
  return words(await outcome);
}

describe('with TLS', { skip: missingPeers('openssl') }, () => {
  let authority: Authority | undefined;
  let credentials: { readonly cert: string; readonly key: string } | undefined;
  before(() => {
    authority = createAuthority();
    const { cert, key } = authority.issue('mirror', { ips: ['127.0.0.1'] });
    credentials = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  });
  after(() => authority?.[Symbol.dispose]());

  const secure = (options: WebSocketStreamsOptions) => {
    const ca = authority?.ca;
    const tls = { ca, cert: undefined, key: undefined, serverName: undefined, verify: true };
    return open({ ...options, ...(credentials && { credentials }) }, { protocol: 'http1', tls });
  };

  test('over the session that ALPN has chosen, the next one too', async () => {
    await using run = await secure({});
    const said = ['text echo one', 'client 1000 after 1'];
    deepEqual(await Promise.all([talk(run), talk(run)]), [said, said]);
    deepEqual(await talk(run, LIVE['HTTP/1.1']), said);
    deepEqual(
      run.server.heads.map((asked) => asked[':protocol']),
      ['websocket', 'websocket', 'websocket'],
    );
    equal(run.mirror.stats.openConnections, 1);
  });

  test('where HTTP/2 has none, over a connection of HTTP/1.1 with a key of its own', async () => {
    await using run = await secure({ settings: {}, http1: true });
    for (const head of Object.values(LIVE))
      deepEqual(await talk(run, head), ['text echo one', 'client 1000 after 1']);
    for (const asked of run.server.heads) {
      deepEqual([asked.upgrade, asked['sec-websocket-version']], ['websocket', '13']);
      ok(
        asked['sec-websocket-key'] !== undefined && asked['sec-websocket-key'] !== 'dGhlIHNhbXBsZSBub25jZQ==',
      );
    }
    equal(run.mirror.stats.failures.tls, 0);
  });

  test('where there is nothing but an HTTP/2 that has none, it is not copied', async () => {
    await using run = await secure({ settings: {} });
    deepEqual([await talk(run), await talk(run)], [['upgrade'], ['upgrade']]);
    deepEqual([run.mirror.stats.mirrored, run.mirror.stats.failures.tls], [0, 0]);
  });

  test('called off while it is being connected', async () => {
    await using run = await secure({});
    const { copy, outcome } = begin(run.mirror);
    copy.abort('client_closed');
    equal(wordOf(await outcome), 'client_closed');
  });
});
