import { isIPv4, isIPv6 } from 'node:net';

/**
 * The bytes of an IP address in text form (RFC 4291 §2.2, dotted IPv4 tail included), in network order: 4 for IPv4, 16
 * for IPv6. Undefined for everything else, also for addresses with a zone (`fe80::1%eth0`).
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const bytes = new Uint8Array(16);
  bytes.set(before, 0);
  bytes.set(after, 16 - after.length);
  return bytes;
}

/** The text form of 4 or 16 bytes: dotted for IPv4, RFC 5952 for IPv6. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const zeroes = longestZeroRun(groups);
  if (zeroes.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeroes.start))}::${hex(groups.slice(zeroes.start + zeroes.length))}`;
}

/** The 4 bytes of an IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`), as dual-stack sockets give it. */
export function unmapIp(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** The 16 bytes of an address: an IPv4 one becomes `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
export function mapIp(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped[10] = 0xff;
  mapped[11] = 0xff;
  mapped.set(bytes, 12);
  return mapped;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}
