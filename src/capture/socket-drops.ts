import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { parseIp } from '../kit/ip.ts';

/**
 * Datagrams that the kernel has dropped because the receive buffers of the UDP sockets at this address were full, over all of
 * them since they were opened (`drops` of proc_net_udp).
 *
 * @returns undefined where the kernel does not tell
 */
export async function socketDrops(ip: string, port: number): Promise<number | undefined> {
  const file = `/proc/thread-self/net/${ip.includes(':') ? 'udp6' : 'udp'}`;
  const table = await readFile(file, 'latin1').catch(() => undefined);
  return table === undefined ? undefined : dropsIn(table, ip, port);
}

/** The sum of the last column over the lines of an address. */
export function dropsIn(table: string, ip: string, port: number): number {
  const address = `${hexOf(ip)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops = 0;
  for (const line of table.split('\n')) {
    if (!line.includes(address)) continue;
    const fields = line.trim().split(/\s+/);
    if (fields[1] === address) drops += Number(fields.at(-1)) || 0;
  }
  return drops;
}

/** As the kernel prints addresses: words of four bytes in the order of the machine. */
function hexOf(ip: string): string {
  const bytes = Buffer.from(parseIp(ip) ?? []);
  if (endianness() === 'LE') bytes.swap32();
  return bytes.toString('hex').toUpperCase();
}
