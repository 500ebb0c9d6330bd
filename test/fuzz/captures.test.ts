import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { PacketDecoder } from '../../src/wire/packet/packet-decoder.ts';
import {
  encodeFrame,
  encodeInterface,
  encodePcapHead,
  encodePcapRecord,
  encodeSection,
  encodeStatistics,
} from '../../src/wire/pcap/encode.ts';
import { LINK } from '../../src/wire/pcap/frame.ts';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { ethernet, ipv4, Talk, udpDatagram } from '../fixtures/packet-builder.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 791);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 6000);

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

const REQUEST = 'GET /orders?id=7 HTTP/1.1\r\nhost: shop\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Ten connections with two exchanges each, some of them in a tunnel. */
function frames(): Buffer[] {
  const all: Buffer[] = [];
  for (let port = 1; port <= 10; port++) {
    const talk = new Talk(40_000 + port);
    const own = [
      ...talk.open(),
      talk.ask(REQUEST),
      talk.answer(ANSWER),
      talk.ask(REQUEST),
      talk.answer(ANSWER),
    ];
    own.push(talk.end(0), talk.end(1), talk.acknowledge(0));
    for (const frame of own) all.push(port % 2 === 0 ? inVxlan(frame) : frame);
  }
  return all;
}

function inVxlan(frame: Buffer): Buffer {
  const head = Buffer.from('0800000000000700', 'hex');
  const datagram = udpDatagram(1, 4789, Buffer.concat([head, frame]));
  return ethernet(0x0800, ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 17 }, datagram));
}

const FRAMES = frames();
const PCAP = Buffer.concat([
  encodePcapHead(LINK.ethernet),
  ...FRAMES.map((bytes, i) => encodePcapRecord({ bytes, micros: 1e15 + i * 100 })),
]);
const PCAPNG = Buffer.concat([
  encodeSection(),
  encodeInterface(LINK.ethernet, 'eth0'),
  ...FRAMES.map((bytes, i) => encodeFrame({ bytes, micros: 1e15 + i * 100 })),
  encodeStatistics({ interfaceId: 0, micros: 1e15, received: 9, droppedByInterface: 0, droppedByKernel: 0 }),
]);

test('the captures that are damaged here are whole before', () => {
  for (const file of [PCAP, PCAPNG]) {
    const { observer, story, faults } = new ReadCapture(file);
    assert.equal(observer.counts.exchanges, 20);
    assert.ok(story.every((line) => line === 'GET /orders?id=7 200'));
    assert.ok(Object.values(faults).every((count) => count === 0));
  }
});

const damage = fc.array(
  fc.record({
    at: fc.nat({ max: 1_000_000 }),
    value: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  }),
  { minLength: 1, maxLength: 12 },
);

test('a damaged capture is no crash, and no exchange that nobody had', (t) => {
  let whole = 0;
  let faulty = 0;
  fc.assert(
    fc.property(
      fc.boolean(),
      damage,
      fc.nat({ max: 1_000_000 }),
      fc.integer({ min: 1, max: 3000 }),
      (ng, places, cut, pieceBytes) => {
        const file = Buffer.from(ng ? PCAPNG : PCAP);
        for (const { at, value } of places) file[at % file.length] = value;
        const end = cut % 3 === 0 ? cut % file.length : file.length;
        const { observer, packets, tcp, faults, sink } = new ReadCapture(file.subarray(0, end), {
          pieceBytes,
        });
        assert.ok(observer.counts.exchanges <= 40);
        assert.ok(packets.counts.packets <= FRAMES.length + 2);
        assert.equal(observer.connections, 0);
        assert.deepEqual([tcp.heldBytes, tcp.tableSize], [0, 0]);
        whole += sink.seen.filter(({ exchange }) => exchange.incomplete === undefined).length;
        faulty += Object.values(faults).reduce((a, b) => a + b, 0);
      },
    ),
    options(t, 0.6),
  );
  t.diagnostic(`${whole} whole exchanges, ${faulty} faults`);
  assert.ok(whole > 100 && faulty > 10);
});

test('bytes of any kind are no crash of the packet decoder, and each packet is counted once', (t) => {
  const links = fc.constantFrom<number>(...Object.values(LINK), 9999);
  const start = fc.constantFrom(...FRAMES.slice(0, 40), Buffer.alloc(0));
  fc.assert(
    fc.property(links, start, damage, fc.uint8Array({ maxLength: 120 }), (linkType, base, places, tail) => {
      const bytes = Buffer.concat([base, tail]);
      for (const { at, value } of places) if (bytes.length > 0) bytes[at % bytes.length] = value;
      const decoder = new PacketDecoder();
      const frame = { linkType, bytes, start: 0, end: bytes.length, originalBytes: bytes.length };
      const found = decoder.frame({ ...frame, micros: 0, interfaceId: 0 });
      const { payloadStart, payloadEnd, payloadBytes, bytes: within } = decoder.packet;
      if (found) {
        assert.ok(payloadStart <= payloadEnd && payloadEnd <= within.length);
        assert.ok(payloadBytes >= payloadEnd - payloadStart && payloadBytes <= 65_535 + 200);
      }
      const { tcp, icmp, otherIp, notIp, fragments, udp, faults } = decoder.counts;
      const ends =
        tcp + icmp + otherIp + notIp + fragments + Object.values(faults).reduce((a, b) => a + b, 0);
      assert.equal(tcp === 1, found);
      assert.ok(ends <= 2 && (ends >= 1 || udp >= 1));
    }),
    options(t, 0.4),
  );
});
