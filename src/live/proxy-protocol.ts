import { crc32c } from '../kit/crc32c.ts';
import { formatIp, mapIp, parseIp, unmapIp } from '../kit/ip.ts';
import type { SocketEnd } from '../model/exchange.ts';

// PROXY protocol versions 1 and 2, after proxy-protocol.txt of HAProxy (section numbers below).

/** Longest version 1 line, CRLF included (2.1). */
const V1_MAX = 107;
const V1_PREFIX = Buffer.from('PROXY ');
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED = 16;
/** Most that may follow the fixed part of a version 2 header: addresses and TLVs. The format would allow 64 KiB. */
const V2_REST_MAX = 4096;

const CR = 13;
const LF = 10;
const LOCAL = 0;
const PROXY = 1;
const INET = 1;
const INET6 = 2;
const UNIX = 3;
const STREAM = 1;
const DGRAM = 2;
const TLV_CRC32C = 3;

export type ProxyHeader =
  /** Valid so far; call again with these bytes and more. */
  | { readonly kind: 'more' }
  | {
      readonly kind: 'header';
      /** Length of the header; what follows is the client's. */
      readonly bytes: number;
      /** The client as the proxy saw it; undefined when the proxy does not say: then the socket's own address counts. */
      readonly source?: SocketEnd;
      readonly destination?: SocketEnd;
      /** LOCAL: the proxy's own connection, mostly a health check; HAProxy also marks clients of its Unix sockets so. */
      readonly local: boolean;
    }
  | { readonly kind: 'invalid'; readonly reason: string };

interface ProxiedEnds {
  readonly source: SocketEnd;
  readonly destination: SocketEnd;
}

const MORE: ProxyHeader = { kind: 'more' };
const UNIX_END: SocketEnd = { ip: '', port: 0 };

/**
 * Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection. An IPv4 address that came as an
 * IPv6 one (`::ffff:10.0.0.1`) is given as IPv4.
 *
 * @param bytes everything received so far; at most 4112 bytes are looked at
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (startsAlike(bytes, V2_SIGNATURE)) return bytes.length < V2_FIXED ? MORE : parseV2(bytes);
  if (startsAlike(bytes, V1_PREFIX)) return parseV1(bytes);
  return invalid('not a PROXY protocol header');
}

/**
 * Writes a PROXY protocol header. Where both ends are IPv4, or IPv4 written as IPv6, it speaks of IPv4, otherwise of
 * IPv6; a Unix socket's end has no address and is sent as unknown.
 */
export function encodeProxyHeader(version: 'v1' | 'v2', { source, destination }: ProxiedEnds): Buffer {
  let from = addressOf(source);
  let to = addressOf(destination);
  if (from === undefined || to === undefined) {
    // LOCAL is what HAProxy writes here: every receiver has to take it, while it refuses PROXY without a family.
    return version === 'v1' ? Buffer.from('PROXY UNKNOWN\r\n') : v2Header(LOCAL, 0, Buffer.alloc(0));
  }
  if (from.length !== to.length) [from, to] = [mapIp(from), mapIp(to)];
  const inet = from.length === 4;
  if (version === 'v1') {
    const protocol = inet ? 'TCP4' : 'TCP6';
    const ends = `${formatIp(from)} ${formatIp(to)} ${source.port} ${destination.port}`;
    return Buffer.from(`PROXY ${protocol} ${ends}\r\n`, 'latin1');
  }
  const ports = Buffer.allocUnsafe(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return v2Header(PROXY, ((inet ? INET : INET6) << 4) | STREAM, Buffer.concat([from, to, ports]));
}

function v2Header(command: number, family: number, rest: Buffer): Buffer {
  const fixed = Buffer.allocUnsafe(V2_FIXED);
  V2_SIGNATURE.copy(fixed);
  fixed[12] = 0x20 | command;
  fixed[13] = family;
  fixed.writeUInt16BE(rest.length, 14);
  return Buffer.concat([fixed, rest]);
}

function addressOf(end: SocketEnd): Uint8Array | undefined {
  const bytes = parseIp(end.ip);
  return bytes === undefined ? undefined : unmapIp(bytes);
}

/** 2.1: one line of at most 107 bytes, fields parted by exactly one space. */
function parseV1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX).indexOf(LF);
  if (end < 0) return bytes.length >= V1_MAX ? invalid('v1 line too long') : MORE;
  if (bytes[end - 1] !== CR) return invalid('v1 line does not end with CRLF');
  // Latin-1, so that no byte sequence turns into another character.
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end - 1).toString('latin1');
  const [, protocol, ...fields] = line.split(' ');
  // Whatever stands behind UNKNOWN is to be ignored.
  if (protocol === 'UNKNOWN') return { kind: 'header', bytes: end + 1, local: false };
  const [from = '', to = '', fromPort = '', toPort = '', extra] = fields;
  const size = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 16 : 0;
  if (size === 0) return invalid('v1 protocol is none of TCP4, TCP6, UNKNOWN');
  const source = v1End(from, fromPort, size);
  const destination = v1End(to, toPort, size);
  if (source === undefined || destination === undefined || extra !== undefined)
    return invalid('v1 address or port');
  return { kind: 'header', bytes: end + 1, source, destination, local: false };
}

function v1End(address: string, port: string, size: number): SocketEnd | undefined {
  const bytes = parseIp(address);
  if (bytes?.length !== size || !/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 0xffff) return undefined;
  return { ip: formatIp(unmapIp(bytes)), port: Number(port) };
}

/** 2.2: a fixed part of 16 bytes, addresses, then TLVs. */
function parseV2(bytes: Uint8Array): ProxyHeader {
  const version = byteAt(bytes, 12) >> 4;
  const command = byteAt(bytes, 12) & 15;
  const family = byteAt(bytes, 13) >> 4;
  const transport = byteAt(bytes, 13) & 15;
  const restLength = uint16(bytes, 14);
  if (version !== 2) return invalid('v2 version');
  if (command > PROXY) return invalid('v2 command');
  // The block of a LOCAL header is discarded, its family included.
  if (command !== LOCAL && (family > UNIX || transport > DGRAM)) return invalid('v2 family or transport');
  if (restLength > V2_REST_MAX) return invalid('v2 header too long');
  if (bytes.length < V2_FIXED + restLength) return MORE;
  const header = bytes.subarray(0, V2_FIXED + restLength);
  // A datagram cannot have come over this connection; like an unspecified family it says nothing of its ends.
  if (command === LOCAL || family === 0 || transport !== STREAM) {
    return { kind: 'header', bytes: header.length, local: command === LOCAL };
  }
  const size = family === INET ? 4 : family === INET6 ? 16 : 108;
  const tlvs = V2_FIXED + 2 * size + (family === UNIX ? 0 : 4);
  if (header.length < tlvs) return invalid('v2 address block too short');
  const problem = checkTlvs(header, tlvs);
  if (problem !== undefined) return invalid(problem);
  const ends = family === UNIX ? { source: UNIX_END, destination: UNIX_END } : v2Ends(header, size);
  return { kind: 'header', bytes: header.length, ...ends, local: false };
}

function v2Ends(header: Uint8Array, size: number): ProxiedEnds {
  const to = V2_FIXED + size;
  const ports = to + size;
  return {
    source: { ip: formatIp(unmapIp(header.subarray(V2_FIXED, to))), port: uint16(header, ports) },
    destination: { ip: formatIp(unmapIp(header.subarray(to, ports))), port: uint16(header, ports + 2) },
  };
}

/** Type-length-value records: ignored but for their lengths and the checksum (2.2.3), which has to be right. */
function checkTlvs(header: Uint8Array, start: number): string | undefined {
  let checksumAt = 0;
  for (let at = start; at < header.length;) {
    const valueAt = at + 3;
    if (valueAt > header.length) return 'v2 TLV cut off';
    const next = valueAt + uint16(header, at + 1);
    if (next > header.length) return 'v2 TLV cut off';
    if (header[at] === TLV_CRC32C) {
      // One is checked; a header full of them would be work for nothing.
      if (next - valueAt !== 4 || checksumAt !== 0) return 'v2 checksum of wrong length or twice';
      checksumAt = valueAt;
    }
    at = next;
  }
  return checksumAt === 0 || checksumHolds(header, checksumAt) ? undefined : 'v2 checksum';
}

function checksumHolds(header: Uint8Array, at: number): boolean {
  const zeroed = Buffer.from(header);
  const expected = zeroed.readUInt32BE(at);
  zeroed.fill(0, at, at + 4);
  return crc32c(zeroed) === expected;
}

/** Whether the bytes begin with `prefix`, or may when more of them come. */
function startsAlike(bytes: Uint8Array, prefix: Uint8Array): boolean {
  const length = Math.min(bytes.length, prefix.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function uint16(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

function invalid(reason: string): ProxyHeader {
  return { kind: 'invalid', reason };
}
