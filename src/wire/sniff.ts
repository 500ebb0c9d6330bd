import { CR, LF, SP, TOKEN } from './http1/octets.ts';

/** What a client speaks; `more`: too few bytes to tell. */
export type ClientProtocol = 'http1' | 'http2' | 'tls' | 'other' | 'more';

const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const SSH = Buffer.from('SSH-', 'latin1');
/** Longest method that is waited for; the longest registered one (RFC 3253, RFC 4437) has 17 letters. */
const METHOD_BYTES = 32;
/** The head of SETTINGS that is no acknowledgement, without its length: type, flags, stream. */
const SETTINGS_HEAD: readonly (number | undefined)[] = [0, undefined, undefined, 4, 0, 0, 0, 0, 0];
const TLS_HANDSHAKE = 22;
const CLIENT_HELLO = 1;

/**
 * Tells a client's protocol from the first bytes of its connection: the HTTP/2 preface (RFC 9113 §3.4), a TLS record
 * with a ClientHello (RFC 8446 §5.1, §4), or a method token with a space after at most one empty line (RFC 9112 §2.2, §3).
 */
export function sniffClient(firstBytes: Uint8Array): ClientProtocol {
  if (firstBytes.length === 0) return 'more';
  if (firstBytes[0] === TLS_HANDSHAKE) return sniffTls(firstBytes);
  const same = sameBytes(firstBytes, HTTP2_PREFACE);
  if (same === HTTP2_PREFACE.length) return 'http2';
  return same === firstBytes.length ? 'more' : sniffMethod(firstBytes);
}

/**
 * Whether a server's first bytes may be HTTP/2: SETTINGS on stream 0 (RFC 9113 §3.4), as far as they go. A server need not
 * wait for its client's preface.
 */
export function sniffHttp2Server(firstBytes: Uint8Array): boolean {
  for (let i = 0; i < Math.min(firstBytes.length, SETTINGS_HEAD.length); i++) {
    const expected = SETTINGS_HEAD[i];
    if (expected !== undefined && firstBytes[i] !== expected) return false;
  }
  return true;
}

/** Longest line that is looked at, bytes. */
const LINE_BYTES = 8192;

/**
 * Whether bytes begin with a line of the form of a request line (RFC 9112 §3), however much of its inside is against the
 * grammar: a method of letters, and a version of HTTP/1 at the end.
 */
export function beginsWithRequestLine(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LINE_BYTES));
  return /^[A-Z]{3,32} [^\r\n]* HTTP\/1\.[01]\r?\n/.test(start.toString('latin1'));
}

function sniffTls(bytes: Uint8Array): ClientProtocol {
  // Record type, version 3.x, length, then the handshake type.
  if (bytes.length > 1 && bytes[1] !== 3) return 'other';
  if (bytes.length < 6) return 'more';
  return bytes[5] === CLIENT_HELLO ? 'tls' : 'other';
}

function sniffMethod(bytes: Uint8Array): ClientProtocol {
  // What SSH clients begin with (RFC 4253 §4.2) may look like a method with a space after it.
  const same = sameBytes(bytes, SSH);
  if (same === SSH.length) return 'other';
  let start = 0;
  if (bytes[0] === CR) {
    if (bytes.length > 1 && bytes[1] !== LF) return 'other';
    start = 2;
  }
  for (let i = start; i < bytes.length; i++) {
    const octet = bytes[i] as number;
    if (octet === SP && i > start) return 'http1';
    if (TOKEN[octet] !== 1 || i - start >= METHOD_BYTES) return 'other';
  }
  return 'more';
}

function sameBytes(bytes: Uint8Array, expected: Uint8Array): number {
  const end = Math.min(bytes.length, expected.length);
  let i = 0;
  while (i < end && bytes[i] === expected[i]) i++;
  return i;
}
