import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ethernet, ipv4, ipv6, tcpSegment, udpDatagram } from '../../../test/fixtures/packet-builder.ts';
import { LINK } from '../pcap/frame.ts';
import { PacketDecoder } from './packet-decoder.ts';
import type { PacketDecoderOptions } from './packet-decoder.ts';

const V4 = { from: '10.1.2.3', to: '10.4.5.6' };
const V6 = { from: '2001:db8::1', to: '2001:db8::2' };
const segment = tcpSegment({ ...V4, fromPort: 50_000, toPort: 80, seq: 7, ack: 9, payload: 'hello' });
const inV4 = ipv4({ ...V4, protocol: 6 }, segment);
const inV6 = ipv6({ ...V6, protocol: 6 }, segment);

function decode(
  bytes: Uint8Array,
  linkType: number = LINK.ethernet,
  more: { originalBytes?: number; micros?: number } = {},
  options: PacketDecoderOptions = {},
) {
  const decoder = new PacketDecoder(options);
  return { found: feed(decoder, bytes, linkType, more), decoder };
}

/** The payload, with what is missing of it, or undefined. */
function feed(
  decoder: PacketDecoder,
  bytes: Uint8Array,
  linkType: number = LINK.ethernet,
  more: { originalBytes?: number; micros?: number } = {},
) {
  // Somewhere in the middle of other bytes, as in a file.
  const file = Buffer.concat([Buffer.alloc(3, 0x45), bytes, Buffer.alloc(5, 0x45)]);
  const frame = {
    linkType,
    bytes: file,
    start: 3,
    end: 3 + bytes.length,
    originalBytes: bytes.length,
    micros: 0,
    interfaceId: 0,
    ...more,
  };
  if (!decoder.frame(frame)) return undefined;
  const { packet } = decoder;
  const text = packet.bytes.subarray(packet.payloadStart, packet.payloadEnd);
  const missing = packet.payloadBytes - text.length;
  return `${Buffer.from(text).toString('latin1')}${missing === 0 ? '' : `+${missing}`}`;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function gre(head: string, inner: Uint8Array): Buffer {
  return ethernet(
    0x0800,
    ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 47 }, Buffer.concat([hex(head), inner])),
  );
}

function udp(port: number, payload: Uint8Array): Buffer {
  return ethernet(
    0x0800,
    ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 17 }, udpDatagram(1234, port, payload)),
  );
}

const frame = ethernet(0x0800, inV4);
const WAYS: readonly (readonly [name: string, bytes: Uint8Array, linkType?: number])[] = [
  ['Ethernet', frame],
  ['Ethernet with padding', Buffer.concat([frame, Buffer.alloc(20)])],
  ['IPv6', ethernet(0x86dd, inV6)],
  ['IPv4 with options', ethernet(0x0800, ipv4({ ...V4, protocol: 6, options: Buffer.alloc(8, 1) }, segment))],
  [
    'IPv4 whose length the network card fills in',
    ethernet(0x0800, ipv4({ ...V4, protocol: 6, totalBytes: 0 }, segment)),
  ],
  [
    'IPv6 with extension headers',
    ethernet(
      0x86dd,
      ipv6(
        { ...V6, protocol: 0 },
        Buffer.concat([
          hex('3c00 0000 00000000'),
          hex('2b01 0000 00000000 0000000000000000'),
          hex('0600 0000 00000000'),
          segment,
        ]),
      ),
    ),
  ],
  [
    'IPv6 with an atomic fragment',
    ethernet(0x86dd, ipv6({ ...V6, protocol: 44 }, Buffer.concat([hex('0600 0000 00000001'), segment]))),
  ],
  ['a VLAN', ethernet(0x8100, Buffer.concat([hex('0064 0800'), inV4]))],
  ['QinQ', ethernet(0x88a8, Buffer.concat([hex('0001 8100 0064 0800'), inV4]))],
  ['MPLS', ethernet(0x8847, Buffer.concat([hex('00010040 00020140'), inV4]))],
  ['an Ethernet pseudowire in MPLS', ethernet(0x8847, Buffer.concat([hex('00010140 00000000'), frame]))],
  ['PPPoE', ethernet(0x8864, Buffer.concat([hex('1100 0001 0040 0021'), inV4]))],
  ['Linux cooked', Buffer.concat([hex('0000 0001 0006 000000000000 0000 0800'), inV4]), LINK.linuxCooked],
  [
    'Linux cooked, version 2',
    Buffer.concat([hex('0800 0000 00000001 0001 00 06 0000000000000000'), inV4]),
    LINK.linuxCooked2,
  ],
  ['raw IPv4', inV4, LINK.raw],
  ['raw IPv6', inV6, LINK.ipv6],
  ['BSD loopback, little endian', Buffer.concat([hex('02000000'), inV4]), LINK.null],
  ['BSD loopback, big endian', Buffer.concat([hex('0000001e'), inV6]), LINK.null],
  ['OpenBSD loopback', Buffer.concat([hex('00000002'), inV4]), LINK.loop],
  ['IP in IP', ethernet(0x0800, ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 4 }, inV4))],
  ['IPv6 in IPv4', ethernet(0x0800, ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 41 }, inV6))],
  ['VXLAN', udp(4789, Buffer.concat([hex('08000000 00000700'), frame]))],
  ['VXLAN-GPE with IPv4', udp(4790, Buffer.concat([hex('0c000001 00000700'), inV4]))],
  ['GENEVE with options', udp(6081, Buffer.concat([hex('0240 6558 00000700 0102800100000000'), frame]))],
  ['GENEVE with IPv6', udp(6081, Buffer.concat([hex('0000 86dd 00000700'), inV6]))],
  ['GRE', gre('0000 0800', inV4)],
  ['GRE with checksum, key and number', gre('b000 0800 00000000 00000001 00000002', inV4)],
  ['GRETAP', gre('0000 6558', frame)],
  ['NVGRE', gre('2000 6558 00000700', frame)],
  ['PPTP', gre('3081 880b 00180001 00000001 00000002 ff030021', inV4)],
  ['ERSPAN I', gre('0000 88be', frame)],
  ['ERSPAN II', gre('1000 88be 00000001 10000007 00000000', frame)],
  ['ERSPAN III', gre('1000 22eb 00000001 20000007 00000000 00000000', frame)],
  [
    'ERSPAN III of a platform, with IP',
    gre('1000 22eb 00000001 20000007 00000000 00000801 0000000000000000', inV4),
  ],
  [
    'VXLAN in ERSPAN in GRE in a VLAN',
    ethernet(
      0x8100,
      Buffer.concat([
        hex('0064 0800'),
        gre(
          '1000 88be 00000001 10000007 00000000',
          udp(4789, Buffer.concat([hex('08000000 00000700'), frame])),
        ).subarray(14),
      ]),
    ),
  ],
];

for (const [name, bytes, linkType] of WAYS) {
  test(`finds the segment: ${name}`, () => {
    const { found, decoder } = decode(bytes, linkType);
    assert.equal(found, 'hello');
    const { packet, counts } = decoder;
    assert.deepEqual([packet.sourcePort, packet.destinationPort, packet.seq, packet.ack], [50_000, 80, 7, 9]);
    assert.equal(packet.source0, packet.version === 4 ? 0x0a010203 : 0x20010db8);
    assert.equal(packet.destination3, packet.version === 4 ? 0 : 2);
    assert.deepEqual([counts.packets, counts.tcp], [1, 1]);
  });

  test(`survives being cut anywhere: ${name}`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const { found, decoder } = decode(bytes.subarray(0, length), linkType, { originalBytes: bytes.length });
      const { faults, cut } = decoder.counts;
      const said = Object.values(faults).reduce((a, b) => a + b, 0);
      assert.equal(cut, 1);
      // Either the segment is there and knows what it misses, or one fault is counted.
      if (found === undefined) assert.equal(said, 1, `cut at ${length}`);
      else assert.equal(said, 0);
      const [text = '', missing = '0'] = (found ?? 'hello').split('+');
      assert.equal(text.length + Number(missing), 5);
    }
  });
}

test('the innermost network and VLAN are told', () => {
  const { decoder } = decode(
    udp(
      4789,
      Buffer.concat([hex('08000000 54faa100'), ethernet(0x8100, Buffer.concat([hex('2064 0800'), inV4]))]),
    ),
  );
  assert.deepEqual([decoder.packet.vni, decoder.packet.vlan], [0x54faa1, 100]);
  assert.deepEqual([decode(frame).decoder.packet.vni, decode(frame).decoder.packet.vlan], [-1, -1]);
});

test('datagrams of VXLAN and GENEVE sockets are read without their outer headers', () => {
  const decoder = new PacketDecoder({ vnis: new Set([7]) });
  assert.equal(decoder.vxlan(Buffer.concat([hex('08000000 00000700'), frame]), 5), true);
  assert.equal(decoder.packet.micros, 5);
  assert.equal(decoder.geneve(Buffer.concat([hex('0000 6558 00000700'), frame]), 6), true);
  assert.equal(decoder.vxlan(Buffer.concat([hex('08000000 00000800'), frame]), 7), false);
  assert.equal(decoder.counts.faults.vni_refused, 1);
});

test('a mirror that cuts what is too long leaves a gap of known size', () => {
  const cut = udp(4789, Buffer.concat([hex('08000000 00000700'), frame.subarray(0, frame.length - 2)]));
  assert.equal(decode(cut).found, 'hel+2');
});

const LIES: readonly (readonly [string, Uint8Array, string, number?])[] = [
  [
    'an IPv4 length past the frame',
    ethernet(0x0800, ipv4({ ...V4, protocol: 6, totalBytes: 5000 }, segment)),
    'lying_length',
  ],
  [
    'an IPv4 length below its header',
    ethernet(0x0800, ipv4({ ...V4, protocol: 6, totalBytes: 10 }, segment)),
    'lying_length',
  ],
  [
    'an IPv6 length past the frame',
    ethernet(0x86dd, ipv6({ ...V6, protocol: 6, totalBytes: 5000 }, segment)),
    'lying_length',
  ],
  [
    'an IPv4 header of four words',
    ethernet(0x0800, Buffer.concat([hex('44'), inV4.subarray(1)])),
    'bad_header',
  ],
  ['IP of version 5', ethernet(0x0800, Buffer.concat([hex('55'), inV4.subarray(1)])), 'bad_header'],
  [
    'a TCP header past its packet',
    ethernet(
      0x0800,
      ipv4({ ...V4, protocol: 6 }, Buffer.concat([segment.subarray(0, 12), hex('f0'), segment.subarray(13)])),
    ),
    'lying_length',
  ],
  [
    'a TCP header of two words',
    ethernet(
      0x0800,
      ipv4({ ...V4, protocol: 6 }, Buffer.concat([segment.subarray(0, 12), hex('20'), segment.subarray(13)])),
    ),
    'bad_header',
  ],
  [
    'an extension header past its packet',
    ethernet(0x86dd, ipv6({ ...V6, protocol: 0 }, Buffer.concat([hex('06ff 0000 00000000'), segment]))),
    'lying_length',
  ],
  [
    'extension headers without end',
    ethernet(0x86dd, ipv6({ ...V6, protocol: 0 }, Buffer.alloc(800))),
    'too_deep',
  ],
  ['VLANs without end', ethernet(0x8100, Buffer.alloc(400, hex('0001 8100'))), 'too_deep'],
  ['labels without end', ethernet(0x8847, Buffer.alloc(400)), 'too_deep'],
  ['a network that is none', udp(4789, Buffer.concat([hex('00000000 00000700'), frame])), 'bad_header'],
  [
    'GENEVE options past their packet',
    udp(6081, Buffer.concat([hex('3f00 6558 00000700'), hex('0000')])),
    'lying_length',
  ],
  ['GENEVE of a later version', udp(6081, Buffer.concat([hex('4000 6558 00000700'), frame])), 'bad_header'],
  ['GRE with source routes', gre('4000 0800 00000000', inV4), 'bad_header'],
  ['an unknown link', frame, 'unknown_link', 147],
];

for (const [name, bytes, fault, linkType] of LIES) {
  test(`counts as ${fault}: ${name}`, () => {
    const { found, decoder } = decode(bytes, linkType);
    assert.equal(found, undefined);
    assert.deepEqual(
      Object.entries(decoder.counts.faults).filter(([, count]) => count > 0),
      [[fault, 1]],
    );
  });
}

test('a tunnel in a tunnel in a tunnel ends at the limit', () => {
  let inner: Uint8Array = inV4;
  for (let i = 0; i < 40; i++) inner = ipv4({ from: '1.1.1.1', to: '2.2.2.2', protocol: 4 }, inner);
  const { found, decoder } = decode(ethernet(0x0800, inner));
  assert.equal(found, undefined);
  assert.equal(decoder.counts.faults.too_deep, 1);
});

function fragmentsOf(id: number, cutAt = 16): readonly [Buffer, Buffer] {
  const fields = { ...V4, protocol: 6, id };
  return [
    ethernet(0x0800, ipv4({ ...fields, fragment: 0x2000 }, segment.subarray(0, cutAt))),
    ethernet(0x0800, ipv4({ ...fields, fragment: cutAt / 8 }, segment.subarray(cutAt))),
  ];
}

function fragmentIn6(field: string, bytes: Uint8Array): Buffer {
  const inner = Buffer.concat([hex(`0600 ${field} 00000009`), bytes]);
  return ethernet(0x86dd, ipv6({ ...V6, protocol: 44 }, inner));
}

test('fragments are put together in any order, duplicates and all', () => {
  const decoder = new PacketDecoder();
  const [first, second] = fragmentsOf(1);
  assert.deepEqual(
    [second, second, first].map((bytes) => feed(decoder, bytes)),
    [undefined, undefined, 'hello'],
  );
  assert.equal(feed(decoder, fragmentIn6('0001', segment.subarray(0, 16))), undefined);
  assert.equal(feed(decoder, fragmentIn6('0010', segment.subarray(16))), 'hello');
  assert.equal(decoder.counts.fragments, 5);
});

test('fragments that contradict each other, are cut, too many or too late make no datagram', () => {
  const [first, second] = fragmentsOf(1);
  const overlap = ethernet(
    0x0800,
    ipv4({ ...V4, protocol: 6, id: 1, fragment: 0x2001 }, segment.subarray(8, 24)),
  );
  const lone = new PacketDecoder();
  for (const bytes of [first, overlap, second]) assert.equal(feed(lone, bytes), undefined);
  assert.equal(lone.counts.faults.fragment_overlap, 1);

  const cut = new PacketDecoder();
  feed(cut, first.subarray(0, first.length - 1), LINK.ethernet, { originalBytes: first.length });
  assert.equal(cut.counts.faults.fragment_cut, 1);

  const limits = { datagrams: 2, bytes: 1000, waitMicros: 1e6 };
  const full = new PacketDecoder({ fragments: limits });
  for (const id of [1, 2, 3]) feed(full, fragmentsOf(id)[0]);
  assert.equal(full.counts.faults.fragment_limit, 1);
  assert.equal(feed(full, fragmentsOf(3)[1]), 'hello');

  const late = new PacketDecoder({ fragments: limits });
  feed(late, first, LINK.ethernet, { micros: 0 });
  assert.equal(feed(late, second, LINK.ethernet, { micros: 2e6 }), undefined);
  assert.equal(late.counts.faults.fragment_expired, 1);
});

test('what is no TCP is counted by what it is', () => {
  const decoder = new PacketDecoder();
  feed(decoder, ethernet(0x0806, Buffer.alloc(28)));
  feed(decoder, udp(53, Buffer.alloc(12)));
  feed(decoder, ethernet(0x0800, ipv4({ ...V4, protocol: 1 }, Buffer.alloc(8))));
  feed(decoder, ethernet(0x0800, ipv4({ ...V4, protocol: 89 }, Buffer.alloc(8))));
  const { notIp, udp: datagrams, icmp, otherIp, tcp } = decoder.counts;
  assert.deepEqual([notIp, datagrams, icmp, otherIp, tcp], [1, 1, 1, 1, 0]);
});
