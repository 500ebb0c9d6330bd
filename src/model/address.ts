import { isIPv6 } from 'node:net';
import type { Address } from './settings.ts';

/** `host:port`, `[ip6]:port` or `unix:/path`. */
export function addressText(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether only programs on this machine can reach it. A Unix socket counts: its file's permissions guard it. */
export function isLocal(address: Address): boolean {
  return address.kind === 'unix' || isLoopbackHost(address.host);
}

/** Whether a host, without port and brackets, is loopback: `localhost`, 127.0.0.0/8 (also mapped into IPv6) or `::1`. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(name)
  );
}
