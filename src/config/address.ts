import { isIPv4, isIPv6 } from 'node:net';
import { UserError } from '../kit/errors.ts';
import type { Address, Endpoint } from '../model/settings.ts';

const ADDRESS_HINT = 'write it like 127.0.0.1:8080, 0.0.0.0:8080, [::]:8080 or unix:/run/x.sock';
const URL_HINT =
  'write it like http://orders:3000, https://orders:3443, h2c://orders:3000 or unix:/run/orders.sock';

/** Longest path of a Unix socket, bytes (`sun_path` of sockaddr_un, less its zero). */
const MAX_SOCKET_PATH_BYTES = 107;

/** Ports of URLs that name none. */
const DEFAULT_PORTS = { http: 80, h2c: 80, https: 443 } as const;

/**
 * Reads where to listen: `host:port`, `[ip6]:port`, `:port` (every IPv4 interface) or `unix:/path`. Port 0 takes any
 * free one.
 *
 * @throws UserError
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return unixAddress(text);
  if (text.includes('://')) throw mistake(`"${text}" is a URL, an address is wanted`, ADDRESS_HINT);
  if (/^\d+$/.test(text)) {
    throw mistake(
      `"${text}" has no host`,
      `write :${text} for every interface, 127.0.0.1:${text} for this machine`,
    );
  }
  const address = hostAndPort(
    text.startsWith(':') && !text.startsWith('::') ? `0.0.0.0${text}` : text,
    ADDRESS_HINT,
  );
  if (address.port === undefined) throw mistake(`"${text}" has no port`, ADDRESS_HINT);
  return { kind: 'tcp', host: address.host, port: address.port };
}

/**
 * Reads where bytes go: `http://host:port`, `https://host:port`, `h2c://host:port` or `unix:/path`.
 *
 * @throws UserError
 */
export function parseEndpoint(url: string): Endpoint {
  if (url.startsWith('unix:')) return { url, address: unixAddress(url), protocol: 'http1', tls: false };
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (scheme === '') {
    throw mistake(`"${url}" is not a URL`, isHostPort(url) ? `write http://${url}` : URL_HINT);
  }
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'h2c') {
    throw mistake(`the scheme "${scheme}" is not known`, URL_HINT);
  }
  if (authority.includes('@')) {
    throw mistake(
      'a user name or password in a URL is not used',
      'set the authorization header with rewrite.headers.set',
    );
  }
  if (rest !== '' && rest !== '/') {
    throw mistake(
      `the URL has a path ("${rest}"), only host and port are used`,
      'leave it out; rewrite.path changes the paths of copies',
    );
  }
  const { host, port = DEFAULT_PORTS[scheme] } = hostAndPort(authority, URL_HINT);
  if (port === 0) throw mistake('port 0 cannot be connected to', URL_HINT);
  return {
    url,
    address: { kind: 'tcp', host, port },
    protocol: scheme === 'h2c' ? 'h2c' : 'http1',
    tls: scheme === 'https',
  };
}

/** Whether text is a host name (RFC 1123 §2.1, underscores allowed as container networks use them) or an IP address. */
export function isHost(text: string): boolean {
  if (isIPv4(text) || isIPv6(text)) return true;
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  // A name whose last label is a number would be taken for an IPv4 address.
  if (name.length > 253 || /(?:^|\.)\d+$/.test(name)) return false;
  return name.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

function isHostPort(text: string): boolean {
  try {
    hostAndPort(text, '');
    return true;
  } catch {
    return false;
  }
}

function hostAndPort(
  text: string,
  hint: string,
): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  const host = bracketed ?? name;
  if (host === undefined)
    throw mistake(`"${text}" is not an address`, isIPv6(text) ? `write [${text}]:port` : hint);
  if (bracketed === undefined ? !isHost(host) || isIPv6(host) : !isIPv6(bracketed)) {
    throw mistake(host === '' ? `"${text}" has no host` : `"${host}" is not a host name or IP address`, hint);
  }
  if (digits === undefined) return { host, port: undefined };
  if (!/^\d{1,5}$/.test(digits) || Number(digits) > 65_535) {
    throw mistake(`"${digits}" is not a port`, 'a port is a number from 1 to 65535');
  }
  return { host, port: Number(digits) };
}

function unixAddress(text: string): Address {
  const path = text.replace(/^unix:(?:\/\/(?=\/))?/, '');
  if (!path.startsWith('/') || path.includes('\0')) {
    throw mistake(`"${text}" has no absolute path`, 'write it like unix:/run/orders.sock');
  }
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw mistake(
      `the socket's path has ${Buffer.byteLength(path)} bytes`,
      `the system allows ${MAX_SOCKET_PATH_BYTES}`,
    );
  }
  return { kind: 'unix', path };
}

function mistake(message: string, hint: string): UserError {
  return new UserError(message, { code: 'config', hint });
}
