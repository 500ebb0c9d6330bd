import { int32be, u16be, u24be, u32be, u32le } from '../integers.ts';
import { LINK } from '../pcap/frame.ts';
import type { CapturedFrame } from '../pcap/frame.ts';
import { FRAGMENT_LIMITS, Fragments } from './fragments.ts';
import type { FragmentLimits } from './fragments.ts';
import { readGre } from './gre.ts';
import type { GreHead } from './gre.ts';
import { createPacketCounts, createTcpPacket } from './packet.ts';
import type { PacketCounts, PacketFault, TcpPacket } from './packet.ts';

export interface PacketDecoderOptions {
  /** Network identifiers of VXLAN and GENEVE that are let in; all when undefined. */
  readonly vnis?: ReadonlySet<number> | undefined;
  /** UDP ports of VXLAN; by default 4789 (RFC 7348), 4790 (VXLAN-GPE) and 8472 (older Linux). */
  readonly vxlanPorts?: readonly number[];
  /** UDP ports of GENEVE; 6081 (RFC 8926) by default. */
  readonly genevePorts?: readonly number[];
  readonly fragments?: FragmentLimits;
}

/** Headers inside each other that are followed: tags, labels, tunnels and IP headers all count. */
const LAYERS_MAX = 24;
const MPLS_LABELS_MAX = 16;
const IPV6_EXTENSIONS_MAX = 16;

const ETHER = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  vlan: 0x8100,
  qinq: 0x88a8,
  oldQinq: 0x9100,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoe: 0x8864,
  ethernet: 0x6558,
} as const;
const IP = { icmp: 1, ipv4: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmp6: 58, mpls: 137 } as const;

/**
 * Finds the TCP segment in a captured frame, through link layers, tags, tunnels and fragments, without copying. Checksums are
 * not looked at: what network cards fill in later is wrong in captures.
 *
 * What cannot be followed is counted by kind; nothing is thrown.
 */
export class PacketDecoder {
  /** The segment that was found last; used again for the next. */
  readonly packet: TcpPacket = createTcpPacket();
  readonly counts: PacketCounts = createPacketCounts();
  readonly #vnis: ReadonlySet<number> | undefined;
  readonly #vxlanPorts: readonly number[];
  readonly #genevePorts: readonly number[];
  readonly #fragments: Fragments;
  readonly #greHead: GreHead = { inner: 0, type: 0, vni: -1, erspan: undefined };
  #bytes: Uint8Array = new Uint8Array(0);
  #layers = 0;
  /** The length around may have been cut by whoever mirrored the packet, so that an inner length may exceed it. */
  #mirrored = false;

  constructor(options: PacketDecoderOptions = {}) {
    this.#vnis = options.vnis;
    this.#vxlanPorts = options.vxlanPorts ?? [4789, 4790, 8472];
    this.#genevePorts = options.genevePorts ?? [6081];
    this.#fragments = new Fragments(options.fragments ?? FRAGMENT_LIMITS, (kind) => {
      this.counts.faults[kind]++;
    });
  }

  /**
   * Decodes a frame as it was captured.
   *
   * @returns whether `packet` holds a TCP segment now
   */
  frame(frame: CapturedFrame): boolean {
    const { bytes, start, end } = frame;
    this.#begin(bytes, end - start, frame.micros);
    if (frame.originalBytes > end - start) this.counts.cut++;
    const wireEnd = start + frame.originalBytes;
    switch (frame.linkType) {
      case LINK.ethernet:
        return this.#ethernet(start, end, wireEnd);
      case LINK.linuxCooked:
        if (end - start < 16) return this.#fault('cut_header');
        return this.#etherType(u16be(bytes, start + 14), start + 16, end, wireEnd);
      case LINK.linuxCooked2:
        if (end - start < 20) return this.#fault('cut_header');
        return this.#etherType(u16be(bytes, start), start + 20, end, wireEnd);
      case LINK.raw:
      case LINK.rawBsd:
      case LINK.rawOpenBsd:
      case LINK.ipv4:
      case LINK.ipv6:
        return this.#ip(start, end, wireEnd);
      case LINK.null:
      case LINK.loop:
        return this.#loopback(start, end, wireEnd);
      default:
        return this.#fault('unknown_link');
    }
  }

  /** Decodes the payload of a UDP datagram that came to a VXLAN port (RFC 7348). Returns as `frame` does. */
  vxlan(datagram: Uint8Array, micros: number): boolean {
    this.#begin(datagram, datagram.length, micros);
    return this.#vxlan(0, datagram.length, datagram.length);
  }

  /** Decodes the payload of a UDP datagram that came to a GENEVE port (RFC 8926). Returns as `frame` does. */
  geneve(datagram: Uint8Array, micros: number): boolean {
    this.#begin(datagram, datagram.length, micros);
    return this.#geneve(0, datagram.length, datagram.length);
  }

  #begin(bytes: Uint8Array, length: number, micros: number): void {
    this.counts.packets++;
    this.counts.bytes += length;
    this.#bytes = bytes;
    this.#layers = 0;
    this.#mirrored = false;
    const { packet } = this;
    packet.micros = micros;
    packet.vni = -1;
    packet.network = -1;
    packet.vlan = -1;
  }

  #ethernet(at: number, end: number, wireEnd: number): boolean {
    if (end - at < 14) return this.#fault('cut_header');
    return this.#etherType(u16be(this.#bytes, at + 12), at + 14, end, wireEnd);
  }

  #etherType(type: number, at: number, end: number, wireEnd: number): boolean {
    if (++this.#layers > LAYERS_MAX) return this.#fault('too_deep');
    switch (type) {
      case ETHER.ipv4:
      case ETHER.ipv6:
        return this.#ip(at, end, wireEnd);
      case ETHER.vlan:
      case ETHER.qinq:
      case ETHER.oldQinq:
        if (end - at < 4) return this.#fault('cut_header');
        this.counts.tunnels.vlan++;
        this.packet.vlan = u16be(this.#bytes, at) & 0xfff;
        return this.#etherType(u16be(this.#bytes, at + 2), at + 4, end, wireEnd);
      case ETHER.mpls:
      case ETHER.mplsMulticast:
        return this.#mpls(at, end, wireEnd);
      case ETHER.ethernet:
        return this.#ethernet(at, end, wireEnd);
      case ETHER.pppoe:
        return this.#ppp(at + 6, end, wireEnd);
      default:
        this.counts.notIp++;
        return false;
    }
  }

  /** Address family in four bytes of the capturing machine's order; in network order for `loop`. */
  #loopback(at: number, end: number, wireEnd: number): boolean {
    if (end - at < 4) return this.#fault('cut_header');
    const little = u32le(this.#bytes, at);
    const family = little < 0x10000 ? little : u32be(this.#bytes, at);
    // 2 is IPv4 everywhere; IPv6 has a number of its own on each system.
    if (family === 2 || family === 10 || family === 24 || family === 28 || family === 30)
      return this.#ip(at + 4, end, wireEnd);
    this.counts.notIp++;
    return false;
  }

  /** Labels down to the bottom of the stack (RFC 3032); what is inside shows in its first four bits (RFC 4928 §3). */
  #mpls(at: number, end: number, wireEnd: number): boolean {
    this.counts.tunnels.mpls++;
    for (let i = 0; i < MPLS_LABELS_MAX; i++) {
      if (end - at < 5) return this.#fault('cut_header');
      const bottom = ((this.#bytes[at + 2] as number) & 1) === 1;
      at += 4;
      if (!bottom) continue;
      const nibble = (this.#bytes[at] as number) >> 4;
      if (nibble === 4 || nibble === 6) return this.#ip(at, end, wireEnd);
      // The control word of a pseudowire (RFC 4448 §4.6).
      if (++this.#layers > LAYERS_MAX) return this.#fault('too_deep');
      return this.#ethernet(nibble === 0 ? at + 4 : at, end, wireEnd);
    }
    return this.#fault('too_deep');
  }

  #ppp(at: number, end: number, wireEnd: number): boolean {
    if (end - at < 4) return this.#fault('cut_header');
    if (u16be(this.#bytes, at) === 0xff03) at += 2;
    const protocol = u16be(this.#bytes, at);
    if (protocol === 0x21 || protocol === 0x57) return this.#ip(at + 2, end, wireEnd);
    this.counts.notIp++;
    return false;
  }

  #ip(at: number, end: number, wireEnd: number): boolean {
    if (++this.#layers > LAYERS_MAX) return this.#fault('too_deep');
    if (end - at < 1) return this.#fault('cut_header');
    const version = (this.#bytes[at] as number) >> 4;
    if (version === 4) return this.#ipv4(at, end, wireEnd);
    return version === 6 ? this.#ipv6(at, end, wireEnd) : this.#fault('bad_header');
  }

  #ipv4(at: number, end: number, wireEnd: number): boolean {
    const bytes = this.#bytes;
    if (end - at < 20) return this.#fault('cut_header');
    const headBytes = ((bytes[at] as number) & 15) * 4;
    if (headBytes < 20) return this.#fault('bad_header');
    // 0: the network card cuts the packet later, and its length does not fit (segmentation offload).
    const total = u16be(bytes, at + 2) || wireEnd - at;
    if (total < headBytes) return this.#fault('lying_length');
    const ipEnd = at + total;
    if (ipEnd > wireEnd && !this.#mirrored) return this.#fault('lying_length');
    if (end - at < headBytes) return this.#fault('cut_header');
    const { packet } = this;
    packet.version = 4;
    packet.ipId = u16be(bytes, at + 4);
    packet.source0 = int32be(bytes, at + 12);
    packet.destination0 = int32be(bytes, at + 16);
    packet.source1 = packet.source2 = packet.source3 = 0;
    packet.destination1 = packet.destination2 = packet.destination3 = 0;
    const protocol = bytes[at + 9] as number;
    const fragment = u16be(bytes, at + 6);
    const captured = end < ipEnd ? end : ipEnd;
    if ((fragment & 0x3fff) === 0) return this.#transport(protocol, at + headBytes, captured, ipEnd);
    const offset = (fragment & 0x1fff) * 8;
    const last = (fragment & 0x2000) === 0;
    return this.#fragment(
      protocol,
      u16be(bytes, at + 4),
      offset,
      last,
      at + headBytes,
      captured,
      captured < ipEnd,
    );
  }

  #ipv6(at: number, end: number, wireEnd: number): boolean {
    const bytes = this.#bytes;
    if (end - at < 40) return this.#fault('cut_header');
    // 0: a jumbogram (RFC 2675), or segmentation offload.
    const length = u16be(bytes, at + 4) || wireEnd - at - 40;
    const ipEnd = at + 40 + length;
    if (ipEnd > wireEnd && !this.#mirrored) return this.#fault('lying_length');
    const { packet } = this;
    packet.version = 6;
    packet.ipId = 0;
    packet.source0 = int32be(bytes, at + 8);
    packet.source1 = int32be(bytes, at + 12);
    packet.source2 = int32be(bytes, at + 16);
    packet.source3 = int32be(bytes, at + 20);
    packet.destination0 = int32be(bytes, at + 24);
    packet.destination1 = int32be(bytes, at + 28);
    packet.destination2 = int32be(bytes, at + 32);
    packet.destination3 = int32be(bytes, at + 36);
    return this.#extensions(bytes[at + 6] as number, at + 40, end < ipEnd ? end : ipEnd, ipEnd);
  }

  /** Extension headers (RFC 8200 §4): hop-by-hop, routing, destination options, mobility, HIP, shim6, authentication. */
  #extensions(protocol: number, at: number, end: number, ipEnd: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i <= IPV6_EXTENSIONS_MAX; i++) {
      const fragment = protocol === 44;
      const authentication = protocol === 51;
      if (!fragment && !authentication && !isExtension(protocol))
        return this.#transport(protocol, at, end, ipEnd);
      if (end - at < 8) return this.#fault(end < ipEnd ? 'cut_header' : 'lying_length');
      const next = bytes[at] as number;
      if (fragment) {
        const field = u16be(bytes, at + 2);
        // A fragment that is everything (RFC 6946).
        if ((field & 0xfff9) !== 0) {
          const last = (field & 1) === 0;
          return this.#fragment(next, int32be(bytes, at + 4), field & 0xfff8, last, at + 8, end, end < ipEnd);
        }
        at += 8;
      } else {
        const units = bytes[at + 1] as number;
        at += authentication ? (units + 2) * 4 : (units + 1) * 8;
      }
      if (at > end) return this.#fault(at > ipEnd ? 'lying_length' : 'cut_header');
      protocol = next;
    }
    return this.#fault('too_deep');
  }

  #fragment(
    protocol: number,
    id: number,
    offset: number,
    last: boolean,
    at: number,
    end: number,
    cut: boolean,
  ): boolean {
    this.counts.fragments++;
    const { packet } = this;
    const from = `${packet.source0},${packet.source1},${packet.source2},${packet.source3}`;
    const to = `${packet.destination0},${packet.destination1},${packet.destination2},${packet.destination3}`;
    const key = `${packet.vni},${from},${to},${id},${protocol}`;
    if (cut) {
      this.#fragments.spoil(key);
      return false;
    }
    const whole = this.#fragments.add(key, offset, last, this.#bytes.subarray(at, end), packet.micros);
    if (whole === undefined) return false;
    this.#bytes = whole;
    return this.#transport(protocol, 0, whole.length, whole.length);
  }

  #transport(protocol: number, at: number, end: number, ipEnd: number): boolean {
    switch (protocol) {
      case IP.tcp:
        return this.#tcp(at, end, ipEnd);
      case IP.udp:
        return this.#udp(at, end, ipEnd);
      case IP.gre:
        return this.#gre(at, end, ipEnd);
      case IP.ipv4:
      case IP.ipv6:
        this.counts.tunnels.ip_in_ip++;
        return this.#ip(at, end, ipEnd);
      case IP.mpls:
        return this.#mpls(at, end, ipEnd);
      case IP.icmp:
      case IP.icmp6:
        this.counts.icmp++;
        return false;
      default:
        this.counts.otherIp++;
        return false;
    }
  }

  #tcp(at: number, end: number, ipEnd: number): boolean {
    const bytes = this.#bytes;
    if (end - at < 20) return this.#fault(end < ipEnd ? 'cut_header' : 'lying_length');
    const headBytes = ((bytes[at + 12] as number) >> 4) * 4;
    if (headBytes < 20) return this.#fault('bad_header');
    const payload = at + headBytes;
    if (payload > ipEnd) return this.#fault('lying_length');
    this.counts.tcp++;
    const { packet } = this;
    packet.sourcePort = u16be(bytes, at);
    packet.destinationPort = u16be(bytes, at + 2);
    packet.seq = int32be(bytes, at + 4);
    packet.ack = int32be(bytes, at + 8);
    packet.flags = bytes[at + 13] as number;
    packet.window = u16be(bytes, at + 14);
    packet.checksum = u16be(bytes, at + 16);
    packet.bytes = bytes;
    // Where the capture ends within the options there is no payload, and how much is missing is known.
    packet.payloadStart = payload < end ? payload : end;
    packet.payloadEnd = end;
    packet.payloadBytes = ipEnd - payload;
    return true;
  }

  #udp(at: number, end: number, ipEnd: number): boolean {
    if (end - at < 8) return this.#fault(end < ipEnd ? 'cut_header' : 'lying_length');
    this.counts.udp++;
    const port = u16be(this.#bytes, at + 2);
    if (this.#vxlanPorts.includes(port)) return this.#vxlan(at + 8, end, ipEnd);
    if (this.#genevePorts.includes(port)) return this.#geneve(at + 8, end, ipEnd);
    return false;
  }

  #vxlan(at: number, end: number, wireEnd: number): boolean {
    if (end - at < 8) return this.#fault('cut_header');
    const flags = this.#bytes[at] as number;
    // Without the flag the identifier is not valid (RFC 7348 §5).
    if ((flags & 0x08) === 0) return this.#fault('bad_header');
    this.counts.tunnels.vxlan++;
    if (!this.#admit(u24be(this.#bytes, at + 4))) return false;
    // VXLAN-GPE says what is inside (draft-ietf-nvo3-vxlan-gpe §3).
    const next = (flags & 0x04) === 0 ? 3 : this.#bytes[at + 3];
    if (next === 3) return this.#inside(ETHER.ethernet, at + 8, end, wireEnd);
    if (next === 1 || next === 2) return this.#inside(ETHER.ipv4, at + 8, end, wireEnd);
    this.counts.notIp++;
    return false;
  }

  #geneve(at: number, end: number, wireEnd: number): boolean {
    if (end - at < 8) return this.#fault('cut_header');
    const first = this.#bytes[at] as number;
    if (first >> 6 !== 0) return this.#fault('bad_header');
    const inner = at + 8 + (first & 0x3f) * 4;
    if (inner > end) return this.#fault(inner > wireEnd ? 'lying_length' : 'cut_header');
    this.counts.tunnels.geneve++;
    if (!this.#admit(u24be(this.#bytes, at + 4))) return false;
    return this.#inside(u16be(this.#bytes, at + 2), inner, end, wireEnd);
  }

  #gre(at: number, end: number, wireEnd: number): boolean {
    const head = this.#greHead;
    const fault = readGre(this.#bytes, at, end, head);
    if (fault !== undefined) return this.#fault(fault);
    const { type, inner, vni, erspan } = head;
    this.counts.tunnels.gre++;
    if (erspan !== undefined) this.counts.tunnels[erspan]++;
    if (vni >= 0) this.packet.vni = vni;
    if (vni >= 0 && erspan === undefined) this.packet.network = vni;
    if (type === 'nothing') {
      this.counts.notIp++;
      return false;
    }
    if (type !== 'ppp') return this.#inside(type, inner, end, wireEnd);
    this.#mirrored = true;
    return this.#ppp(inner, end, wireEnd);
  }

  /** Mirrors cut what does not fit into the tunnel, and only the inner lengths tell how much. */
  #inside(type: number, at: number, end: number, wireEnd: number): boolean {
    this.#mirrored = true;
    return this.#etherType(type, at, end, wireEnd);
  }

  #admit(vni: number): boolean {
    this.packet.vni = vni;
    this.packet.network = vni;
    return this.#vnis === undefined || this.#vnis.has(vni) || this.#fault('vni_refused');
  }

  #fault(kind: PacketFault): false {
    this.counts.faults[kind]++;
    return false;
  }
}

function isExtension(protocol: number): boolean {
  return (
    protocol === 0 ||
    protocol === 43 ||
    protocol === 60 ||
    protocol === 135 ||
    protocol === 139 ||
    protocol === 140
  );
}
