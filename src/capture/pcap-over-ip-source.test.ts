import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { test } from 'node:test';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import { encodePcapHead, encodePcapRecord } from '../wire/pcap/encode.ts';
import { LINK } from '../wire/pcap/frame.ts';
import { createCaptureSource } from './create-source.ts';

const MICROS = 1_700_000_000_000_000;
const HEAD = encodePcapHead(LINK.ethernet);

function record(text: string): Uint8Array {
  return encodePcapRecord({ bytes: Buffer.from(text), micros: MICROS });
}

/** A peer that does something with each connection in turn, and its port. */
async function peer(
  ...turns: readonly ((socket: Socket) => void)[]
): Promise<{ server: Server; port: number }> {
  let turn = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    turns[turn++]?.(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

function sourceOf(port: number, clock: Clock = systemClock) {
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  return createCaptureSource({ kind: 'pcap-over-ip', address }, { clock });
}

test('reads what a peer writes, and connects again when it is gone', async () => {
  let third: Socket | undefined;
  const { server, port } = await peer(
    (socket) => socket.end(Buffer.concat([HEAD, record('one'), record('cut').subarray(0, 10)])),
    (socket) => socket.end('GET / HTTP/1.1\r\n\r\n'),
    (socket) => {
      socket.write(Buffer.concat([HEAD, record('two')]));
      third = socket;
    },
    (socket) => socket.write(Buffer.concat([HEAD, record('three')])),
  );
  await using _server = server;
  await using source = sourceOf(port);
  const sink = new CollectingSink();
  await source.start(sink);
  await sink.until(() => sink.frames.length === 2);
  third?.resetAndDestroy();
  await sink.until(() => sink.frames.length === 3);
  assert.deepEqual(sink.frames.map(String), ['one', 'two', 'three']);
  assert.equal(source.counts.restarts, 3);
  assert.deepEqual(sink.faults, ['cut_record', 'bad_magic']);
  await source[Symbol.asyncDispose]();
  assert.equal(await sink.ended, undefined);
  assert.equal(source.description, `pcap over IP from 127.0.0.1:${port}`);
});

test('a peer that does not come back is no fault, and nothing keeps the source from being stopped', async () => {
  const { server, port } = await peer((socket) => socket.end(HEAD));
  const clock = new ManualClock();
  await using source = sourceOf(port, clock);
  const sink = new CollectingSink();
  await source.start(sink);
  await server[Symbol.asyncDispose]();
  // Attempts, each some time after the one before.
  for (let i = 0; i < 20; i++) {
    clock.advance(15_000);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }
  await source[Symbol.asyncDispose]();
  assert.equal(await sink.ended, undefined);
  assert.deepEqual([source.counts.restarts, sink.faults], [0, []]);
});

test('a peer that is not there is said before anything begins', async () => {
  const { server, port } = await peer();
  await server[Symbol.asyncDispose]();
  await assert.rejects(sourceOf(port).start(new CollectingSink()), {
    name: 'UserError',
    message: /cannot be connected to: .*ECONNREFUSED/,
  });
});
