import type { TcpPacket } from '../packet/packet.ts';

/** Packets that are remembered; at 400,000 packets/s those of a sixth of a second. 256 KiB. */
const REMEMBERED = 65_536;

/**
 * Tells a packet that was captured at two places from bytes that were sent again: the same packet has the same IP identification
 * wherever it is seen, and whoever sends again takes the next one (RFC 6864 §4.3). Without one (IPv6, or 0) the TCP checksum stands
 * in, which covers the timestamps of the sender.
 */
export class RecentPackets {
  /** By a part of the fingerprint: the rest of it. A packet that comes into the place of another is remembered instead. */
  readonly #seen = new Int32Array(REMEMBERED);

  /** Whether this very packet was seen a while ago; it is remembered. @param hash of its connection */
  repeats(packet: TcpPacket, hash: number): boolean {
    const mark = packet.ipId === 0 ? packet.checksum ^ (packet.window << 16) : packet.ipId | 0x40000000;
    let print = Math.imul(hash ^ packet.seq, 0x85ebca6b) ^ Math.imul(mark ^ packet.ack, 0xc2b2ae35);
    print = Math.imul(print ^ (print >>> 15) ^ packet.sourcePort, 0x9e3779b1) ^ packet.payloadBytes;
    print ^= print >>> 13;
    // 0 is what nothing has.
    if (print === 0) print = 1;
    const place = (print ^ (print >>> 16)) & (REMEMBERED - 1);
    if (this.#seen[place] === print) return true;
    this.#seen[place] = print;
    return false;
  }
}
