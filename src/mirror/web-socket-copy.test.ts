import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { openMirror, openRawServer, until, wordOf } from '../../test/fixtures/mirror-driver.ts';
import type { MirrorWish } from '../../test/fixtures/mirror-driver.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import type { Copy, CopyOutcome } from '../model/copy.ts';
import { decodeRecords, encodeRecord } from '../model/message-record.ts';
import { requestHead } from '../model/request-head.ts';
import { closePayload } from '../wire/websocket/frame.ts';
import { acceptOf } from '../wire/websocket/handshake.ts';
import { MessageDecoder } from '../wire/websocket/message-decoder.ts';

function answers(text: string | Buffer, first = 0x81): Buffer {
  const payload = Buffer.from(text as string);
  return Buffer.concat([Buffer.from([first, payload.length]), payload]);
}

const serverClose = (code: number): Buffer => answers(closePayload(code), 0x88);

/** Agrees to the WebSocket that was asked for. */
function agree(socket: Socket, received: string, fields = ''): void {
  const [, key = ''] = /sec-websocket-key: (\S+)\r\n/i.exec(received) ?? [];
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n${fields}\r\n`,
  );
}

/** A mirror's server, and what it was told. */
async function openServer(
  said: (socket: Socket, word: string) => void,
  opened: (socket: Socket, received: string) => void = agree,
) {
  const heard: string[] = [];
  const decoders = new Map<Socket, MessageDecoder>();
  let offset = 0;
  const server = await openRawServer({
    data(socket, received) {
      const end = received.indexOf('\r\n\r\n') + 4;
      if (end < 4) return;
      let decoder = decoders.get(socket);
      const hear = (word: string): void => {
        heard.push(word);
        said(socket, word);
      };
      if (decoder === undefined) {
        decoder = new MessageDecoder(
          { sender: 'client', deflate: undefined, limits: { messageBytes: 1e6, frames: 1 } },
          {
            message: (kind, payload) => hear(`${kind} ${payload.toString()}`),
            lost: () => {},
            ping: () => {},
            close: (code, reason) => hear(`close ${code} ${reason}`),
            fault: (reason) => hear(reason),
          },
        );
        decoders.set(socket, decoder);
        offset = end;
        opened(socket, received);
      }
      decoder.write(Buffer.from(received.slice(offset), 'latin1'));
      offset = received.length;
    },
  });
  return { server, heard };
}

const REQUEST = requestHead('GET', '/ws', [
  ['host', 'live.example'],
  ['connection', 'Upgrade'],
  ['upgrade', 'websocket'],
  ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['sec-websocket-version', '13'],
  ['sec-websocket-protocol', 'chat'],
  ['sec-websocket-extensions', 'x-own, permessage-deflate; client_max_window_bits'],
]);

function begin(port: number, wish: MirrorWish = {}) {
  const mirror = openMirror(port, wish);
  const { promise, resolve } = Promise.withResolvers<CopyOutcome>();
  const started = mirror.copy({
    id: 't-1',
    head: REQUEST,
    body: 'none',
    webSocket: true,
    connectionId: 1,
    onDone: resolve,
  });
  if (typeof started === 'string') throw new Error(started);
  const copy: Copy = started;
  return {
    mirror,
    copy,
    outcome: promise,
    say: (text: string) => copy.write(encodeRecord({ kind: 'text', payload: Buffer.from(text) })),
    close: (by: 'client' | 'server', received: number, code = 1000) =>
      copy.write(encodeRecord({ kind: 'close', by, code, reason: 'bye', received })),
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      equal(mirror.stats.bufferedBytes, 0);
      equal(mirror.busy, false);
    },
  };
}

/** What a mirror has said, and whether it was cut. */
function words(outcome: CopyOutcome): readonly string[] {
  if (outcome.kind !== 'answered') return [wordOf(outcome)];
  const records = decodeRecords(Buffer.concat(outcome.answer.body)).map((record) => {
    if (record.kind === 'close') return `${record.by} ${record.code} after ${record.received}`;
    return record.kind === 'lost' ? 'lost' : `${record.kind} ${record.payload.toString()}`;
  });
  return outcome.answer.truncated === true ? [...records, 'cut'] : records;
}

const echo = (socket: Socket, word: string): void => {
  if (word.startsWith('close')) socket.end(serverClose(Number(word.split(' ')[1])));
  else socket.write(answers(`echo ${word}`));
};

test('asks with a key of its own, says what the client says in order, and passes the close on', async () => {
  const { server, heard } = await openServer(echo);
  await using _ = server;
  await using run = begin(server.port);
  run.say('one');
  run.copy.write(encodeRecord({ kind: 'binary', payload: Buffer.from('two') }));
  run.close('client', 2);
  deepEqual(words(await run.outcome), ['text echo text one', 'text echo binary two', 'client 1000 after 2']);
  deepEqual(heard, ['text one', 'binary two', 'close 1000 bye']);
  const head = server.received(0);
  ok(!head.includes('dGhlIHNhbXBsZSBub25jZQ=='));
  match(head, /\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n/);
  match(head, /\r\nsec-websocket-protocol: chat\r\n/i);
  match(head, /\r\nx-understudy-mirror: /i);
  equal(head.match(/sec-websocket-version/gi)?.length, 1);
});

test('the close waits for what the primary had said by then, and no longer than the timeout', async () => {
  const clock = new ManualClock();
  const { server, heard } = await openServer(echo);
  await using _ = server;
  await using run = begin(server.port, { limits: { timeoutMs: 1_000 }, options: { clock } });
  run.say('one');
  run.close('client', 2);
  await until(() => heard.length === 1 && run.mirror.stats.bytesIn >= 144);
  clock.advance(1_100);
  deepEqual(words(await run.outcome), ['text echo text one', 'client 1000 after 1']);
  deepEqual(heard, ['text one', 'close 1000 bye']);
});

test('a server that closes by itself, or goes, has closed', async () => {
  for (const [act, expected] of [
    [(socket: Socket) => void socket.write(serverClose(4001)), 'server 4001 after 0'],
    [(socket: Socket) => void socket.end(), 'server 1006 after 0'],
    [(socket: Socket) => void socket.resetAndDestroy(), 'server 1006 after 0'],
  ] as const) {
    const { server } = await openServer(act);
    await using _ = server;
    await using run = begin(server.port);
    run.say('go');
    deepEqual(words(await run.outcome), [expected]);
    equal(run.mirror.stats.failures.closed + run.mirror.stats.failures.reset, 0);
  }
});

test('limits and the end of the live connection cut it, which is no failure', async () => {
  const limits: readonly MirrorWish['limits'][] = [{ messages: 1 }, { bodyBytes: 40 }];
  for (const limit of limits) {
    const { server } = await openServer((socket) => void socket.write(answers('0123456789'.repeat(3))));
    await using _ = server;
    await using run = begin(server.port, { limits: { ...limit } });
    run.say('one');
    run.say('two');
    const [first = '', ...rest] = words(await run.outcome);
    ok(first === 'cut' || rest.at(-1) === 'cut');
  }
  const { server, heard } = await openServer(echo);
  await using _ = server;
  await using run = begin(server.port);
  run.say('one');
  await until(() => heard.length === 1 && run.mirror.stats.bytesIn >= 144);
  run.copy.cut();
  deepEqual(words(await run.outcome), ['text echo text one', 'cut']);
  await until(() => heard.includes('close 1001 '));
});

test('it lasts no longer than the limit for streams', async () => {
  const clock = new ManualClock();
  const { server, heard } = await openServer(echo);
  await using _ = server;
  await using run = begin(server.port, {
    limits: { timeoutMs: 1_000, streamTimeoutMs: 5_000 },
    options: { clock },
  });
  run.say('one');
  await until(() => heard.length === 1 && run.mirror.stats.bytesIn >= 144);
  for (let second = 0; second < 6; second++) clock.advance(1_000);
  deepEqual(words(await run.outcome), ['text echo text one', 'cut']);
});

test('a refusal is an answer; what is no agreement is malformed', async () => {
  const cases: readonly (readonly [string, (socket: Socket, received: string) => void])[] = [
    ['403', (socket) => void socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')],
    [
      'malformed',
      (socket) =>
        void socket.write('HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n'),
    ],
    ['malformed', (socket, received) => agree(socket, received, 'Sec-WebSocket-Extensions: x-own\r\n')],
    ['malformed', (socket, received) => (agree(socket, received), void socket.write(Buffer.from([0x83, 0])))],
    ['closed', (socket) => void socket.end()],
    ['answer_too_large', (socket) => void socket.write(`HTTP/1.1 403 x\r\n\r\n${'x'.repeat(2000)}`)],
  ];
  for (const [expected, opened] of cases) {
    const { server } = await openServer(() => {}, opened);
    await using _ = server;
    await using run = begin(server.port, { limits: { bodyBytes: 1_000 } });
    equal(wordOf(await run.outcome), expected);
  }
});

test('named JSON fields leave redacted; JSON that cannot be read does not leave', async () => {
  const { server, heard } = await openServer(echo);
  await using _ = server;
  await using run = begin(server.port, { redact: { jsonFields: ['card'] } });
  run.say('{"card":"4111","id":1}');
  run.say('plain 4111');
  run.say('{"card":"4111"');
  equal(wordOf(await run.outcome), 'redaction_failed');
  await until(() => heard.length >= 2);
  deepEqual(
    heard.slice(0, 2).map((word) => word.includes('4111')),
    [false, true],
  );
});

test('a mirror that pings without end and reads nothing costs a bounded amount of memory', async () => {
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => answers('x'.repeat(125), 0x89)));
  const { server } = await openServer(
    () => {},
    (socket, received) => {
      agree(socket, received);
      socket.pause();
      for (let i = 0; i < 8; i++) socket.write(pings);
      socket.write(answers('done'));
    },
  );
  await using _ = server;
  await using run = begin(server.port);
  // The agreement, the pings, and what comes after them.
  await until(() => run.mirror.stats.bytesIn === 129 + 8 * pings.length + 6);
  ok(run.mirror.stats.bufferedBytes < 1_000_000, String(run.mirror.stats.bufferedBytes));
  run.copy.cut();
  deepEqual(words(await run.outcome), ['text done', 'cut']);
});

test('a mirror that never answers is a timeout, and one that is full takes no more', async () => {
  const clock = new ManualClock();
  const { server } = await openServer(echo, () => {});
  await using _ = server;
  await using run = begin(server.port, { limits: { concurrency: 1, timeoutMs: 1_000 }, options: { clock } });
  const second = run.mirror.copy({
    id: 't-2',
    head: REQUEST,
    body: 'none',
    webSocket: true,
    connectionId: 2,
    onDone: () => {},
  });
  equal(second, 'queue_full');
  await until(() => run.mirror.stats.mirrored === 1);
  clock.advance(1_100);
  equal(wordOf(await run.outcome), 'timeout');
});
