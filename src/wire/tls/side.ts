import type { TlsDirection, TlsOpaqueReason } from './events.ts';
import { HandshakeReader } from './handshake-reader.ts';
import { HANDSHAKE } from './hello.ts';
import type { Hole, OrderedOutput } from './ordered-output.ts';
import { mayBeProtected, Protection } from './protection.ts';
import { RECORD } from './record.ts';
import { RecordReader } from './record-reader.ts';
import type { RecordSink, Taken } from './record-reader.ts';
import type { TlsSession } from './session.ts';

/** What a side asks of the connection that it is one half of. */
export interface SideHost {
  readonly session: TlsSession;
  readonly output: OrderedOutput;
  /** Waits for secrets that a key log may still bring. */
  readonly patient: boolean;
  /** Nobody reads it any more. */
  readonly isOpaque: boolean;
  /** A side has stopped for want of secrets: neither goes on. */
  waitForKeys(): void;
  /** The ServerHello is there, or it is known what became of early data: who waited for that goes on. */
  agreed(): void;
  decrypted(): void;
  opaque(reason: TlsOpaqueReason): void;
}

const CLOSE_NOTIFY = 0;
const SERVER = 1;
/** Records of a handshake or of early data that are passed over because their secret is not there, bytes. */
const PASSED_OVER_BYTES_MAX = 1024 * 1024;
/** EndOfEarlyData under protection: head, message, inner type, tag. */
const END_OF_EARLY_DATA_BYTES = 5 + 4 + 1 + 16;

/** One direction of a TLS connection: its records, their protection, and what they say. */
export class TlsSide implements RecordSink {
  readonly reader: RecordReader;
  /** Stopped until the server has answered. */
  waitsForAnswer = false;
  readonly #direction: TlsDirection;
  readonly #host: SideHost;
  readonly #protection: Protection;
  readonly #messages: HandshakeReader;
  #hole: Hole | undefined;
  #ended = false;
  /** Bytes of the handshake were lost: what looks like plain records may be protected. */
  #unsure = false;
  #passedOver = 0;
  #micros = 0;

  constructor(direction: TlsDirection, host: SideHost) {
    this.#direction = direction;
    this.#host = host;
    this.reader = new RecordReader(this);
    this.#protection = new Protection(direction, host.session);
    this.#messages = new HandshakeReader((type, bytes, start, end) => this.#message(type, bytes, start, end));
  }

  /** TLS 1.3: everything behind the ServerHello is protected. */
  protect(): void {
    const early = this.#direction !== SERVER && this.#host.session.early === 'offered';
    this.#protection.enter(early ? 'early' : 'handshake');
  }

  /** Its stream ends; what it has not brought to an end is lost. */
  end(micros: number): void {
    if (this.#ended) return;
    const { output } = this.#host;
    if (this.#hole !== undefined) output.fill(this.#hole, undefined);
    else if (this.reader.incomplete) output.lost(this.#direction, micros);
    this.#close(micros);
  }

  record(record: Uint8Array, micros: number): Taken {
    this.#micros = micros;
    if (this.#ended || this.#host.isOpaque) return 'next';
    if (this.#protection.level === 'plain') return this.#plain(record);
    return this.#host.session.tls13 ? this.#open13(record) : this.#open12(record);
  }

  damaged(bytes: number, micros: number): void {
    const { session, output } = this.#host;
    const protection = this.#protection;
    this.#messages.reset();
    this.#unsure = true;
    if (this.#ended || this.#host.isOpaque) return;
    if (protection.level === 'plain') {
      if (this.#direction === SERVER ? !session.hasServerHello : !session.hasClientHello)
        this.#host.opaque('handshake_lost');
      protection.skip();
      return;
    }
    protection.skip();
    if (protection.level === 'handshake') return;
    const plaintext = bytes - protection.overheadBytes;
    if (protection.padded || protection.level === 'early') output.lost(this.#direction, micros);
    else output.gap(this.#direction, plaintext, micros);
  }

  astray(micros: number): void {
    this.#messages.reset();
    this.#unsure = true;
    if (!this.#ended && !this.#host.isOpaque) this.#hole = this.#host.output.open(this.#direction, micros);
  }

  found(record: Uint8Array, lostBytes: number, micros: number): Taken {
    this.#micros = micros;
    const { session, patient, isOpaque } = this.#host;
    const protection = this.#protection;
    if (isOpaque || this.#ended) return 'next';
    if (!session.hasServerHello) {
      this.#host.opaque('handshake_lost');
      return 'next';
    }
    if (protection.level === 'early') return patient ? this.#await() : 'no';
    if (!mayBeProtected(record, session.tls13)) {
      if (session.tls13 || protection.level !== 'plain') return 'no';
      const taken = this.#changeCipher();
      if (taken === 'next') this.#fill(0);
      return taken;
    }
    const placed = protection.place(record, lostBytes);
    if (placed === undefined) {
      const lacks = protection.level === 'plain' ? false : protection.lacksKeys;
      return patient && (lacks || (protection.level !== 'traffic' && protection.lacksNextKeys))
        ? this.#block()
        : 'no';
    }
    this.#fill(placed.lostPlaintext);
    return this.#dispatch(record, placed.content);
  }

  broken(why: 'malformed' | 'astray'): void {
    this.#host.opaque(why);
  }

  #fill(bytes: number | undefined): void {
    const hole = this.#hole;
    this.#hole = undefined;
    if (hole !== undefined) this.#host.output.fill(hole, bytes);
  }

  /** Before any protection. */
  #plain(record: Uint8Array): Taken {
    const { session } = this.#host;
    const type = record[0] as number;
    if (type === RECORD.alert) return 'next';
    if (type === RECORD.changeCipherSpec)
      // Before the ServerHello it is TLS 1.3's for the sake of middleboxes (RFC 8446 §D.4).
      return session.hasServerHello ? this.#changeCipher() : 'next';
    if (this.#unsure && session.hasServerHello) return this.#openUnsure(record);
    if (type === RECORD.applicationData) {
      if (this.#direction !== SERVER && session.early !== 'none' && this.#host.patient) return this.#await();
      this.#host.opaque('handshake_lost');
      return 'next';
    }
    const before = session.hasServerHello;
    this.#messages.write(record, 5, record.length);
    if (this.#messages.tooLong) this.#host.opaque('handshake_lost');
    return session.hasServerHello === before ? 'next' : 'yield';
  }

  /** TLS 1.2, where a ChangeCipherSpec may have been lost. */
  #openUnsure(record: Uint8Array): Taken {
    if (this.#protection.lacksNextKeys) return this.#block();
    const content = this.#protection.open(record);
    return content === undefined ? 'next' : this.#dispatch(record, content);
  }

  #changeCipher(): Taken {
    if (!this.#protection.changeCipher()) return this.#block();
    this.#messages.reset();
    this.#unsure = false;
    return 'next';
  }

  #open12(record: Uint8Array): Taken {
    // A renegotiation (RFC 5246 §7.1) has secrets of its own.
    if (record[0] === RECORD.changeCipherSpec && this.#host.session.cipherOf(this.#direction) === undefined)
      return this.#block();
    const content = this.#protection.open(record);
    if (content !== undefined) return this.#dispatch(record, content);
    this.#host.opaque('undecryptable');
    return 'next';
  }

  #open13(record: Uint8Array): Taken {
    // What is not protected says nothing any more: ChangeCipherSpec (RFC 8446 §5), a client's alert.
    if (record[0] !== RECORD.applicationData) return 'next';
    const protection = this.#protection;
    const { session, patient } = this.#host;
    if (protection.level === 'early') {
      if (session.early === 'offered' && patient) return this.#await();
      if (session.early !== 'accepted' || protection.lacksKeys) protection.enter('handshake');
    }
    const content = protection.open(record);
    if (content !== undefined) return this.#dispatch(record, content);
    if (protection.level === 'handshake') {
      if (this.#direction !== SERVER && session.early !== 'none' && !protection.lacksKeys)
        return this.#passEarly(record);
      // Some logs have only the secrets of application data: the handshake is passed over.
      if (protection.lacksKeys && !protection.lacksNextKeys) return this.#passOver(record);
      if (protection.lacksKeys || protection.lacksNextKeys) return this.#block();
    }
    if (protection.lacksKeys) return this.#block();
    this.#host.opaque('undecryptable');
    return 'next';
  }

  /** Early data that the server refused, or whose secret is not in the log. */
  #passEarly(record: Uint8Array): Taken {
    if (this.#host.session.early === 'accepted' && record.length !== END_OF_EARLY_DATA_BYTES)
      this.#host.output.gap(this.#direction, record.length - this.#protection.overheadBytes, this.#micros);
    return this.#passOver(record);
  }

  #passOver(record: Uint8Array): Taken {
    this.#passedOver += record.length;
    if (this.#passedOver > PASSED_OVER_BYTES_MAX) this.#host.opaque('undecryptable');
    return 'next';
  }

  #block(): Taken {
    if (this.#host.patient) {
      this.#host.waitForKeys();
      return 'blocked';
    }
    this.#host.opaque('no_keys');
    return 'next';
  }

  #await(): Taken {
    this.waitsForAnswer = true;
    return 'blocked';
  }

  #dispatch(record: Uint8Array, content: Uint8Array): Taken {
    this.#unsure = false;
    if (this.#protection.skipped) this.#host.output.lost(this.#direction, this.#micros);
    if (!this.#host.session.tls13) return this.#content(record[0] as number, content, content.length);
    let end = content.length;
    while (end > 0 && content[end - 1] === 0) end--;
    if (end < content.length) this.#protection.padded = true;
    if (end === 0) {
      this.#host.opaque('malformed');
      return 'next';
    }
    return this.#content(content[end - 1] as number, content, end - 1);
  }

  #content(type: number, content: Uint8Array, end: number): Taken {
    const { session } = this.#host;
    if (type === RECORD.applicationData) {
      this.#host.decrypted();
      if (end > 0)
        this.#host.output.data(
          this.#direction,
          end === content.length ? content : content.subarray(0, end),
          this.#micros,
        );
    } else if (type === RECORD.handshake) {
      const before = session.early;
      this.#messages.write(content, 0, end);
      if (session.early !== before) return 'yield';
    } else if (type === RECORD.alert && content[1] === CLOSE_NOTIFY) this.#close(this.#micros);
    else if (type === RECORD.changeCipherSpec && !session.tls13) this.#protection.changeCipher();
    return 'next';
  }

  #close(micros: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.output.end(this.#direction, micros);
  }

  #message(type: number, bytes: Uint8Array, start: number, end: number): void {
    const { session } = this.#host;
    const protection = this.#protection;
    const { level } = protection;
    if (type === HANDSHAKE.clientHello && this.#direction !== SERVER) session.clientHello(bytes, start, end);
    else if (type === HANDSHAKE.serverHello && this.#direction === SERVER) {
      const opaque = session.serverHello(bytes, start, end);
      if (opaque !== undefined) this.#host.opaque(opaque);
      else if (session.hasServerHello && level === 'plain') this.#host.agreed();
    } else if (!session.tls13) return;
    else if (type === HANDSHAKE.encryptedExtensions && this.#direction === SERVER && level === 'handshake') {
      session.encryptedExtensions(bytes, start, end);
      this.#host.agreed();
    } else if (type === HANDSHAKE.finished && level === 'handshake') {
      protection.enter('traffic');
      // Had it been accepted, we would know.
      if (this.#direction === SERVER && session.early === 'offered') session.early = 'refused';
    } else if (type === HANDSHAKE.endOfEarlyData && level === 'early') protection.enter('handshake');
    else if (type === HANDSHAKE.keyUpdate && level === 'traffic' && !protection.updateKeys())
      this.#host.opaque('limit');
  }
}
