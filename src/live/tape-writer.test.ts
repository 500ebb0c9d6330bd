import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mix32 } from '../kit/hash.ts';
import {
  ANSWER,
  ANSWER_WORDS,
  COUNTER,
  createTape,
  FILL,
  FROM_CLIENT,
  FROM_PRIMARY,
  LEAVING,
  unreadBytes,
  viewTape,
} from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { TapeReader } from '../observe/tape-reader.ts';
import type { TapeEvents } from '../observe/tape-reader.ts';
import { createTapeTrack, forgetTape, TapeWriter } from './tape-writer.ts';
import type { TapeTrack } from './tape-writer.ts';

const RING = 256 * 1024;
const GIB = 2 ** 30;
const NOBODY: TapeEvents = { open() {}, data() {}, gap() {}, end() {}, close() {}, leave() {} };
/** Three of these leave less room than a fourth needs, at a fill that does not leave out every connection. */
const LOST = 65_000;
const NOTE = {
  sourceIp: '10.0.0.1',
  sourcePort: 4000,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: false,
  principal: '',
};
const DIRECTION = ['client', 'primary'] as const;

function setUp(slots = 4) {
  const tape = createTape(1, RING, slots);
  const views = viewTape(tape);
  const writer = new TapeWriter(tape);
  const reader = new TapeReader(tape);
  /** Everything that is on the tape, a line each. */
  function read(budget = RING): string[] {
    const lines: string[] = [];
    reader.read(
      {
        open: (id, midstream) => lines.push(`${midstream ? 'midstream' : 'open'} ${id}`),
        data: (_id, direction, chunk) => lines.push(`${DIRECTION[direction]} ${chunk.length}`),
        gap: (_id, direction, bytes, lost) =>
          lines.push(`${lost ? 'lost' : 'skip'} ${DIRECTION[direction]} ${bytes}`),
        end: (_id, direction) => lines.push(`end ${DIRECTION[direction]}`),
        close: (id, failed) =>
          lines.push(failed === undefined ? `close ${id}` : `close ${id} by ${DIRECTION[failed]}`),
        leave: (id) => lines.push(`leave ${id}`),
      },
      budget,
    );
    return lines;
  }
  const count = (counter: keyof typeof COUNTER): number => views.counters[COUNTER[counter]] ?? 0;
  return { views, writer, reader, read, count };
}

/** The nth connection number of those that are left out last: at no fill that a tape with some room can have. */
function lastShed(nth = 0): number {
  for (let id = 1, found = 0; ; id++) if (mix32(id) > 0.98 * 2 ** 32 && found++ === nth) return id;
}

function opened(writer: TapeWriter, slot = 0): TapeTrack {
  const track = createTapeTrack(lastShed(slot), slot, () => NOTE);
  writer.open(track, 0);
  return track;
}

/** Writes so much that the last of it, 65,000 bytes from the primary, finds no room. */
function overflow(writer: TapeWriter, track: TapeTrack): void {
  for (let i = 0; i < 4; i++) writer.data(track, FROM_PRIMARY, new Uint8Array(LOST), 0);
}

test('a close says whose error it was', () => {
  const { writer, read } = setUp();
  for (const failed of [undefined, FROM_CLIENT, FROM_PRIMARY] as const) {
    const track = opened(writer);
    writer.close(track, failed, 0);
    const ending = failed === undefined ? '' : ` by ${DIRECTION[failed]}`;
    assert.deepEqual(read(), [`open ${track.id}`, `close ${track.id}${ending}`]);
  }
});

test('the end of a stream is not reported before the bytes that were lost of it', () => {
  const { writer, read } = setUp();
  const track = opened(writer);
  const other = opened(writer, 1);
  overflow(writer, track);
  // Small records still find room, until there is none at all.
  for (let i = 0; i < RING / 24; i++) writer.close(other, undefined, 0);
  writer.end(track, FROM_PRIMARY, 0);
  const seen = read();
  assert.ok(!seen.includes('end primary'));
  writer.end(track, FROM_PRIMARY, 0);
  assert.deepEqual(read(), [`lost primary ${LOST}`, 'end primary']);
});

test('what one direction lost is known before what comes next in the other', () => {
  const { writer, read } = setUp();
  const track = opened(writer);
  overflow(writer, track);
  read();
  writer.data(track, FROM_CLIENT, new Uint8Array(5), 0);
  assert.deepEqual(read(), [`lost primary ${LOST}`, 'client 5']);
});

test('an offset that was named once does not come around again after 2 GiB', () => {
  const { writer, reader, read, count } = setUp();
  const track = opened(writer);
  reader.skip(0, track.id, FROM_PRIMARY, 0, 100);
  writer.data(track, FROM_PRIMARY, new Uint8Array(150), 0);
  assert.deepEqual(read(), [`open ${track.id}`, 'skip primary 100', 'primary 50']);
  writer.data(track, FROM_PRIMARY, new Uint8Array(5), 0);
  // As if that much had passed.
  track.offset[FROM_PRIMARY] = (track.offset[FROM_PRIMARY] + 2 * GIB) >>> 0;
  writer.data(track, FROM_PRIMARY, new Uint8Array(10), 0);
  assert.deepEqual([read(), count('skippedBytes')], [['primary 5', 'primary 10'], 100]);
});

test('a skip may reach over the wrap of the offsets', () => {
  const { writer, reader, read } = setUp();
  const track = opened(writer);
  track.offset[FROM_CLIENT] = 2 ** 32 - 5;
  reader.skip(0, track.id, FROM_CLIENT, 2 ** 32 - 5, 20);
  writer.data(track, FROM_CLIENT, new Uint8Array(30), 0);
  assert.deepEqual(read().slice(1), ['skip client 20', 'client 10']);
});

test('a longer skip than one word can name is asked for again', () => {
  const { writer, reader, read } = setUp();
  const track = opened(writer);
  reader.skip(0, track.id, FROM_PRIMARY, 0, 3 * GIB);
  track.offset[FROM_PRIMARY] = GIB - 10;
  writer.data(track, FROM_PRIMARY, new Uint8Array(30), 0);
  assert.deepEqual(read().slice(1), ['skip primary 10', 'primary 20']);
});

test('a connection that finds no room for its beginning is counted as left out', () => {
  const { writer, count } = setUp();
  const track = opened(writer);
  overflow(writer, track);
  for (let i = 0; i < RING / 24; i++) writer.close(track, undefined, 0);
  const late = opened(writer, 1);
  assert.deepEqual([late.taped, count('leftOut')], [false, 1]);
});

test('a connection that the observer gave up is not taken in again', () => {
  const { writer, reader, read, views } = setUp();
  const track = opened(writer);
  reader.giveUp(0, track.id);
  track.taped = false;
  writer.data(track, FROM_PRIMARY, new Uint8Array(1), 0);
  writer.data(track, FROM_CLIENT, new Uint8Array(1), 0);
  assert.deepEqual(read(), [`open ${track.id}`]);
  assert.equal(views.answers[0 * ANSWER_WORDS + ANSWER.leaving], LEAVING.forGood);
});

test('on a new tape a connection is taken in at the next turn, whatever its predecessor had heard', () => {
  const first = setUp();
  const track = opened(first.writer);
  first.writer.data(track, FROM_CLIENT, new Uint8Array(10), 0);
  first.reader.giveUp(0, track.id);
  const second = setUp();
  forgetTape(track, FROM_CLIENT);
  second.writer.data(track, FROM_PRIMARY, new Uint8Array(20), 0);
  second.writer.data(track, FROM_CLIENT, new Uint8Array(3), 0);
  assert.deepEqual(second.read(), [`midstream ${track.id}`, 'client 3']);
  assert.equal(second.count('takenIn'), 1);
});

test('the end of a connection that is not taped is not written', () => {
  const { writer, read } = setUp();
  const track = createTapeTrack(1, 0, () => NOTE);
  writer.end(track, FROM_CLIENT, 0);
  writer.close(track, undefined, 0);
  assert.deepEqual(read(), []);
});

test('with an observer that hangs, every connection is left out long before the tape is full', () => {
  const { writer, count } = setUp(64);
  const tracks = Array.from({ length: 64 }, (_, slot) => {
    const track = createTapeTrack(slot + 1, slot, () => NOTE);
    writer.open(track, 0);
    return track;
  });
  const chunk = new Uint8Array(1000);
  for (let i = 0; i < 1000; i++) {
    for (const track of tracks) writer.data(track, (i & 1) as Direction, chunk, 0);
  }
  assert.deepEqual([count('leftOut'), count('droppedBytes')], [64, 0]);
  assert.ok(tracks.every(({ taped }) => !taped));
});

test('connections that are spared are left out after all others, and still before the tape is full', () => {
  const { writer, reader, views, count } = setUp(64);
  const tracks = Array.from({ length: 64 }, (_, slot) => {
    const track = createTapeTrack(slot + 1, slot, () => NOTE);
    writer.open(track, 0);
    if (slot % 2 === 1) reader.spare(slot, track.id);
    return track;
  });
  const left = (spared: boolean) =>
    tracks.filter(({ taped, slot }) => !taped && (slot % 2 === 1) === spared).length;
  const chunk = new Uint8Array(1000);
  const fill = () => unreadBytes(views.control) / RING;
  for (let i = 0; i < 1000; i++) {
    for (const track of tracks) {
      writer.data(track, (i & 1) as Direction, chunk, 0);
      if (fill() < FILL.leaveLast[0]) assert.equal(left(true), 0);
    }
  }
  assert.deepEqual([left(false), left(true), count('droppedBytes')], [32, 32, 0]);
  assert.ok(fill() > FILL.leaveLast[0]);
  while (reader.read(NOBODY, RING));
  for (const direction of [FROM_PRIMARY, FROM_CLIENT] as const)
    for (const track of tracks) writer.data(track, direction, chunk, 0);
  assert.ok(
    tracks.every(({ taped }) => taped),
    'all are taken in again',
  );
});
