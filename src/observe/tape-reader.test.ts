import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTapeTrack, TapeWriter } from '../live/tape-writer.ts';
import { COUNTER, createTape, FROM_CLIENT, FROM_PRIMARY, viewTape } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { TapeReader } from './tape-reader.ts';
import type { TapeEvents } from './tape-reader.ts';

const RING = 256 * 1024;
/** Three of these leave less room than a fourth needs, at a fill that does not leave out every connection. */
const LARGE = 65_000;
const describe = () => ({
  sourceIp: '10.0.0.1',
  sourcePort: 4000,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: false,
  principal: '',
});

interface Seen {
  readonly kind: string;
  readonly id: number;
  readonly direction?: Direction;
  readonly bytes?: number;
  readonly text?: string;
}

/** Collects what a reader hands out; bodies as text so that they survive the ring. */
class Collector implements TapeEvents {
  readonly seen: Seen[] = [];
  open(id: number, midstream: boolean): void {
    this.seen.push({ kind: midstream ? 'midstream' : 'open', id });
  }
  data(id: number, direction: Direction, chunk: Uint8Array): void {
    this.seen.push({
      kind: 'data',
      id,
      direction,
      bytes: chunk.length,
      text: Buffer.from(chunk).toString('latin1'),
    });
  }
  gap(id: number, direction: Direction, bytes: number, lost: boolean): void {
    this.seen.push({ kind: lost ? 'gap' : 'skip', id, direction, bytes });
  }
  end(id: number, direction: Direction): void {
    this.seen.push({ kind: 'end', id, direction });
  }
  close(id: number): void {
    this.seen.push({ kind: 'close', id });
  }
  leave(id: number): void {
    this.seen.push({ kind: 'leave', id });
  }
  take(): string[] {
    return this.seen
      .splice(0)
      .map(({ kind, id, bytes }) => (bytes === undefined ? `${kind} ${id}` : `${kind} ${id} ${bytes}`));
  }
}

function setUp() {
  const tape = createTape(1, RING, 16);
  const writer = new TapeWriter(tape);
  const reader = new TapeReader(tape);
  const collector = new Collector();
  const read = () => {
    while (reader.read(collector, RING));
    return collector.take();
  };
  return { tape, writer, reader, collector, read, counters: viewTape(tape).counters };
}

test('what is written is read, in order and byte for byte, over many times the ring', () => {
  const { writer, reader, collector } = setUp();
  const track = createTapeTrack(7, 0, describe);
  writer.open(track, 1);
  let sent = '';
  let got = '';
  for (let i = 0; i < 4000; i++) {
    const text = `${i}:`.repeat((i * 37) % 400);
    sent += text;
    writer.data(track, (i % 2) as Direction, Buffer.from(text, 'latin1'), i);
    if (i % 5 === 0) reader.read(collector, RING);
  }
  reader.read(collector, RING);
  for (const { text } of collector.seen) got += text ?? '';
  assert.equal(got, sent);
});

test('a full tape drops data, and the reader learns the exact number of bytes before the next record', () => {
  const { writer, read, counters } = setUp();
  // Connection numbers whose hash is high are shed last; this one stays until the tape is full.
  const track = createTapeTrack(lastShed(), 0, describe);
  writer.open(track, 0);
  const chunk = new Uint8Array(LARGE);
  let written = 0;
  for (let i = 0; i < 6; i++) {
    writer.data(track, FROM_PRIMARY, chunk, i);
    written += chunk.length;
  }
  const dropped = counters[COUNTER.droppedBytes] ?? 0;
  assert.ok(dropped > 0);
  const first = read();
  writer.data(track, FROM_PRIMARY, chunk.subarray(0, 5), 50);
  const all = [...first, ...read()];
  const sum = (kind: string) =>
    all
      .filter((line) => line.startsWith(`${kind} `))
      .reduce((total, line) => total + Number(line.split(' ')[2]), 0);
  if (all.some((line) => line.startsWith('leave'))) return assert.fail('this connection was left out');
  assert.equal(sum('data') + sum('gap'), written + 5);
  assert.equal(sum('gap'), dropped);
});

test('whole connections are left out before any is cut, and taken in again at a turn once there is room', () => {
  const { writer, read, counters } = setUp();
  const tracks = Array.from({ length: 16 }, (_, index) => createTapeTrack(index + 1, index, describe));
  for (const track of tracks) writer.open(track, 0);
  const chunk = new Uint8Array(8 * 1024);
  for (let i = 0; i < 64; i++) {
    const track = tracks[i % tracks.length];
    if (track !== undefined) writer.data(track, (Math.floor(i / 16) % 2) as Direction, chunk, i);
  }
  assert.equal(counters[COUNTER.droppedBytes], 0);
  const leftOut = tracks.filter(({ taped }) => !taped);
  assert.ok(leftOut.length > 0 && leftOut.length < tracks.length, `${leftOut.length} of 16 were left out`);
  assert.equal(read().filter((line) => line.startsWith('leave')).length, leftOut.length);
  for (const track of leftOut) {
    writer.data(track, FROM_PRIMARY, chunk, 100);
    assert.equal(track.taped, false, 'not in the middle of an answer');
    writer.data(track, FROM_CLIENT, chunk.subarray(0, 3), 101);
    assert.deepEqual(read(), [`midstream ${track.id}`, `data ${track.id} 3`]);
  }
  assert.equal(counters[COUNTER.takenIn], leftOut.length);
});

test('bytes that the observer does not want are left out up to the offset it named', () => {
  const { writer, reader, read } = setUp();
  const track = createTapeTrack(3, 5, describe);
  writer.open(track, 0);
  writer.data(track, FROM_PRIMARY, new Uint8Array(100), 0);
  reader.skip(5, 3, FROM_PRIMARY, 100, 250);
  writer.data(track, FROM_PRIMARY, new Uint8Array(200), 0);
  writer.data(track, FROM_PRIMARY, new Uint8Array(80), 0);
  writer.data(track, FROM_CLIENT, new Uint8Array(7), 0);
  assert.deepEqual(read(), ['open 3', 'data 3 100', 'skip 3 250', 'data 3 30', 'data 3 7']);
});

test('a skip that ends with the last byte is reported at once', () => {
  const { writer, reader, read } = setUp();
  const track = createTapeTrack(3, 5, describe);
  writer.open(track, 0);
  reader.skip(5, 3, FROM_PRIMARY, 0, 300);
  writer.data(track, FROM_PRIMARY, new Uint8Array(300), 0);
  assert.deepEqual(read(), ['open 3', 'skip 3 300']);
});

test('an answer about a connection that is gone does not touch its successor in the slot', () => {
  const { writer, reader, read } = setUp();
  const first = createTapeTrack(3, 5, describe);
  writer.open(first, 0);
  reader.skip(5, 3, FROM_CLIENT, 0, Infinity);
  writer.close(first, undefined, 0);
  const second = createTapeTrack(4, 5, describe);
  writer.open(second, 0);
  reader.skip(5, 3, FROM_CLIENT, 0, Infinity);
  writer.data(second, FROM_CLIENT, new Uint8Array(9), 0);
  assert.deepEqual(read(), ['open 3', 'close 3', 'open 4', 'data 4 9']);
});

test('a waiting reader is woken by the next record', async () => {
  const { writer, reader, read } = setUp();
  const woken = reader.wait();
  assert.ok(woken !== undefined);
  const track = createTapeTrack(1, 0, describe);
  writer.open(track, 0);
  await woken;
  assert.deepEqual(read(), ['open 1']);
});

test('a reader does not wait when something came just before', () => {
  const { writer, reader } = setUp();
  writer.open(createTapeTrack(1, 0, describe), 0);
  assert.equal(reader.wait(), undefined);
});

/** A connection number that is still taped when the tape is full. */
function lastShed(): number {
  for (let id = 1; ; id++) {
    const writer = new TapeWriter(createTape(2, RING, 1));
    const track = createTapeTrack(id, 0, describe);
    writer.open(track, 0);
    for (let i = 0; i < 6; i++) writer.data(track, FROM_PRIMARY, new Uint8Array(LARGE), i);
    if (track.taped) return id;
  }
}
