import { mapIp, parseIp } from '../../kit/ip.ts';
import { TCP_FLAG } from './packet.ts';

/** One side of a connection. `ip` is a text of an IPv4 or IPv6 address. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** What a TCP segment says; the numbers may be any integers, they wrap around. */
export interface EncodedSegment {
  readonly seq: number;
  readonly ack: number;
  /** See `TCP_FLAG`. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const PROTOCOL_TCP = 6;
const HOPS = 64;
const WINDOW = 65_535;
/** Most that goes into one segment, bytes: a whole record of TLS. */
const SEGMENT_BYTES_MAX = 16 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * An Ethernet frame with a TCP segment in IPv4 (RFC 791) or IPv6 (RFC 8200), with checksums that are right (RFC 1071, RFC 9293
 * §3.1). Where one address is IPv4 and the other IPv6, both are IPv6.
 *
 * @throws RangeError where an address is none, or the payload too long for a packet
 */
export function encodeTcpFrame(from: Endpoint, to: Endpoint, segment: EncodedSegment): Uint8Array {
  const [source, destination] = addressesOf(from, to);
  return frameOf(from.port, source, to.port, destination, segment);
}

function frameOf(
  fromPort: number,
  source: Uint8Array,
  toPort: number,
  destination: Uint8Array,
  segment: EncodedSegment,
): Uint8Array {
  const isIpv4 = source.length === 4;
  const tcpAt = ETHERNET_BYTES + (isIpv4 ? IPV4_BYTES : IPV6_BYTES);
  const tcpBytes = TCP_BYTES + segment.payload.length;
  if (tcpBytes > 65_535 - IPV4_BYTES) throw new RangeError(`a segment of ${tcpBytes} bytes`);
  const frame = Buffer.alloc(tcpAt + tcpBytes);
  // Addresses of hardware are made up: locally administered, and told from each other.
  frame[0] = frame[6] = 2;
  frame[5] = toPort < fromPort ? 2 : 1;
  frame[11] = toPort < fromPort ? 1 : 2;
  frame.writeUInt16BE(isIpv4 ? 0x0800 : 0x86dd, 12);
  const addressesAt = tcpAt - 2 * source.length;
  frame.set(source, addressesAt);
  frame.set(destination, addressesAt + source.length);
  if (isIpv4) {
    frame[14] = 0x45;
    frame.writeUInt16BE(IPV4_BYTES + tcpBytes, 16);
    // Not to be fragmented, so that no identification is needed (RFC 6864 §4.1).
    frame.writeUInt16BE(0x4000, 20);
    frame[22] = HOPS;
    frame[23] = PROTOCOL_TCP;
    frame.writeUInt16BE(checksum(frame, 14, tcpAt, 0), 24);
  } else {
    frame[14] = 0x60;
    frame.writeUInt16BE(tcpBytes, 18);
    frame[20] = PROTOCOL_TCP;
    frame[21] = HOPS;
  }
  frame.writeUInt16BE(fromPort, tcpAt);
  frame.writeUInt16BE(toPort, tcpAt + 2);
  frame.writeUInt32BE(segment.seq >>> 0, tcpAt + 4);
  frame.writeUInt32BE(segment.ack >>> 0, tcpAt + 8);
  frame[tcpAt + 12] = (TCP_BYTES / 4) << 4;
  frame[tcpAt + 13] = segment.flags;
  frame.writeUInt16BE(WINDOW, tcpAt + 14);
  frame.set(segment.payload, tcpAt + TCP_BYTES);
  // The pseudo header is the addresses, which stand before the segment in both versions, the protocol and the length.
  const sum = checksum(frame, addressesAt, frame.length, PROTOCOL_TCP + tcpBytes);
  frame.writeUInt16BE(sum, tcpAt + 16);
  return frame;
}

/** 0 is the client's side, 1 the server's. */
export type Side = 0 | 1;

/**
 * A TCP connection that carries given bytes, as frames that any reader of captures can put together: handshake, data that is
 * acknowledged at once, ends. For bytes that never were on a wire as they are, such as what was decrypted.
 */
export class TcpConversation {
  readonly #ports: readonly [number, number];
  readonly #addresses: readonly [Uint8Array, Uint8Array];
  readonly #emit: (frame: Uint8Array, micros: number) => void;
  readonly #next: [number, number];
  readonly #ended: [boolean, boolean] = [false, false];

  /**
   * Begins with a handshake.
   *
   * @param micros when, microseconds since the epoch; sequence numbers begin by it (RFC 9293 §3.4.1), so that a connection
   *   between the same ports later on is told from this one
   * @param emit takes the frames
   * @throws RangeError where an address is none
   */
  constructor(
    client: Endpoint,
    server: Endpoint,
    micros: number,
    emit: (frame: Uint8Array, micros: number) => void,
  ) {
    this.#ports = [client.port, server.port];
    this.#addresses = addressesOf(client, server);
    this.#emit = emit;
    const first = Math.floor(micros / 4) % 2 ** 32;
    this.#next = [first, first];
    this.#send(0, TCP_FLAG.syn, NOTHING, micros);
    this.#send(1, TCP_FLAG.syn | TCP_FLAG.ack, NOTHING, micros);
    this.#send(0, TCP_FLAG.ack, NOTHING, micros);
  }

  /** Bytes of one side, any number of them. After its end they are left out. */
  data(side: Side, bytes: Uint8Array, micros: number): void {
    if (this.#ended[side] || bytes.length === 0) return;
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES_MAX) {
      const piece = bytes.subarray(at, at + SEGMENT_BYTES_MAX);
      this.#send(side, TCP_FLAG.ack | TCP_FLAG.psh, piece, micros);
    }
    this.#send(side === 0 ? 1 : 0, TCP_FLAG.ack, NOTHING, micros);
  }

  /** Bytes of one side that are not known: a reader sees how many are missing. */
  gap(side: Side, bytes: number): void {
    if (!this.#ended[side]) this.#next[side] += bytes;
  }

  /** One side has finished sending. */
  end(side: Side, micros: number): void {
    if (this.#ended[side]) return;
    this.#send(side, TCP_FLAG.fin | TCP_FLAG.ack, NOTHING, micros);
    this.#ended[side] = true;
    this.#send(side === 0 ? 1 : 0, TCP_FLAG.ack, NOTHING, micros);
  }

  /** Both sides have, or nobody knows better. */
  close(micros: number): void {
    this.end(0, micros);
    this.end(1, micros);
  }

  #send(side: Side, flags: number, payload: Uint8Array, micros: number): void {
    const other = side === 0 ? 1 : 0;
    const acknowledges = (flags & TCP_FLAG.ack) !== 0;
    const segment = { seq: this.#next[side], ack: acknowledges ? this.#next[other] : 0, flags, payload };
    const [from, to] = [this.#addresses[side], this.#addresses[other]];
    this.#emit(frameOf(this.#ports[side], from, this.#ports[other], to, segment), micros);
    this.#next[side] += payload.length + ((flags & (TCP_FLAG.syn | TCP_FLAG.fin)) === 0 ? 0 : 1);
  }
}

/** Both of the same version. */
function addressesOf(from: Endpoint, to: Endpoint): readonly [Uint8Array, Uint8Array] {
  const source = addressOf(from.ip);
  const destination = addressOf(to.ip);
  return source.length === destination.length ? [source, destination] : [mapIp(source), mapIp(destination)];
}

function addressOf(ip: string): Uint8Array {
  const bytes = parseIp(ip);
  if (bytes === undefined) throw new RangeError(`not an IP address: ${ip}`);
  return bytes;
}

/** The Internet checksum of `bytes[at, end)` and what was added before (RFC 1071). */
function checksum(bytes: Uint8Array, at: number, end: number, before: number): number {
  let sum = before;
  for (let i = at; i < end; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  // 64 KiB of the largest words are less than 2³²: one fold does not do, two always do.
  sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
