import { createDecipheriv, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { NONCE_BYTES, TAG_BYTES } from './cipher-suites.ts';
import type { CipherSuite } from './cipher-suites.ts';
import type { TrafficKeys } from './key-schedule.ts';
import { RECORD_HEAD_BYTES } from './record.ts';

const OPTIONS = { authTagLength: TAG_BYTES };

/**
 * Takes the protection off one direction's records: AES-GCM and ChaCha20-Poly1305 in TLS 1.2 (RFC 5246 §6.2.3.3, RFC 5288,
 * RFC 7905) and TLS 1.3 (RFC 8446 §5.2). Computes, and touches nothing outside of itself.
 */
export class RecordCipher {
  /** Bytes that a record has more than what it protects; in TLS 1.3 with the inner type, without padding. */
  readonly overheadBytes: number;
  readonly #cipher: CipherSuite['aead']['cipher'];
  readonly #key: KeyObject;
  readonly #iv: Uint8Array;
  readonly #explicitBytes: number;
  readonly #inner: boolean;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  /** TLS 1.2: number, type, version and length of the plaintext. */
  readonly #additional = new Uint8Array(13);

  constructor(suite: CipherSuite, keys: TrafficKeys, tls13: boolean) {
    this.#cipher = suite.aead.cipher;
    this.#key = createSecretKey(keys.key);
    this.#iv = keys.iv;
    this.#inner = tls13;
    this.#explicitBytes = tls13 ? 0 : suite.aead.explicitBytes;
    this.overheadBytes = RECORD_HEAD_BYTES + this.#explicitBytes + TAG_BYTES + (tls13 ? 1 : 0);
  }

  /**
   * What a record protects; in TLS 1.3 the inner type and padding still stand behind it.
   *
   * @param record with its head
   * @param number the record's, counted from 0 since the keys are in use
   * @returns undefined when the authentication tag says otherwise
   */
  open(record: Uint8Array, number: number): Uint8Array | undefined {
    const start = RECORD_HEAD_BYTES + this.#explicitBytes;
    const end = record.length - TAG_BYTES;
    if (end < start) return undefined;
    this.#setNonce(record, number);
    // The crypto library is faster when nothing makes a stream of it: no listeners, no encodings.
    const decipher = createDecipheriv(this.#cipher as 'aes-128-gcm', this.#key, this.#nonce, OPTIONS);
    decipher.setAuthTag(record.subarray(end));
    decipher.setAAD(
      this.#inner ? record.subarray(0, RECORD_HEAD_BYTES) : this.#aad(record, number, end - start),
    );
    const content = decipher.update(record.subarray(start, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return content;
  }

  #setNonce(record: Uint8Array, number: number): void {
    const nonce = this.#nonce;
    nonce.set(this.#iv);
    if (this.#explicitBytes > 0) {
      nonce.set(record.subarray(RECORD_HEAD_BYTES, RECORD_HEAD_BYTES + this.#explicitBytes), this.#iv.length);
      return;
    }
    let rest = number;
    for (let i = NONCE_BYTES - 1; rest > 0; i--) {
      nonce[i] = (nonce[i] as number) ^ (rest % 256);
      rest = Math.floor(rest / 256);
    }
  }

  #aad(record: Uint8Array, number: number, bytes: number): Uint8Array {
    const additional = this.#additional;
    let rest = number;
    for (let i = 7; i >= 0; i--) {
      additional[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    additional[8] = record[0] as number;
    additional[9] = record[1] as number;
    additional[10] = record[2] as number;
    additional[11] = bytes >> 8;
    additional[12] = bytes & 0xff;
    return additional;
  }
}
