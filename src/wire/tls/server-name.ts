import { u16be } from '../integers.ts';

const RECORD_HEAD_BYTES = 5;
/** Handshake head, version and random of a ClientHello (RFC 8446 §4.1.2). */
const HELLO_HEAD_BYTES = 4 + 2 + 32;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const NAME_BYTES_MAX = 255;

/**
 * The server's name that a client asks for (RFC 6066 §3), from the first bytes of its connection: a TLS record with a
 * ClientHello. Undefined when there is none, when the bytes end before it, or when they are something else. A hello that
 * is spread over several records is read as far as the first one goes.
 */
export function serverNameOf(bytes: Uint8Array): string | undefined {
  if (bytes.length < RECORD_HEAD_BYTES + HELLO_HEAD_BYTES || bytes[0] !== 22 || bytes[5] !== 1)
    return undefined;
  const end = Math.min(bytes.length, RECORD_HEAD_BYTES + u16be(bytes, 3));
  let at = RECORD_HEAD_BYTES + HELLO_HEAD_BYTES;
  // Session id, cipher suites, compression methods.
  at += 1 + (bytes[at] ?? 0);
  if (at + 2 > end) return undefined;
  at += 2 + u16be(bytes, at);
  at += 1 + (bytes[at] ?? 0);
  // The length of all extensions says nothing that the record does not.
  at += 2;
  while (at + 4 <= end) {
    const length = u16be(bytes, at + 2);
    if (u16be(bytes, at) === SERVER_NAME) return hostIn(bytes, at + 4, Math.min(end, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}

function hostIn(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at + 5 > end || bytes[at + 2] !== HOST_NAME) return undefined;
  const length = u16be(bytes, at + 3);
  if (length === 0 || length > NAME_BYTES_MAX || at + 5 + length > end) return undefined;
  const name = String.fromCharCode(...bytes.subarray(at + 5, at + 5 + length));
  // An ASCII name: letters, digits, hyphens, dots, and the underscores that some use.
  return /^[\w.-]+$/.test(name) ? name.toLowerCase() : undefined;
}
