import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FROM_CLIENT, FROM_PRIMARY } from '../../src/model/tape.ts';
import type { Direction } from '../../src/model/tape.ts';
import { encodeNumber, encodeSettings, frame } from '../../src/wire/http2/encode.ts';
import { CLIENT_PREFACE, FLAG, FRAME } from '../../src/wire/http2/frame.ts';
import { HpackDecoder } from '../../src/wire/http2/hpack-decoder.ts';
import type { Field } from '../../src/wire/http2/static-table.ts';
import { encodePcapHead, encodePcapRecord } from '../../src/wire/pcap/encode.ts';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { HpackWriter } from '../fixtures/hpack-writer.ts';
import { ObservedTap } from '../fixtures/observed-tap.ts';
import { Talk } from '../fixtures/packet-builder.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 7541);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 10_000);
const OPTIONS = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: TOTAL_MS / 3 };

const field: fc.Arbitrary<Field> = fc.tuple(
  fc.constantFrom('x-a', 'x-b', 'accept', 'cookie', 'server', 'x-'.padEnd(90, 'n')),
  fc.oneof(
    fc.constantFrom('', '1', '2', 'gzip'),
    fc.integer({ min: 0, max: 40 }).map((value) => `v${value}`),
    fc.integer({ min: 50, max: 900 }).map((length) => 'w'.repeat(length)),
  ),
);
const blocks = fc.array(
  fc.record({
    fields: fc.array(field, { maxLength: 8 }),
    /** Which fields go into the table, as bits. */
    indexed: fc.nat({ max: 255 }),
    resized: fc.oneof(
      { weight: 20, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(0, 31, 32, 200, 1000, 4096) },
    ),
    skimmed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

test('whatever a decoder hands out after a loss is what one without losses does', (t) => {
  t.diagnostic(`seed ${SEED}`);
  const tally = { same: 0, unknown: 0, cleared: 0 };
  fc.assert(
    fc.property(blocks, fc.nat({ max: 15 }), fc.integer({ min: 0, max: 4096 }), (all, lostAt, firstBytes) => {
      const writer = new HpackWriter();
      const [whole, partial] = [new HpackDecoder(), new HpackDecoder()];
      let resized: Buffer | undefined = writer.resize(firstBytes);
      for (const [at, one] of all.entries()) {
        if (one.resized !== undefined) resized = writer.resize(one.resized);
        let index = 0;
        const { bytes, oldest } = writer.block(one.fields, () => ((one.indexed >> (index++ % 8)) & 1) === 1);
        const block: Uint8Array = resized === undefined ? bytes : Buffer.concat([resized, bytes]);
        resized = undefined;
        const list = whole.decode(block);
        assert.deepEqual(list, { kind: 'fields', fields: one.fields });
        if (at < lostAt) {
          if (at % 2 === 0) partial.decode(block);
          continue;
        }
        if (at === lostAt) partial.forget();
        // Also when some blocks are read for the table only.
        const known = one.skimmed ? partial.skim(block) : partial.decode(block);
        if (one.skimmed) {
          assert.equal(known.kind, 'fields');
          continue;
        }
        if (known.kind === 'unknown') {
          tally.unknown++;
          assert.ok(partial.partial && oldest < Infinity);
          continue;
        }
        tally.same++;
        if (!partial.partial) tally.cleared++;
        assert.deepEqual(known, list);
      }
    }),
    OPTIONS,
  );
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.same > 200 && tally.unknown > 50 && tally.cleared > 20, 'the runs did not show enough');
});

test('after a loss a block that names nothing older is always known', (t) => {
  let known = 0;
  fc.assert(
    fc.property(blocks, fc.nat({ max: 20 }), (all, lostAt) => {
      const writer = new HpackWriter();
      const partial = new HpackDecoder();
      partial.forget();
      let from = Infinity;
      for (const [at, one] of all.entries()) {
        if (at === lostAt) from = writer.written;
        const { bytes, oldest } = writer.block(one.fields);
        if (at < lostAt) continue;
        const { kind } = partial.decode(bytes);
        // An entry may have its name from a lost one, and is unknown then.
        if (oldest === Infinity) assert.equal(kind, 'fields');
        if (oldest < from) assert.equal(kind, 'unknown');
        if (kind === 'fields') known++;
      }
    }),
    { ...OPTIONS, interruptAfterTimeLimit: TOTAL_MS / 10 },
  );
  t.diagnostic(`${known} were known`);
  assert.ok(known > 100);
});

interface Piece {
  readonly direction: Direction;
  readonly bytes: Buffer;
}

/** A conversation in which both sides use their tables; every answer says which request it is to. */
function conversation(random: () => number, requests: number): readonly Piece[] {
  const pieces: Piece[] = [
    { direction: FROM_CLIENT, bytes: Buffer.concat([Buffer.from(CLIENT_PREFACE), encodeSettings([])]) },
    { direction: FROM_PRIMARY, bytes: encodeSettings([]) },
  ];
  const [client, primary] = [new HpackWriter(), new HpackWriter()];
  const say = (direction: Direction, ...frames: Buffer[]): void =>
    void pieces.push({ direction, bytes: Buffer.concat(frames) });
  const open: number[] = [];
  for (let stream = 1; stream < requests * 2 || open.length > 0;) {
    if (stream < requests * 2 && (open.length === 0 || random() < 0.5)) {
      const { bytes } = client.block([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':authority', 'shop.example'],
        [':path', `/${stream}`],
        ['x-env', 'prod'],
        ['x-user', `u${stream % 5}`],
      ]);
      const body = Buffer.from(`request ${stream} `.repeat(1 + Math.floor(random() * 9)));
      say(
        FROM_CLIENT,
        frame(FRAME.headers, FLAG.endHeaders, stream, bytes),
        frame(FRAME.data, FLAG.endStream, stream, body),
      );
      open.push(stream);
      stream += 2;
    } else {
      const [answered = 0] = open.splice(Math.floor(random() * open.length), 1);
      const { bytes } = primary.block([
        [':status', '200'],
        ['server', 'shop'],
        ['x-to', String(answered)],
      ]);
      const body = Buffer.from(`answer ${answered} `.repeat(1 + Math.floor(random() * 9)));
      say(
        FROM_PRIMARY,
        frame(FRAME.headers, FLAG.endHeaders, answered, bytes),
        frame(FRAME.data, FLAG.endStream, answered, body),
      );
      if (random() < 0.2) say(FROM_CLIENT, encodeNumber(FRAME.windowUpdate, 0, 1000));
    }
  }
  return pieces;
}

/** Numbers from 0 to 1, the same for a seed (Park and Miller's generator). */
function generator(seed: number): () => number {
  let state = (Math.abs(seed) % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test('whatever is lost of a connection, what is called whole is whole, and no answer is paired with another request', (t) => {
  const tally = { runs: 0, requests: 0, whole: 0, unreadable: 0, resynchronised: 0, givenUp: 0 };
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 12 }), (seed, losses) => {
      const random = generator(seed);
      const tap = new ObservedTap({ random }).open();
      const pieces = conversation(random, 60);
      let left = 0;
      for (const [at, { direction, bytes }] of pieces.entries()) {
        const say = (part: Buffer): unknown =>
          direction === FROM_CLIENT
            ? tap.client(part.toString('latin1'))
            : tap.primary(part.toString('latin1'));
        tap.observer.keep = random() < 0.1 ? 0.5 : 1;
        if (left > 0) {
          // Left out; taken in again at a chunk of the client.
          if (--left > 0 || direction !== FROM_CLIENT) {
            left = Math.max(left, 1);
            continue;
          }
          tap.open(1, { midstream: true, offsets: [1, 1] });
        }
        if (at > 5 && random() < losses / pieces.length) {
          if (random() < 0.5) {
            tap.observer.leave(1);
            left = 1 + Math.floor(random() * 20);
            continue;
          }
          const from = Math.floor(random() * bytes.length);
          const lost = 1 + Math.floor(random() * (bytes.length - from));
          if (from > 0) say(bytes.subarray(0, from));
          tap.gap(direction, lost);
          if (from + lost < bytes.length) say(bytes.subarray(from + lost));
          continue;
        }
        const cut = random() < 0.2 ? Math.floor(random() * bytes.length) : 0;
        if (cut > 0) say(bytes.subarray(0, cut));
        say(bytes.subarray(cut));
      }
      tap.close();
      for (const { exchange, requestBody, responseBody, done } of tap.sink.seen) {
        assert.ok(done);
        const stream = exchange.request.path.slice(1);
        assert.equal(exchange.request.header('x-user'), `u${Number(stream) % 5}`);
        if (exchange.response !== undefined) assert.equal(exchange.response.header('x-to'), stream);
        if (exchange.incomplete !== undefined) continue;
        tally.whole++;
        assert.match(requestBody, new RegExp(`^(?:request ${stream} )+$`));
        assert.match(responseBody, new RegExp(`^(?:answer ${stream} )+$`));
      }
      assert.deepEqual([tap.sink.ambiguities, tap.counts.incomplete.ambiguous], [[], 0]);
      assert.equal(tap.counts.http2Requests, tap.counts.exchanges + tap.sink.passedOver);
      tally.runs++;
      tally.requests += 60;
      tally.unreadable += tap.counts.unreadableHeads;
      tally.resynchronised += tap.counts.resynchronised;
      tally.givenUp += tap.counts.givenUp;
    }),
    OPTIONS,
  );
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.runs > 50 && tally.whole > tally.requests / 4 && tally.resynchronised > tally.runs);
  assert.ok(tally.unreadable > 0);
});

test('a capture that begins in the midst of a connection: what is whole is as it was, and counted as guessed', () => {
  const tally = { whole: 0, unreadable: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const random = generator(seed);
    const talk = new Talk(4000 + seed);
    const frames = talk.open();
    for (const { direction, bytes } of conversation(random, 60)) {
      // Cut where the network has cut it, which need not be where a frame ends.
      for (let at = 0; at < bytes.length; at += 400) {
        const part = bytes.subarray(at, at + 400);
        frames.push(direction === FROM_CLIENT ? talk.ask(part) : talk.answer(part));
      }
    }
    const records = frames
      .slice(4 + Math.floor(random() * 60))
      .map((bytes, at) => encodePcapRecord({ bytes, micros: 1e15 + at }));
    const file = Buffer.concat([encodePcapHead(1), ...records]);
    const read = new ReadCapture(file, { serverPorts: new Set([80]) });
    for (const { exchange, requestBody, responseBody } of read.sink.seen) {
      assert.equal(exchange.connection.guessed, true);
      if (exchange.incomplete !== undefined) continue;
      tally.whole++;
      const stream = exchange.request.path.slice(1);
      assert.equal(exchange.response?.header('x-to'), stream);
      assert.match(requestBody, new RegExp(`^(?:request ${stream} )+$`));
      assert.match(responseBody, new RegExp(`^(?:answer ${stream} )+$`));
    }
    tally.unreadable += read.observer.counts.unreadableHeads;
  }
  assert.ok(tally.whole > 40 && tally.unreadable > 40, JSON.stringify(tally));
});
