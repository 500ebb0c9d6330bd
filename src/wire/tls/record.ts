import { u16be } from '../integers.ts';

/** Content types of records (RFC 8446 §5.1). */
export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export const RECORD_HEAD_BYTES = 5;
/** Most plaintext in a record (RFC 8446 §5.1, RFC 5246 §6.2.1). */
export const PLAINTEXT_BYTES_MAX = 2 ** 14;
/** Most bytes behind a record's head: TLS 1.2 allows the larger expansion (RFC 5246 §6.2.3). */
export const CONTENT_BYTES_MAX = PLAINTEXT_BYTES_MAX + 2048;
/** TLS 1.2, and what TLS 1.3 writes in its place. */
export const RECORD_VERSION = 0x0303;

/** Whether a record's head may stand here: five bytes of a known type, of SSL 3 or a TLS, and no longer than allowed. */
export function isRecordHead(bytes: Uint8Array, at = 0): boolean {
  const type = bytes[at] ?? 0;
  return (
    type >= RECORD.changeCipherSpec &&
    type <= RECORD.applicationData &&
    bytes[at + 1] === 3 &&
    (bytes[at + 2] ?? 255) <= 4 &&
    at + RECORD_HEAD_BYTES <= bytes.length &&
    u16be(bytes, at + 3) <= CONTENT_BYTES_MAX
  );
}

/** Bytes of the record at this place, its head included. */
export function recordBytes(bytes: Uint8Array, at = 0): number {
  return RECORD_HEAD_BYTES + u16be(bytes, at + 3);
}
