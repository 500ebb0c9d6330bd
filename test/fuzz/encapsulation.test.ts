import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { PacketDecoder } from '../../src/wire/packet/packet-decoder.ts';
import { encodePcapHead, encodePcapRecord } from '../../src/wire/pcap/encode.ts';
import { LINK } from '../../src/wire/pcap/frame.ts';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { ACK, ethernet, ipv4, ipv6, Talk, tcpSegment, udpDatagram } from '../fixtures/packet-builder.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 8926);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 5000);
/** What the decoder promises to follow at most: a wrapper here is up to four of its layers. */
const FOLLOWED_WRAPPERS = 5;
const LAYERS_MAX = 24;

function options(t: TestContext, timeShare: number) {
  t.diagnostic(`seed ${SEED}`);
  return { seed: SEED, numRuns: 10_000_000, interruptAfterTimeLimit: TOTAL_MS * timeShare };
}

/** What an Ethernet head would carry. */
interface Content {
  readonly type: number;
  readonly bytes: Buffer;
}

const IPV4 = 0x0800;
const IPV6 = 0x86dd;

function inIp(six: boolean, protocol: number, bytes: Buffer): Content {
  if (six) return { type: IPV6, bytes: ipv6({ from: '2001:db8::1', to: '2001:db8::2', protocol }, bytes) };
  return { type: IPV4, bytes: ipv4({ from: '192.0.2.1', to: '192.0.2.2', protocol }, bytes) };
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function frameOf({ type, bytes }: Content): Buffer {
  return ethernet(type, bytes);
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2);
  return bytes;
}

function inGre({ type, bytes }: Content, six: boolean): Content {
  return inIp(six, 47, Buffer.concat([u16(0, type), bytes]));
}

/** Every way to wrap that is followed. `six`: in IPv6 where there is IP around it. */
const WRAPPERS = {
  vlan: ({ type, bytes }: Content) => ({ type: 0x8100, bytes: Buffer.concat([u16(7, type), bytes]) }),
  qinq: ({ type, bytes }: Content) => ({
    type: 0x88a8,
    bytes: Buffer.concat([u16(9, 0x8100, 7, type), bytes]),
  }),
  mpls: (inner: Content) => {
    // Labels don't say what is behind them: only IP can be told.
    const { bytes } = inner.type === IPV4 || inner.type === IPV6 ? inner : inGre(inner, false);
    return { type: 0x8847, bytes: Buffer.concat([hex('00010040 00020140'), bytes]) };
  },
  ipInIp: (inner: Content, six: boolean) => {
    if (inner.type !== IPV4 && inner.type !== IPV6) return inGre(inner, six);
    return inIp(six, inner.type === IPV4 ? 4 : 41, inner.bytes);
  },
  gre: inGre,
  greWithAll: ({ type, bytes }: Content, six: boolean) =>
    inIp(six, 47, Buffer.concat([u16(0xb000, type), hex('00000000 00000007 00000001'), bytes])),
  erspan1: (inner: Content, six: boolean) => inIp(six, 47, Buffer.concat([u16(0, 0x88be), frameOf(inner)])),
  erspan2: (inner: Content, six: boolean) =>
    inIp(six, 47, Buffer.concat([u16(0x1000, 0x88be), hex('00000001 10000007 00000005'), frameOf(inner)])),
  erspan3: (inner: Content, six: boolean) =>
    inIp(
      six,
      47,
      Buffer.concat([u16(0x1000, 0x22eb), hex('00000001 20000007 00000000 00000000'), frameOf(inner)]),
    ),
  vxlan: (inner: Content, six: boolean) =>
    inIp(six, 17, udpDatagram(5, 4789, Buffer.concat([hex('08000000 00000700'), frameOf(inner)]))),
  geneve: (inner: Content, six: boolean) =>
    inIp(
      six,
      17,
      udpDatagram(5, 6081, Buffer.concat([hex('02006558 00000700 0102030100000000'), frameOf(inner)])),
    ),
  ipv6Options: ({ type, bytes }: Content) => {
    if (type !== IPV6) return inGre({ type, bytes }, true);
    const before = bytes[6] ?? 0;
    const head = Buffer.from(bytes.subarray(0, 40));
    // Destination options (RFC 8200 §4.6) with padding.
    head[6] = 60;
    head.writeUInt16BE(head.readUInt16BE(4) + 8, 4);
    return {
      type,
      bytes: Buffer.concat([head, Buffer.from([before, 0, 1, 4, 0, 0, 0, 0]), bytes.subarray(40)]),
    };
  },
} satisfies Record<string, (inner: Content, six: boolean) => Content>;
type WrapperName = keyof typeof WRAPPERS;

const wrapper = fc.tuple(fc.constantFrom(...(Object.keys(WRAPPERS) as WrapperName[])), fc.boolean());

function wrap(inner: Content, wrappers: readonly (readonly [WrapperName, boolean])[]): Content {
  let content = inner;
  for (const [name, six] of wrappers) content = WRAPPERS[name](content, six);
  return content;
}

const PAYLOAD = 'GET /innermost HTTP/1.1\r\nhost: x\r\n\r\n';

function innermost(six: boolean): Content {
  const [from, to] = six ? ['2001:db8::a', '2001:db8::b'] : ['10.9.8.7', '10.1.2.3'];
  const segment = tcpSegment({ from, to, fromPort: 1234, toPort: 80, seq: 1, flags: ACK, payload: PAYLOAD });
  return six
    ? { type: IPV6, bytes: ipv6({ from, to, protocol: 6 }, segment) }
    : { type: IPV4, bytes: ipv4({ from, to, protocol: 6 }, segment) };
}

function decode(bytes: Uint8Array): PacketDecoder & { readonly found: boolean } {
  const decoder = new PacketDecoder();
  const frame = { linkType: LINK.ethernet, bytes, start: 0, end: bytes.length, originalBytes: bytes.length };
  return Object.assign(decoder, { found: decoder.frame({ ...frame, micros: 0, interfaceId: 0 }) });
}

function faultsOf({ counts }: PacketDecoder): string[] {
  return Object.entries(counts.faults).flatMap(([kind, count]) => (count === 0 ? [] : [kind]));
}

test('whatever a segment is wrapped in, it is found, with its own addresses and every byte', (t) => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(wrapper, { maxLength: FOLLOWED_WRAPPERS }), (six, wrappers) => {
      const decoder = decode(frameOf(wrap(innermost(six), wrappers)));
      const { packet, found } = decoder;
      assert.deepEqual(faultsOf(decoder), []);
      assert.ok(found);
      assert.equal(packet.version, six ? 6 : 4);
      assert.deepEqual([packet.sourcePort, packet.destinationPort], [1234, 80]);
      if (!six) assert.equal(packet.source0, 0x0a09_0807);
      const { bytes, payloadStart, payloadEnd } = packet;
      assert.equal(Buffer.from(bytes.subarray(payloadStart, payloadEnd)).toString(), PAYLOAD);
    }),
    options(t, 0.4),
  );
});

test('layers without end are followed to a depth and no further, and counted as too deep', (t) => {
  let deep = 0;
  fc.assert(
    fc.property(
      fc.array(wrapper, { minLength: FOLLOWED_WRAPPERS, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      (wrappers, times) => {
        const all = Array.from({ length: times }, () => wrappers).flat();
        const content = wrap(innermost(false), all.slice(0, 400));
        if (content.bytes.length > 60_000) return;
        const decoder = decode(frameOf(content));
        const layers = Object.values(decoder.counts.tunnels).reduce((a, b) => a + b, 0);
        // The bound on the work that one packet can make: one fixed step for each layer.
        assert.ok(layers <= LAYERS_MAX, `${layers} layers were followed`);
        if (decoder.found) return;
        assert.deepEqual(faultsOf(decoder), ['too_deep']);
        deep++;
      },
    ),
    options(t, 0.2),
  );
  assert.ok(deep > 10, `only ${deep} were too deep`);
});

const lies = fc.array(
  fc.record({
    at: fc.nat({ max: 400 }),
    value: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
  }),
  { maxLength: 4 },
);

test('headers that lie and frames that are cut, through the whole chain: no throw, and each is counted', (t) => {
  const talk = new Talk(40_000);
  const frames = [
    ...talk.open(),
    talk.ask(PAYLOAD),
    talk.answer('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
  ];
  let used = 0;
  let faults = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(wrapper, { maxLength: 4 }), lies, fc.option(fc.nat({ max: 400 }))), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.constantFrom<number>(...Object.values(LINK), 9999),
      // Less than a record's head: the file ends within its last record.
      fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 15 })),
      (packets, linkType, cutEnd) => {
        const records = packets.map(([wrappers, places, cut], i) => {
          const inner = frames[i % frames.length] ?? Buffer.alloc(0);
          const wrapped = wrap({ type: IPV4, bytes: inner.subarray(14) }, wrappers);
          const frame = Buffer.from(linkType === LINK.raw ? wrapped.bytes : frameOf(wrapped));
          for (const { at, value } of places) frame[at % frame.length] = value;
          const bytes = cut === null ? frame : frame.subarray(0, cut);
          return encodePcapRecord({ bytes, micros: 1e15 + i, originalBytes: frame.length });
        });
        const file = Buffer.concat([encodePcapHead(linkType), ...records]);
        const read = new ReadCapture(file.subarray(0, file.length - cutEnd));
        const { counts } = read.packets;
        assert.equal(counts.packets, packets.length - (cutEnd > 0 ? 1 : 0));
        assert.equal(read.faults.cut_record, cutEnd > 0 ? 1 : 0);
        const { tcp, icmp, otherIp, notIp, fragments, udp } = counts;
        const wrong = Object.values(counts.faults).reduce((a, b) => a + b, 0);
        assert.ok(tcp + icmp + otherIp + notIp + fragments + udp + wrong >= counts.packets);
        assert.equal(read.tcp.counts.segments, tcp);
        assert.deepEqual([read.tcp.heldBytes, read.tcp.tableSize, read.observer.connections], [0, 0, 0]);
        used += tcp;
        faults += wrong;
      },
    ),
    options(t, 0.4),
  );
  t.diagnostic(`${used} segments, ${faults} faults`);
  assert.ok(used > 100 && faults > 100);
});
