/** Direction of bytes: 0 from the client, 1 from the server. */
export type TlsDirection = 0 | 1;

/**
 * Why a TLS connection cannot be read.
 * - `no_keys`: the key log has nothing of it
 * - `cipher`: a cipher suite that is no AES-GCM and no ChaCha20-Poly1305
 * - `version`: older than TLS 1.2
 * - `midstream`: its begin was not captured
 * - `handshake_lost`: nor were the bytes that name its keys
 * - `undecryptable`: a record that none of its keys fits
 * - `astray`: after a loss no record was found that fits
 * - `malformed`: no TLS records
 * - `limit`: too many TLS connections at once, or changes of keys in one
 */
export const TLS_OPAQUE_REASONS = [
  'no_keys',
  'cipher',
  'version',
  'midstream',
  'handshake_lost',
  'undecryptable',
  'astray',
  'malformed',
  'limit',
] as const;
export type TlsOpaqueReason = (typeof TLS_OPAQUE_REASONS)[number];

/**
 * Receives what a TLS connection protected. Plaintext comes record by record, with the time at which its record was whole;
 * per direction in order, and what one side sends after what it had read of the other. Chunks are valid during the call only.
 */
export interface TlsEvents {
  /** The keys of its application data fit: it is decrypted from here on. */
  decrypted(): void;
  data(direction: TlsDirection, chunk: Uint8Array, micros: number): void;
  /** So many bytes of plaintext are missing. */
  gap(direction: TlsDirection, bytes: number, micros: number): void;
  /** Plaintext is missing, and how much is not known. */
  lost(direction: TlsDirection, micros: number): void;
  /** This side has finished sending: its close_notify, or the end of its stream. */
  end(direction: TlsDirection, micros: number): void;
  /** The connection is over; as the stream was told. */
  close(failed: TlsDirection | undefined, micros: number): void;
  leave(micros: number): void;
  /** It cannot be read, or not any further. Nothing but `close` or `leave` follows. */
  opaque(reason: TlsOpaqueReason): void;
}

/** What a handshake said. Undefined while it is not known. */
export interface TlsInfo {
  /** The host that the client asks for. */
  readonly serverName: string | undefined;
  /** The application protocol that the server chose. */
  readonly alpn: string | undefined;
  /** 0x0303 is TLS 1.2, 0x0304 TLS 1.3. */
  readonly version: number | undefined;
  /** IANA's name of the cipher suite, or its number. */
  readonly suite: string | undefined;
}
