import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { FROM_CLIENT } from '../../src/model/tape.ts';
import type { Direction } from '../../src/model/tape.ts';
import { encodeBlock } from '../../src/wire/http2/encode.ts';
import { FrameDecoder, HTTP2_LIMITS } from '../../src/wire/http2/frame-decoder.ts';
import { HpackDecoder } from '../../src/wire/http2/hpack-decoder.ts';
import type { Field } from '../../src/wire/http2/static-table.ts';
import type { Piece } from '../fixtures/http2-recorder.ts';
import { ObservedTap } from '../fixtures/observed-tap.ts';
import { NodeConversations, blocksNodeReads } from './http2-opinion.ts';
import type { Message, WantedExchange } from './http2-opinion.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9113);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 10_000);

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

const node = new NodeConversations();
before(() => node.start());
after(() => node[Symbol.asyncDispose]());

const octet = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0x21, max: 0x7e }) },
  { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
  { weight: 1, arbitrary: fc.constant(0x20) },
);
const value = fc.oneof(
  { weight: 6, arbitrary: words(octet, 24) },
  { weight: 2, arbitrary: fc.constantFrom('', 'gzip, deflate', 'no-cache', 'application/json') },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 4000 }).map((length) => 'v'.repeat(length)) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 2000 }).map((length) => '\xe9'.repeat(length)) },
);
// Few names and values, so that they come again.
const name = fc.constantFrom(
  'accept',
  'x-a',
  'x-b',
  'cookie',
  'authorization',
  'x-'.padEnd(200, 'long'),
  'etag',
);
const field = fc.tuple(name, value);

function words(of: fc.Arbitrary<number>, maxLength: number): fc.Arbitrary<string> {
  return fc.array(of, { maxLength }).map((codes) => String.fromCharCode(...codes).trim());
}

const SINGLE: ReadonlySet<string> = new Set(['authorization', 'etag']);

function message(body: fc.Arbitrary<string>): fc.Arbitrary<Message> {
  return fc.record({
    // Node sends these two only once.
    fields: fc
      .array(field, { maxLength: 12 })
      .map((fields) =>
        fields.filter(([of], at) => !SINGLE.has(of) || fields.findIndex(([other]) => other === of) === at),
      ),
    body,
    trailers: fc.oneof(
      fc.constant([]),
      fc.array(fc.tuple(fc.constantFrom('x-t', 'grpc-status'), value), { maxLength: 2 }),
    ),
  });
}

const body = fc.oneof(
  fc.constant(''),
  words(octet, 40),
  fc.integer({ min: 1, max: 40_000 }).map((length) => 'b'.repeat(length)),
);
const tableSize = fc.constantFrom(0, 1, 100, 300, 4096, 8192, 65_536);
const settings = fc.option(
  tableSize.map((headerTableSize) => ({ headerTableSize })),
  { nil: undefined },
);
const wanted: fc.Arbitrary<readonly WantedExchange[]> = fc
  .array(
    fc.record({
      request: message(body),
      response: message(body),
      sensitive: fc.subarray(['x-a', 'accept']),
      clientSettings: settings,
      serverSettings: settings,
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((all) => all.map((exchange, at) => ({ ...exchange, target: `/${at}?x=${at}` })));

/** Feeds a conversation to an observer, cut into pieces of at most so many octets. */
function observe(pieces: readonly Piece[], mostBytes: number): ObservedTap {
  const tap = new ObservedTap({ limits: { headBytes: 128 * 1024, trailerBytes: 1024 } }).open();
  for (const { direction, bytes } of pieces) {
    for (let at = 0; at < bytes.length; at += mostBytes) {
      const part = bytes.toString('latin1', at, at + mostBytes);
      if (direction === FROM_CLIENT) tap.client(part);
      else tap.primary(part);
    }
  }
  return tap.close();
}

/** Cookies come as one, whatever they came as. */
function joined(fields: readonly Field[]): readonly Field[] {
  const cookies = fields.filter(([of]) => of === 'cookie').map(([, of]) => of);
  const rest = fields.filter(([of]) => of !== 'cookie' && !of.startsWith(':'));
  return cookies.length === 0 ? rest : [...rest, ['cookie', cookies.join('; ')]];
}

function sorted(fields: readonly Field[]): readonly string[] {
  return fields.map(([of, text]) => `${of}: ${text}`).toSorted();
}

test("sees what Node's client and server have said to each other", async (t) => {
  const tally = { conversations: 0, exchanges: 0, octets: 0 };
  await fc.assert(
    fc.asyncProperty(
      wanted,
      tableSize,
      fc.boolean(),
      fc.constantFrom(1, 7, 1000, 100_000),
      async (all, size, concurrent, mostBytes) => {
        const conversation = await node.talk(all, { headerTableSize: size }, concurrent);
        const bytes = conversation.pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
        const tap = observe(conversation.pieces, bytes > 50_000 ? 1000 : mostBytes);
        tally.conversations++;
        tally.exchanges += all.length;
        tally.octets += bytes;
        assert.equal(tap.sink.seen.length, all.length);
        for (const expected of conversation.exchanges) {
          const seen = tap.sink.seen.find(({ exchange }) => exchange.request.target === expected.target);
          assert.ok(seen !== undefined);
          const { request, response, incomplete, responseTrailers } = seen.exchange;
          assert.equal(incomplete, undefined);
          assert.deepEqual(sorted([...request.headers()]), sorted(joined(expected.request.fields)));
          assert.equal(seen.requestBody, expected.request.body);
          assert.deepEqual(seen.trailers ?? [], expected.request.trailers);
          assert.deepEqual(
            sorted([...(response?.headers() ?? [])]),
            sorted(expected.response.fields.filter(([of]) => !of.startsWith(':'))),
          );
          assert.equal(seen.responseBody, expected.response.body);
          assert.deepEqual(responseTrailers ?? [], expected.response.trailers);
        }
      },
    ),
    options(t, 0.5),
  );
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.conversations > 20);
});

const literal = fc
  .tuple(fc.constantFrom(0x40, 0x00, 0x10), fc.nat({ max: 75 }), words(octet, 6), words(octet, 6))
  .map(([kind, index, of, content]) => {
    const mask = kind === 0x40 ? 0x3f : 0x0f;
    const start = index < mask ? [kind | index] : [kind | mask, index - mask];
    return Buffer.concat([Buffer.from(start), index === 0 ? string(of) : Buffer.alloc(0), string(content)]);
  });

/** A string literal, as it is. */
function string(octets: string): Buffer {
  return Buffer.from(String.fromCharCode(octets.length) + octets, 'latin1');
}

const indexed = fc.nat({ max: 75 }).map((index) => Buffer.of(0x80 | index));
const update = fc.constantFrom('20', '3e', '3f01', '3fe11f', '3fe21f').map((hex) => Buffer.from(hex, 'hex'));
const huffman = fc
  .uint8Array({ maxLength: 12 })
  .map((octets) => Buffer.concat([Buffer.of(0x00, 0x01, 0x61, 0x80 | octets.length), octets]));
const random = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((octets) => Buffer.from(octets));
const valid = fc.array(field, { maxLength: 3 }).map(encodeBlock);
const blocks = fc.array(
  fc
    .tuple(
      fc.array(update, { maxLength: 1 }),
      fc.array(
        fc.oneof(
          { weight: 6, arbitrary: literal },
          { weight: 6, arbitrary: indexed },
          { weight: 1, arbitrary: huffman },
          { weight: 1, arbitrary: update },
          { weight: 1, arbitrary: random },
          { weight: 2, arbitrary: valid },
        ),
        { minLength: 1, maxLength: 5 },
      ),
    )
    .map(([first, rest]) => Buffer.concat([...first, ...rest])),
  { minLength: 1, maxLength: 5 },
);

test('reads a header block if and only if Node does', async (t) => {
  const tally = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(blocks, async (all) => {
      const hpack = new HpackDecoder();
      const malformed = all.findIndex((block) => hpack.decode(block).kind !== 'fields');
      const ours = malformed < 0 ? all.length : malformed;
      assert.equal(ours, await blocksNodeReads(node.port, all));
      tally.read += ours;
      if (malformed >= 0) tally.refused++;
    }),
    options(t, 0.2),
  );
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.read > 50 && tally.refused > 50);
});

interface Damage {
  readonly at: number;
  readonly kind: 'flip' | 'drop' | 'insert' | 'gap' | 'repeat' | 'leave';
  readonly octets: Uint8Array;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat({ max: 1_000_000 }),
  kind: fc.constantFrom('flip', 'drop', 'insert', 'gap', 'repeat', 'leave'),
  octets: fc.uint8Array({ minLength: 1, maxLength: 20 }),
});

/** Does one thing to a conversation; gaps and connections left out are told to the observer as the tape does. */
function feedDamaged(tap: ObservedTap, pieces: readonly Piece[], damages: readonly Damage[]): void {
  const at = new Map(damages.map((one) => [one.at % pieces.length, one]));
  for (const [index, { direction, bytes }] of pieces.entries()) {
    const one = at.get(index);
    const split = one === undefined ? bytes.length : one.at % (bytes.length + 1);
    say(tap, direction, bytes.subarray(0, split));
    let skipped = 0;
    if (one?.kind === 'flip' || one?.kind === 'insert') say(tap, direction, one.octets);
    if (one?.kind === 'flip' || one?.kind === 'drop' || one?.kind === 'gap') skipped = one.octets.length;
    if (one?.kind === 'gap') tap.gap(direction, Math.max(1, Math.min(skipped, bytes.length - split)));
    if (one?.kind === 'repeat') say(tap, direction, bytes);
    if (one?.kind === 'leave') tap.observer.leave(1);
    say(tap, direction, bytes.subarray(Math.min(bytes.length, split + skipped)));
  }
}

function say(tap: ObservedTap, direction: Direction, bytes: Uint8Array): void {
  const part = Buffer.from(bytes).toString('latin1');
  if (part === '') return;
  if (direction === FROM_CLIENT) tap.client(part);
  else tap.primary(part);
}

test('whatever a connection says, every exchange ends once and nothing is thrown', async (t) => {
  const conversations = fc.sample(wanted, { seed: SEED, numRuns: 12 });
  const recorded: (readonly Piece[])[] = [];
  for (const all of conversations)
    recorded.push((await node.talk(all, { headerTableSize: 4096 }, recorded.length % 2 === 0)).pieces);
  const tally = { runs: 0, givenUp: 0, whole: 0 };
  fc.assert(
    fc.property(
      fc.nat({ max: recorded.length - 1 }),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      (which, damages) => {
        const tap = new ObservedTap().open();
        feedDamaged(tap, recorded[which] ?? [], damages);
        tap.close();
        tally.runs++;
        tally.givenUp += tap.counts.givenUp;
        const { seen } = tap.sink;
        assert.ok(seen.every(({ done }) => done));
        tally.whole += seen.filter(({ exchange }) => exchange.incomplete === undefined).length;
        assert.ok(tap.counts.exchanges >= seen.length);
        assert.equal(tap.counts.exchanges, tap.counts.http1Requests + tap.counts.http2Requests);
        assert.equal(tap.observer.connections, 0);
      },
    ),
    options(t, 0.15),
  );
  t.diagnostic(JSON.stringify(tally));
  assert.ok(tally.runs > 100 && tally.givenUp > tally.runs / 20 && tally.whole > tally.runs / 10);
});

test('random octets are never too much', (t) => {
  const frames = fc.array(
    fc.record({
      type: fc.nat({ max: 10 }),
      flags: fc.nat({ max: 255 }),
      stream: fc.nat({ max: 3 }),
      payload: fc.uint8Array({ maxLength: 40 }),
    }),
    { maxLength: 40 },
  );
  let streams = 0;
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (all, mostBytes) => {
      const counted = { events: 0, faults: 0 };
      const count = (): void => {
        assert.equal(counted.faults, 0, 'something came behind a fault');
        counted.events++;
      };
      const decoder = new FrameDecoder({
        headers: count,
        data: count,
        dataGap: count,
        end: count,
        reset: count,
        setting: count,
        settingsAcknowledged: count,
        windowUpdate: count,
        ping: count,
        pushPromise: count,
        goAway: count,
        fault: () => void counted.faults++,
      });
      const bytes = Buffer.concat(
        all.map(({ type, flags, stream, payload }) =>
          Buffer.concat([Buffer.of(0, 0, payload.length, type, flags, 0, 0, 0, stream), payload]),
        ),
      );
      for (let at = 0; at < bytes.length; at += mostBytes) decoder.write(bytes.subarray(at, at + mostBytes));
      assert.ok(counted.faults <= 1 && decoder.over === (counted.faults === 1));
      assert.ok(decoder.hpack.tableBytes <= HTTP2_LIMITS.hpack.tableBytes);
      streams++;
    }),
    options(t, 0.15),
  );
  assert.ok(streams > 100);
});
