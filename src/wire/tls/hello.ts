import { copyOf, u16be } from '../integers.ts';

/** Handshake types (RFC 8446 §4, RFC 5246 §7.4). */
export const HANDSHAKE = {
  clientHello: 1,
  serverHello: 2,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  finished: 20,
  keyUpdate: 24,
} as const;

/** Extensions that are read (RFC 6066 §3, RFC 7301 §3.1, RFC 8446 §4.2). */
const EXTENSION = { serverName: 0, alpn: 16, earlyData: 42, supportedVersions: 43 } as const;

export const TLS_1_2 = 0x0303;
export const TLS_1_3 = 0x0304;

export const RANDOM_BYTES = 32;
const HOST_NAME = 0;
const NAME_BYTES_MAX = 255;
const LIST_MAX = 32;
/** The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3): SHA-256 of these words. */
const RETRY_RANDOM = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex');

/** What a client offers (RFC 8446 §4.1.2). Lists hold the first 32 entries at most. */
export interface ClientHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  /** Host that it asks for, in small letters. */
  readonly serverName: string | undefined;
  /** Application protocols, the preferred one first. */
  readonly alpn: readonly string[];
  /** The `supported_versions`, or the version of the hello itself. */
  readonly versions: readonly number[];
  /** Sends application data before the server's answer (0-RTT). */
  readonly earlyData: boolean;
}

/** What a server chose (RFC 8446 §4.1.3). */
export interface ServerHello {
  readonly random: Uint8Array;
  readonly version: number;
  readonly suite: number;
  /** TLS 1.2 only: TLS 1.3 tells it under protection, in EncryptedExtensions. */
  readonly alpn: string | undefined;
  /** A HelloRetryRequest: another ClientHello and another ServerHello follow. */
  readonly retry: boolean;
}

/**
 * Reads the body of a ClientHello at `bytes[start, end)`, as far as it goes.
 *
 * @returns undefined when it ends before its random does
 */
export function readClientHello(bytes: Uint8Array, start: number, end: number): ClientHello | undefined {
  const randomEnd = start + 2 + RANDOM_BYTES;
  if (randomEnd > end) return undefined;
  const idEnd = randomEnd + 1 + (bytes[randomEnd] ?? 0);
  let at = Math.min(idEnd, end);
  // Cipher suites, compression methods.
  at += at + 2 <= end ? 2 + u16be(bytes, at) : 2;
  at += at < end ? 1 + (bytes[at] as number) : 1;
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  let versions: readonly number[] = [u16be(bytes, start)];
  let earlyData = false;
  eachExtension(bytes, at, end, (type, from, to) => {
    if (type === EXTENSION.serverName) serverName ??= hostIn(bytes, from, to);
    else if (type === EXTENSION.alpn) alpn = protocolsIn(bytes, from, to);
    else if (type === EXTENSION.supportedVersions) versions = versionsIn(bytes, from, to);
    else if (type === EXTENSION.earlyData) earlyData = true;
  });
  return {
    random: copyOf(bytes, start + 2, randomEnd),
    sessionId: copyOf(bytes, Math.min(randomEnd + 1, end), Math.min(idEnd, end)),
    serverName,
    alpn,
    versions,
    earlyData,
  };
}

/**
 * Reads the body of a ServerHello at `bytes[start, end)`.
 *
 * @returns undefined when it ends before the cipher suite does
 */
export function readServerHello(bytes: Uint8Array, start: number, end: number): ServerHello | undefined {
  const randomEnd = start + 2 + RANDOM_BYTES;
  const at = randomEnd + 1 + (bytes[randomEnd] ?? 0);
  if (at + 3 > end) return undefined;
  const random = copyOf(bytes, start + 2, randomEnd);
  let version = u16be(bytes, start);
  let alpn: string | undefined;
  eachExtension(bytes, at + 3, end, (type, from, to) => {
    if (type === EXTENSION.supportedVersions && to - from === 2) version = u16be(bytes, from);
    else if (type === EXTENSION.alpn) alpn = protocolsIn(bytes, from, to)[0];
  });
  return { random, version, suite: u16be(bytes, at), alpn, retry: RETRY_RANDOM.equals(random) };
}

/** Reads the body of EncryptedExtensions (RFC 8446 §4.3.1): the protocol chosen, and whether early data was taken. */
export function readEncryptedExtensions(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly alpn: string | undefined; readonly earlyData: boolean } {
  let alpn: string | undefined;
  let earlyData = false;
  eachExtension(bytes, start, end, (type, from, to) => {
    if (type === EXTENSION.alpn) alpn = protocolsIn(bytes, from, to)[0];
    else if (type === EXTENSION.earlyData) earlyData = true;
  });
  return { alpn, earlyData };
}

/** The list that begins with its length at `at`; the length says nothing that `end` does not. */
function eachExtension(
  bytes: Uint8Array,
  at: number,
  end: number,
  take: (type: number, from: number, to: number) => void,
): void {
  let from = at + 2;
  while (from + 4 <= end) {
    const to = from + 4 + u16be(bytes, from + 2);
    take(u16be(bytes, from), from + 4, Math.min(to, end));
    from = to;
  }
}

function hostIn(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at + 5 > end || bytes[at + 2] !== HOST_NAME) return undefined;
  const length = u16be(bytes, at + 3);
  if (length === 0 || length > NAME_BYTES_MAX || at + 5 + length > end) return undefined;
  const name = String.fromCharCode(...bytes.subarray(at + 5, at + 5 + length));
  // An ASCII name: letters, digits, hyphens, dots, and the underscores that some use.
  return /^[\w.-]+$/.test(name) ? name.toLowerCase() : undefined;
}

function protocolsIn(bytes: Uint8Array, start: number, end: number): readonly string[] {
  const found: string[] = [];
  let at = start + 2;
  while (at < end && found.length < LIST_MAX) {
    const to = at + 1 + (bytes[at] as number);
    if (to > end) break;
    found.push(String.fromCharCode(...bytes.subarray(at + 1, to)));
    at = to;
  }
  return found;
}

function versionsIn(bytes: Uint8Array, start: number, end: number): readonly number[] {
  const found: number[] = [];
  for (let at = start + 1; at + 2 <= end && found.length < LIST_MAX; at += 2) found.push(u16be(bytes, at));
  return found;
}
