import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { TCP_FLAG, createTcpPacket } from '../../src/wire/packet/packet.ts';
import type { TcpDirection, TcpEvents } from '../../src/wire/tcp/events.ts';
import { TcpReassembler } from '../../src/wire/tcp/reassembler.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9293);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 10_000);
/** Packets are so far apart that what is moved stays within the time that the reassembler waits. */
const PACKET_MICROS = 100;

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

/** A segment as it was sent: stream offsets, so that the oracle needs no sequence numbers. */
interface Sent {
  readonly side: TcpDirection;
  readonly from: number;
  readonly to: number;
  /** Bytes of the other side that its sender had read. */
  readonly read: number;
  readonly fin: boolean;
  readonly syn: boolean;
  /** Bytes that the capture kept. */
  readonly kept: number;
}

interface Step {
  readonly side: TcpDirection;
  readonly size: number;
  readonly lost: boolean;
  readonly twice: boolean;
  /** Places that it comes too late by. */
  readonly late: number;
  /** Share of the payload that the capture keeps, percent. */
  readonly keep: number;
  /** Bytes before it that are sent again with it. */
  readonly again: number;
}

const clean: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom(0, 1),
  size: fc.integer({ min: 0, max: 60 }),
  lost: fc.constant(false),
  twice: fc.boolean(),
  late: fc.nat({ max: 12 }),
  keep: fc.constant(100),
  again: fc.oneof(fc.constant(0), fc.nat({ max: 100 })),
});
const damaged: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom(0, 1),
  size: fc.integer({ min: 0, max: 60 }),
  lost: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  twice: fc.boolean(),
  late: fc.nat({ max: 12 }),
  keep: fc.oneof({ weight: 6, arbitrary: fc.constant(100) }, fc.nat({ max: 100 })),
  again: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 100 })),
});
/** Most begin near the wrap-around. */
const isn = fc.oneof(fc.integer({ min: -2000, max: 50 }), fc.integer());

interface Conversation {
  /** What the capture holds, in its order. */
  readonly captured: readonly Sent[];
  readonly streams: readonly [Buffer, Buffer];
  /**
   * Whether the capture shows what came before what: not where bytes were lost when they were sent first, and captured when
   * they were sent again, with all that had been read meanwhile.
   */
  readonly ordered: boolean;
}

function converse(steps: readonly Step[], handshake: boolean): Conversation {
  const sent: [number, number] = [0, 0];
  const list: { at: number; segment: Sent }[] = [];
  const base = { fin: false, syn: false, kept: 0, from: 0, to: 0, read: 0 };
  if (handshake) {
    list.push({ at: -2, segment: { ...base, side: 0, syn: true } });
    list.push({ at: -1, segment: { ...base, side: 1, syn: true } });
  }
  for (const [i, step] of steps.entries()) {
    const { side } = step;
    const from = Math.max(0, sent[side] - step.again);
    const to = sent[side] + step.size;
    const read = sent[side === 0 ? 1 : 0];
    sent[side] = to;
    const kept = Math.floor(((to - from) * step.keep) / 100);
    const segment = { ...base, side, from, to, read, kept };
    if (!step.lost) list.push({ at: i + step.late, segment });
    if (!step.lost && step.twice) list.push({ at: i + step.late + 3, segment });
  }
  const end = steps.length + 20;
  for (const side of [0, 1] as const) {
    const read = sent[side === 0 ? 1 : 0];
    list.push({
      at: end + side,
      segment: { ...base, side, from: sent[side], to: sent[side], read, fin: true },
    });
  }
  const order = list.toSorted((a, b) => a.at - b.at);
  return {
    captured: order.map(({ segment }) => segment),
    ordered: !steps.some(({ lost, keep }) => lost || keep < 100) || steps.every(({ again }) => again === 0),
    streams: [noise(sent[0], 0x9e3779b1), noise(sent[1], 0x85ebca6b)],
  };
}

/** Bytes that differ from place to place. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

/** What came out, as places in the streams. */
class Heard implements TcpEvents {
  readonly position: [number, number] = [0, 0];
  readonly got: readonly [Uint8Array, Uint8Array];
  readonly order: string[] = [];
  gapBytes = 0;
  opened = 0;
  over = 0;
  readonly #streams: readonly [Buffer, Buffer];
  readonly #captured: readonly Sent[];

  constructor({ streams, captured, ordered }: Conversation) {
    this.#streams = streams;
    this.#captured = ordered ? captured : [];
    this.got = [new Uint8Array(streams[0].length), new Uint8Array(streams[1].length)];
  }

  open(): void {
    this.opened++;
  }

  data(_id: number, direction: TcpDirection, chunk: Uint8Array): void {
    const at = this.position[direction];
    const stream = this.#streams[direction];
    assert.deepEqual(Buffer.from(chunk), stream.subarray(at, at + chunk.length));
    this.got[direction].fill(1, at, at + chunk.length);
    this.position[direction] += chunk.length;
    // Every captured segment that has these bytes knew at least this much of the other side.
    const holders = this.#captured.filter(
      ({ side, from, to }) => side === direction && from <= at && to > at,
    );
    const read = holders.length === 0 ? 0 : Math.min(...holders.map((sent) => sent.read));
    assert.ok(this.position[direction === 0 ? 1 : 0] >= read, 'an answer before its question');
  }

  gap(_id: number, direction: TcpDirection, bytes: number): void {
    assert.ok(bytes > 0);
    this.position[direction] += bytes;
    this.gapBytes += bytes;
  }

  end(_id: number, direction: TcpDirection): void {
    assert.equal(this.position[direction], this.#streams[direction].length, 'an end before its bytes');
  }

  close(): void {
    this.over++;
  }

  leave(): void {
    this.over++;
  }
}

function run(conversation: Conversation, isns: readonly [number, number], overlap: 'first' | 'last'): Heard {
  const heard = new Heard(conversation);
  const tcp = new TcpReassembler(heard, { overlap, seed: 1 });
  const packet = createTcpPacket();
  let micros = 1e15;
  for (const sent of conversation.captured) {
    const { side } = sent;
    micros += PACKET_MICROS;
    packet.micros = micros;
    packet.source0 = side;
    packet.destination0 = 1 - side;
    packet.sourcePort = side === 0 ? 50_000 : 80;
    packet.destinationPort = side === 0 ? 80 : 50_000;
    const own = isns[side];
    const other = isns[side === 0 ? 1 : 0];
    packet.seq = (own + sent.from + (sent.syn ? -1 : 0)) | 0;
    packet.ack = (other + sent.read) | 0;
    packet.flags =
      (sent.fin ? TCP_FLAG.fin : 0) |
      (sent.syn ? TCP_FLAG.syn : 0) |
      (sent.syn && side === 0 ? 0 : TCP_FLAG.ack);
    // As in a file: somewhere in bytes that are used again.
    const bytes = Buffer.alloc(200 + sent.kept, 0xee);
    conversation.streams[side].copy(bytes, 100, sent.from, sent.from + sent.kept);
    packet.bytes = bytes;
    packet.payloadStart = 100;
    packet.payloadEnd = 100 + sent.kept;
    packet.payloadBytes = sent.to - sent.from;
    tcp.push(packet);
    bytes.fill(0xdd);
  }
  tcp.finish();
  assert.equal(tcp.heldBytes, 0);
  assert.equal(tcp.tableSize, 0);
  assert.equal(heard.opened, heard.over);
  assert.equal(tcp.counts.conflicts, 0, 'all copies had the same bytes');
  return heard;
}

const policy = fc.constantFrom('first', 'last');

test('segments in any order, twice and overlapping become the same bytes', (t) => {
  let bytes = 0;
  fc.assert(
    fc.property(fc.array(clean, { maxLength: 40 }), isn, isn, policy, (steps, a, b, overlap) => {
      const conversation = converse(steps, true);
      const heard = run(conversation, [a, b], overlap);
      for (const side of [0, 1] as const)
        assert.equal(heard.position[side], conversation.streams[side].length);
      assert.equal(heard.gapBytes, 0);
      bytes += heard.position[0] + heard.position[1];
    }),
    options(t, 0.4),
  );
  assert.ok(bytes > 100_000);
});

test('what was not captured is a gap of exact size, and everything else is there', (t) => {
  let gaps = 0;
  fc.assert(
    fc.property(fc.array(damaged, { maxLength: 40 }), isn, isn, policy, (steps, a, b, overlap) => {
      const conversation = converse(steps, true);
      const heard = run(conversation, [a, b], overlap);
      if (heard.opened === 0) return;
      for (const side of [0, 1] as const) {
        assert.equal(heard.position[side], conversation.streams[side].length);
        const whole = conversation.captured.filter((sent) => sent.side === side);
        // A cut segment may lose its bytes to a gap, so only those that are whole are asked for.
        const cut = whole.some(({ from, to, kept }) => kept < to - from);
        if (cut) continue;
        for (const { from, to } of whole)
          assert.ok(
            heard.got[side].subarray(from, to).every((got) => got === 1),
            'captured bytes are missing',
          );
      }
      gaps += heard.gapBytes;
    }),
    options(t, 0.4),
  );
  assert.ok(gaps > 10_000);
});

test('packets that mean nothing are survived', (t) => {
  const field = fc.record({
    back: fc.boolean(),
    seq: fc.oneof(fc.integer({ min: -100, max: 100 }), fc.integer()),
    ack: fc.oneof(fc.integer({ min: -100, max: 100 }), fc.integer()),
    flags: fc.integer({ min: 0, max: 255 }),
    captured: fc.nat({ max: 50 }),
    more: fc.oneof(fc.constant(0), fc.nat({ max: 3000 })),
    port: fc.nat({ max: 3 }),
    wait: fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: -1e9, max: 1e9 })),
  });
  fc.assert(
    fc.property(fc.array(field, { maxLength: 200 }), (packets) => {
      const open = new Set<number>();
      const tcp = new TcpReassembler(
        {
          open: ({ id }) => void open.add(id),
          data: (id, _direction, chunk) => assert.ok(open.has(id) && chunk.length > 0),
          gap: (id, _direction, bytes) => assert.ok(open.has(id) && bytes > 0),
          end: (id) => assert.ok(open.has(id)),
          close: (id) => assert.ok(open.delete(id)),
          leave: (id) => assert.ok(open.delete(id)),
        },
        { seed: 1, limits: { connections: 3, heldBytes: 500, sideBytes: 200, sideSegments: 5 } },
      );
      const packet = createTcpPacket();
      packet.bytes = Buffer.alloc(100);
      for (const fields of packets) {
        packet.micros += fields.wait;
        packet.sourcePort = fields.back ? 80 : fields.port;
        packet.destinationPort = fields.back ? fields.port : 80;
        packet.seq = fields.seq;
        packet.ack = fields.ack;
        packet.flags = fields.flags;
        packet.payloadEnd = fields.captured;
        packet.payloadBytes = fields.captured + fields.more;
        tcp.push(packet);
        assert.ok(tcp.heldBytes >= 0 && tcp.heldBytes <= 500);
        assert.ok(tcp.tableSize <= 3);
      }
      tcp.finish();
      assert.deepEqual([open.size, tcp.heldBytes, tcp.tableSize, tcp.connections], [0, 0, 0, 0]);
    }),
    options(t, 0.2),
  );
});
