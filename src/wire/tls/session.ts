import { cipherSuite } from './cipher-suites.ts';
import type { CipherSuite } from './cipher-suites.ts';
import type { TlsDirection, TlsInfo, TlsOpaqueReason } from './events.ts';
import { readClientHello, readEncryptedExtensions, readServerHello, TLS_1_2, TLS_1_3 } from './hello.ts';
import type { ClientHello, ServerHello } from './hello.ts';
import type { KeyLog, SessionSecrets } from './key-log.ts';
import { keyBlock } from './key-schedule.ts';
import { RecordCipher } from './record-cipher.ts';

/** What is known of data that the client sent before the server's answer (RFC 8446 §4.2.10). */
export type EarlyData = 'none' | 'offered' | 'accepted' | 'refused';

/** What both directions of a connection have agreed on, and the secrets that a key log has of it. */
export class TlsSession {
  early: EarlyData = 'none';
  /** Of the first ClientHello, 64 hexadecimal digits: what a key log calls the session. */
  random = '';
  suite: CipherSuite | undefined;
  tls13 = false;
  readonly #keys: KeyLog;
  #client: ClientHello | undefined;
  #server: ServerHello | undefined;
  #alpn: string | undefined;
  #ciphers: readonly [client: RecordCipher, server: RecordCipher] | undefined;

  constructor(keys: KeyLog) {
    this.#keys = keys;
  }

  get hasClientHello(): boolean {
    return this.#client !== undefined;
  }

  get hasServerHello(): boolean {
    return this.#server !== undefined;
  }

  get secrets(): SessionSecrets | undefined {
    return this.#keys.secretsOf(this.random);
  }

  get info(): TlsInfo {
    const id = this.#server?.suite;
    return {
      serverName: this.#client?.serverName,
      alpn: this.#alpn,
      version: this.#server?.version,
      suite: this.suite?.name ?? (id === undefined ? undefined : `0x${id.toString(16).padStart(4, '0')}`),
    };
  }

  /** Of the connection, after a HelloRetryRequest again, or of a renegotiation (RFC 5246 §7.4.1.1). */
  clientHello(bytes: Uint8Array, start: number, end: number): void {
    const hello = readClientHello(bytes, start, end);
    if (hello === undefined) return;
    const again = this.#client !== undefined && this.#server === undefined;
    this.#client = hello;
    this.random = Buffer.from(hello.random).toString('hex');
    // A retry refuses early data (RFC 8446 §4.1.2).
    if (this.#server === undefined) this.early = hello.earlyData ? 'offered' : again ? this.early : 'none';
  }

  /** @returns why this cannot be decrypted */
  serverHello(bytes: Uint8Array, start: number, end: number): TlsOpaqueReason | undefined {
    const hello = readServerHello(bytes, start, end);
    if (hello === undefined || this.#client === undefined) return 'handshake_lost';
    if (hello.retry) {
      if (this.early === 'offered') this.early = 'refused';
      return undefined;
    }
    this.#server = hello;
    this.#alpn ??= hello.alpn;
    this.#ciphers = undefined;
    this.suite = cipherSuite(hello.suite);
    this.tls13 = hello.version === TLS_1_3;
    if (!this.tls13 && hello.version !== TLS_1_2) return 'version';
    return this.suite === undefined ? 'cipher' : undefined;
  }

  encryptedExtensions(bytes: Uint8Array, start: number, end: number): void {
    const { alpn, earlyData } = readEncryptedExtensions(bytes, start, end);
    this.#alpn = alpn;
    if (this.early === 'offered') this.early = earlyData ? 'accepted' : 'refused';
  }

  /** TLS 1.2: the cipher that a ChangeCipherSpec of this side begins with; undefined without the master secret. */
  cipherOf(direction: TlsDirection): RecordCipher | undefined {
    if (this.#ciphers === undefined) {
      const master = this.secrets?.master;
      const { suite } = this;
      if (master === undefined || suite === undefined) return undefined;
      if (this.#client === undefined || this.#server === undefined) return undefined;
      const [client, server] = keyBlock(suite, master, this.#client.random, this.#server.random);
      this.#ciphers = [new RecordCipher(suite, client, false), new RecordCipher(suite, server, false)];
    }
    return this.#ciphers[direction];
  }
}
