import { zeroCounts } from '../../kit/counts.ts';

/**
 * One TCP segment of a captured packet: what `PacketDecoder` fills in and `TcpReassembler` reads. One object is used again for
 * every packet, so it is valid until the next one is decoded.
 *
 * Addresses are four words in network order as signed 32-bit integers; an IPv4 address is in the first, the others are 0. With
 * encapsulation they are the innermost ones.
 */
export interface TcpPacket {
  micros: number;
  version: 4 | 6;
  source0: number;
  source1: number;
  source2: number;
  source3: number;
  destination0: number;
  destination1: number;
  destination2: number;
  destination3: number;
  sourcePort: number;
  destinationPort: number;
  /** Sequence and acknowledgement numbers as signed 32-bit integers: compare by difference. */
  seq: number;
  ack: number;
  /** See `TCP_FLAG`. */
  flags: number;
  window: number;
  /** Identification of the IPv4 header, 0 in IPv6; and the TCP checksum, right or wrong. */
  ipId: number;
  checksum: number;
  /** The captured payload is `bytes[payloadStart, payloadEnd)`. */
  bytes: Uint8Array;
  payloadStart: number;
  payloadEnd: number;
  /** Payload on the network, bytes; more than was captured where a snap length has cut it. */
  payloadBytes: number;
  /** Innermost network identifier of VXLAN, GENEVE or NVGRE, session of ERSPAN; -1 without. */
  vni: number;
  /**
   * The network that the addresses belong to: the identifier of VXLAN, GENEVE or NVGRE; -1 without. The same addresses in two of
   * them are two connections. Sessions of ERSPAN and VLANs are no networks here: each direction may come with another.
   */
  network: number;
  /** Innermost VLAN id; -1 without. */
  vlan: number;
}

export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/**
 * Why a packet, or a part of it, was not used.
 * - `unknown_link`: a link type that is not known
 * - `cut_header`: the captured bytes end within a header
 * - `lying_length`: a length that contradicts the packet around it
 * - `bad_header`: a header that cannot be what it is said to be
 * - `too_deep`: more layers in each other than are followed
 * - `vni_refused`: a network identifier that is not on the list
 * - `fragment_cut`, `fragment_overlap`, `fragment_expired`, `fragment_limit`: a datagram that could not be put together: a
 *   fragment was cut by a snap length, two contradict each other, one is missing, or there were too many at once
 */
export const PACKET_FAULTS = [
  'unknown_link',
  'cut_header',
  'lying_length',
  'bad_header',
  'too_deep',
  'vni_refused',
  'fragment_cut',
  'fragment_overlap',
  'fragment_expired',
  'fragment_limit',
] as const;
export type PacketFault = (typeof PACKET_FAULTS)[number];

/** What was found around and inside of packets. A packet can count for several tunnels, and for one of the rest. */
export const TUNNELS = [
  'vxlan',
  'geneve',
  'gre',
  'erspan1',
  'erspan2',
  'erspan3',
  'ip_in_ip',
  'mpls',
  'vlan',
] as const;
export type Tunnel = (typeof TUNNELS)[number];

export interface PacketCounts {
  packets: number;
  bytes: number;
  /** Packets whose capture is shorter than they were. */
  cut: number;
  tcp: number;
  udp: number;
  icmp: number;
  /** Other protocols in IP, and what is no IP at all. */
  otherIp: number;
  notIp: number;
  fragments: number;
  readonly tunnels: Record<Tunnel, number>;
  readonly faults: Record<PacketFault, number>;
}

export function createTcpPacket(): TcpPacket {
  return {
    micros: 0,
    version: 4,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    destination0: 0,
    destination1: 0,
    destination2: 0,
    destination3: 0,
    sourcePort: 0,
    destinationPort: 0,
    seq: 0,
    ack: 0,
    flags: 0,
    window: 0,
    ipId: 0,
    checksum: 0,
    bytes: new Uint8Array(0),
    payloadStart: 0,
    payloadEnd: 0,
    payloadBytes: 0,
    vni: -1,
    network: -1,
    vlan: -1,
  };
}

export function createPacketCounts(): PacketCounts {
  return {
    packets: 0,
    bytes: 0,
    cut: 0,
    tcp: 0,
    udp: 0,
    icmp: 0,
    otherIp: 0,
    notIp: 0,
    fragments: 0,
    tunnels: zeroCounts(TUNNELS),
    faults: zeroCounts(PACKET_FAULTS),
  };
}
