import { HANDSHAKE, readClientHello } from './hello.ts';
import { RECORD, RECORD_HEAD_BYTES, recordBytes } from './record.ts';

const MESSAGE_HEAD_BYTES = 4;

/**
 * The server's name that a client asks for (RFC 6066 §3), from the first bytes of its connection: a TLS record with a
 * ClientHello. Undefined when there is none, when the bytes end before it, or when they are something else. A hello that
 * is spread over several records is read as far as the first one goes.
 */
export function serverNameOf(bytes: Uint8Array): string | undefined {
  const start = RECORD_HEAD_BYTES + MESSAGE_HEAD_BYTES;
  if (bytes.length < start) return undefined;
  if (bytes[0] !== RECORD.handshake || bytes[RECORD_HEAD_BYTES] !== HANDSHAKE.clientHello) return undefined;
  return readClientHello(bytes, start, Math.min(bytes.length, recordBytes(bytes)))?.serverName;
}
