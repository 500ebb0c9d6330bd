import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { createTapeTrack, TapeWriter } from '../../src/live/tape-writer.ts';
import { COUNTER, createTape, FROM_CLIENT, FROM_PRIMARY, viewTape } from '../../src/model/tape.ts';
import type { LiveExchange } from '../../src/observe/exchange.ts';
import { Pacing } from '../../src/observe/pacing.ts';
import { TapObserver } from '../../src/observe/tap-observer.ts';
import { TapeReader } from '../../src/observe/tape-reader.ts';
import { encodeSettings, frame } from '../../src/wire/http2/encode.ts';
import { CLIENT_PREFACE, FLAG, FRAME } from '../../src/wire/http2/frame.ts';
import { HpackWriter } from '../fixtures/hpack-writer.ts';
import { RecordingSink } from '../fixtures/observed-tap.ts';

const RING = 256 * 1024;
const BATCH = 4096;
const REQUESTS = 20;
/** What a request costs that is copied, and one that is passed over. */
const COPY_COST = 12;
const PASS_COST = 1;

/** Counts what it is told of, by connection, and takes time for it. */
class CostlySink extends RecordingSink {
  readonly copied = new Map<number, number>();
  cost = 0;

  override request(exchange: LiveExchange): void {
    super.request(exchange);
    this.cost += COPY_COST;
    const { id } = exchange.connection;
    this.copied.set(id, (this.copied.get(id) ?? 0) + 1);
  }

  override shed(): void {
    super.shed();
    this.cost += PASS_COST;
  }
}

/** A connection that lasts, with fields in the tables of both sides; new ones displace old ones now and then. */
class Conversation {
  readonly track;
  readonly #writer: TapeWriter;
  readonly #client = new HpackWriter();
  readonly #primary = new HpackWriter();
  #stream = 1;

  constructor(writer: TapeWriter, id: number) {
    this.#writer = writer;
    this.track = createTapeTrack(id, id - 1, () => ({
      sourceIp: '10.0.0.1',
      sourcePort: id,
      destinationIp: '10.0.0.2',
      destinationPort: 80,
      tls: false,
      principal: '',
    }));
    writer.open(this.track, 1);
    writer.data(this.track, FROM_CLIENT, Buffer.concat([Buffer.from(CLIENT_PREFACE), encodeSettings([])]), 1);
    writer.data(this.track, FROM_PRIMARY, encodeSettings([]), 1);
  }

  exchange(): void {
    const stream = this.#stream;
    this.#stream += 2;
    const { bytes } = this.#client.block([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'shop.example'],
      [':path', `/${stream}`],
      ['x-env', 'prod'],
    ]);
    this.#writer.data(
      this.track,
      FROM_CLIENT,
      frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, bytes),
      1,
    );
    const answer = this.#primary.block([
      [':status', '200'],
      ['etag', String(stream)],
      ['server', 'shop'],
    ]).bytes;
    const parts = [
      frame(FRAME.headers, FLAG.endHeaders, stream, answer),
      frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(300)),
    ];
    this.#writer.data(this.track, FROM_PRIMARY, Buffer.concat(parts), 1);
  }
}

function stage(connections: number) {
  const tape = createTape(1, RING, connections);
  const writer = new TapeWriter(tape);
  const reader = new TapeReader(tape);
  const sink = new CostlySink();
  const pacing = new Pacing(RING);
  let state = 1;
  const observer = new TapObserver({
    tap: 'test',
    sink,
    limits: { headBytes: 4096, trailerBytes: 1024 },
    connections,
    idPrefix: 't',
    answers: reader,
    random: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647,
  });
  const conversations = Array.from({ length: connections }, (_, at) => new Conversation(writer, at + 1));
  const { counters } = viewTape(tape);
  return {
    sink,
    observer,
    counts: observer.counts,
    leftOut: () => counters[COUNTER.leftOut] ?? 0,
    takenIn: () => counters[COUNTER.takenIn] ?? 0,
    /** One round of traffic, and of an observer that may take so much time. */
    round(time: number): void {
      for (let at = 0; at < REQUESTS; at++) for (const one of conversations) one.exchange();
      sink.cost = 0;
      while (sink.cost < time && reader.unread > 0) {
        observer.keep = pacing.keep(reader.unread);
        reader.read(observer, BATCH);
      }
    },
    /** What was copied of each connection since the last time. */
    copied(): readonly number[] {
      const counts = conversations.map(({ track }) => sink.copied.get(track.id) ?? 0);
      sink.copied.clear();
      return counts;
    },
  };
}

test('few HTTP/2 connections under overload without end stay in view, each with its share of copies', () => {
  const tap = stage(2);
  const asked = 2 * REQUESTS;
  // Time for a third of the copies.
  const time = (asked * COPY_COST) / 3;
  for (let round = 0; round < 200; round++) tap.round(time);
  tap.copied();
  for (let window = 0; window < 20; window++) {
    for (let round = 0; round < 50; round++) tap.round(time);
    const [first = 0, second = 0] = tap.copied();
    const all = 50 * REQUESTS;
    ok(first > all / 6 && second > all / 6, `${first} and ${second} of ${all} were copied`);
    ok(first < all / 2 && second < all / 2);
  }
  equal(tap.leftOut(), 0, 'no connection is left out');
  ok(tap.sink.passedOver > 0);
  // The overload is over.
  for (let round = 0; round < 50; round++) tap.round(Infinity);
  tap.copied();
  for (let round = 0; round < 10; round++) tap.round(Infinity);
  deepEqual(tap.copied(), [10 * REQUESTS, 10 * REQUESTS]);
  const { incomplete } = tap.counts;
  deepEqual(
    Object.values(incomplete),
    Object.values(incomplete).map(() => 0),
  );
  equal(tap.counts.unreadableHeads, 0);
});

test('HTTP/2 connections that had to be left out are taken in again, and seen whole once their tables are', () => {
  const tap = stage(3);
  for (let round = 0; round < 10; round++) tap.round(Infinity);
  deepEqual(tap.copied(), [10 * REQUESTS, 10 * REQUESTS, 10 * REQUESTS]);
  // The observer stands still until all are left out.
  for (let round = 0; round < 300; round++) tap.round(0);
  equal(tap.leftOut(), 3);
  for (let round = 0; round < 20; round++) tap.round(Infinity);
  deepEqual([tap.takenIn(), tap.counts.resynchronised, tap.counts.givenUp], [3, 3, 0]);
  ok(tap.counts.unreadableHeads > 0);
  const unreadable = tap.counts.unreadableHeads;
  tap.copied();
  for (let round = 0; round < 10; round++) tap.round(Infinity);
  deepEqual(tap.copied(), [10 * REQUESTS, 10 * REQUESTS, 10 * REQUESTS]);
  equal(tap.counts.unreadableHeads, unreadable);
  equal(tap.counts.incomplete.ambiguous, 0);
});

test('an observer that is short of time for good sees all connections again and again', () => {
  const tap = stage(3);
  const seen = [0, 0, 0];
  // Passing everything over would take more.
  for (let window = 0; window < 40; window++) {
    for (let round = 0; round < 50; round++) tap.round(3 * REQUESTS * PASS_COST * 0.7);
    for (const [at, copies] of tap.copied().entries()) if (copies > 0) seen[at] = (seen[at] ?? 0) + 1;
  }
  ok(tap.leftOut() > 10 && tap.takenIn() > 10);
  ok(
    seen.every((windows) => windows >= 20),
    `${seen.join(', ')} of 40 windows`,
  );
});
