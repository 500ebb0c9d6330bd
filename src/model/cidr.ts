import { UserError } from '../kit/errors.ts';
import { formatIp, parseIp, unmapIp } from '../kit/ip.ts';

/** A network: its first address (4 or 16 bytes) and the length of its prefix in bits. IPv4-mapped ones are IPv4 here. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/**
 * Reads `10.0.0.0/8`, `fd00::/8`, or one address (`10.1.2.3`, `::1`).
 *
 * @throws UserError when it is no network, or has bits set behind its prefix
 */
export function parseCidr(text: string): Network {
  const slash = text.indexOf('/');
  const written = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (written === undefined) throw invalid(text);
  const bytes = unmapIp(written);
  const digits = slash < 0 ? String(written.length * 8) : text.slice(slash + 1);
  const prefix = Number(digits) - (written.length - bytes.length) * 8;
  if (!/^\d{1,3}$/.test(digits) || prefix < 0 || prefix > bytes.length * 8) throw invalid(text);
  const first = bytes.map((byte, index) => byte & maskByte(prefix, index));
  if (!first.every((byte, index) => byte === bytes[index])) {
    throw new UserError(`"${text}" has bits set behind its prefix`, {
      code: 'config',
      hint: `write ${formatIp(first)}/${prefix} for the network, or the address alone`,
    });
  }
  return { bytes: first, prefix };
}

/**
 * A test whether an address, in text form, is in any of the networks. IPv4 addresses match IPv4 networks however the
 * socket wrote them (`10.1.2.3` or `::ffff:10.1.2.3`). Text that is no address is in none.
 *
 * @throws UserError as `parseCidr` does
 */
export function compileCidrs(cidrs: readonly string[]): (ip: string) => boolean {
  const networks = cidrs.map(parseCidr);
  const bases: number[] = [];
  const masks: number[] = [];
  for (const { bytes, prefix } of networks.filter((network) => network.bytes.length === 4)) {
    bases.push(toInteger(bytes));
    // A shift by 32 is a shift by 0 in JavaScript.
    masks.push(prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0);
  }
  const onlyIpv4 = bases.length === networks.length;

  return (ip) => {
    const address = readIpv4(ip);
    if (address >= 0) {
      for (let i = 0; i < bases.length; i++) if ((address & (masks[i] ?? 0)) >>> 0 === bases[i]) return true;
      return false;
    }
    if (onlyIpv4 && !mayBeMapped(ip)) return false;
    const written = parseIp(ip);
    if (written === undefined) return false;
    const bytes = unmapIp(written);
    return networks.some((network) => contains(network, bytes));
  };
}

/** Length of `::ffff:`, with which dual-stack sockets begin an IPv4 address. */
const MAPPED_LENGTH = 7;

/** The 32 bits of an IPv4 address, -1 for other text. Reads characters: this runs for every request. */
function readIpv4(ip: string): number {
  let address = 0;
  let byte = -1;
  let dots = 0;
  for (let i = ip.startsWith('::ffff:') ? MAPPED_LENGTH : 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === 46) {
      if (byte < 0 || ++dots > 3) return -1;
      address = address * 256 + byte;
      byte = -1;
    } else if (code >= 48 && code <= 57) {
      byte = (byte < 0 ? 0 : byte * 10) + code - 48;
      if (byte > 255) return -1;
    } else {
      return -1;
    }
  }
  return dots === 3 && byte >= 0 ? address * 256 + byte : -1;
}

/** Whether text could be an unusual spelling of an IPv4-mapped address (`::FFFF:a01:203`, `0:0:0:0:0:ffff:10.1.2.3`). */
function mayBeMapped(ip: string): boolean {
  return ip.startsWith(':') || ip.startsWith('0');
}

function contains(network: Network, bytes: Uint8Array): boolean {
  if (bytes.length !== network.bytes.length) return false;
  for (let i = 0; i * 8 < network.prefix; i++) {
    if (((bytes[i] ?? 0) & maskByte(network.prefix, i)) !== network.bytes[i]) return false;
  }
  return true;
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function toInteger(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function invalid(text: string): UserError {
  return new UserError(`"${text}" is not a network`, {
    code: 'config',
    hint: 'write it like 10.0.0.0/8 or fd00::/8',
  });
}
