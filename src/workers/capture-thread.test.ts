import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { testInstance } from '../../test/fixtures/instance-data.ts';
import { mirrorSettings, openRawServer } from '../../test/fixtures/mirror-driver.ts';
import { OK } from '../../test/fixtures/observed-tap.ts';
import { Talk } from '../../test/fixtures/packet-builder.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { silentLogger } from '../kit/log.ts';
import type { CaptureSettings } from '../model/capture.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import { encodePcapHead, encodePcapRecord } from '../wire/pcap/encode.ts';
import { CaptureThread } from './capture-thread.ts';
import type { CaptureReport } from './messages.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** What a capture's thread says of a file of these frames, a millisecond apart, when it is over. */
async function read(
  frames: readonly Uint8Array[],
  more: Partial<CaptureSettings> = {},
  policies: readonly Policy[] = [],
): Promise<CaptureReport> {
  await using folder = await temporaryFolder();
  const path = folder.file('test.pcap');
  const records = frames.map((bytes, at) => encodePcapRecord({ bytes, micros: 1e15 + at * 1000 }));
  writeFileSync(path, Buffer.concat([encodePcapHead(1), ...records]));
  const over = Promise.withResolvers<string | undefined>();
  const thread = new CaptureThread(
    {
      tap: 'test',
      capture: {
        name: 'test',
        source: { kind: 'file', path, follow: false, pace: 'fast' },
        serverPorts: [],
        overlap: 'first',
        keyLog: undefined,
        output: undefined,
        connections: 1000,
        heldBytes: 2 ** 20,
        idleTimeoutMs: 600_000,
        ...more,
      },
      settings: {
        perWorker: 1,
        tapeBytes: 2 ** 16,
        heapBytes: 2 ** 27,
        stallMs: 5000,
        headBytes: 4096,
        connections: 10,
        nice: 0,
      },
      policies,
      paused: [],
      connections: 1000,
      idPrefix: 'x',
      instance: testInstance(),
      beat: new SharedArrayBuffer(4),
    },
    { onBreaker: () => {}, onOver: over.resolve, log: silentLogger },
  );
  await thread.start();
  assert.equal(await over.promise, undefined);
  return thread.report();
}

test('exchanges of a file are counted without a policy', async () => {
  const talk = new Talk(40_000);
  const { counts, capture, guessed, connections } = await read([
    ...talk.open(),
    talk.ask(GET('/')),
    talk.answer(ANSWER),
    talk.end(0),
    talk.end(1),
  ]);
  assert.deepEqual([counts.http1Requests, counts.exchanges, guessed, connections], [1, 1, 0, 0]);
  assert.deepEqual([capture.source.packets, capture.tcp.opened], [7, 1]);
});

test('a connection that began before the capture is guessed', async () => {
  const talk = new Talk(40_000);
  talk.open();
  const frames = [talk.ask(GET('/')), talk.answer(ANSWER)];
  const { counts, guessed } = await read(frames);
  assert.deepEqual([counts.exchanges, guessed], [1, 1]);
});

test('every request of a capture of one direction is seen, and none is whole', async () => {
  const talk = new Talk(40_000);
  const frames = talk.open();
  for (let i = 0; i < 50; i++) {
    frames.push(talk.ask(GET(`/${i}`)));
    talk.answer(ANSWER);
  }
  const { counts } = await read(frames);
  assert.deepEqual([counts.http1Requests, counts.exchanges, counts.incomplete.tape_gap], [50, 50, 50]);
});

test('a file waits for a mirror that has its hands full, so that every request is copied', async () => {
  await using server = await openRawServer({
    data(socket, received) {
      if (received.endsWith('\r\n\r\n')) setImmediate(() => socket.write(OK()));
    },
  });
  const frames = Array.from({ length: 400 }, (_, i) => {
    const talk = new Talk(20_000 + i);
    return [...talk.open(), talk.ask(GET('/')), talk.answer(ANSWER), talk.end(0), talk.end(1)];
  }).flat();
  // More than fit into a piece of the file, so that there is something to hold back.
  const padded = frames.flatMap((frame, at) => (at % 7 === 4 ? [frame, ...noise(at)] : [frame]));
  const policy = testPolicy({ mirrors: [mirrorSettings(server.port)] });
  const limits = { ...policy.limits, concurrency: 2, queue: 50 };
  const { policies } = await read(padded, {}, [{ ...policy, limits }]);
  const [mirror] = policies[0]?.mirrors ?? [];
  assert.equal(mirror?.notMirrored.queue_full, 0);
  assert.equal(mirror.mirrored, 400);
});

/** Frames that are no TCP. */
function noise(seed: number): Buffer[] {
  return Array.from({ length: 6 }, () => Buffer.alloc(1400, seed & 0xff));
}
