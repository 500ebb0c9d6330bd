import type { TlsDirection } from './events.ts';
import { nextTrafficSecret, trafficKeys } from './key-schedule.ts';
import { CONTENT_BYTES_MAX, RECORD, RECORD_HEAD_BYTES } from './record.ts';
import { RecordCipher } from './record-cipher.ts';
import type { TlsSession } from './session.ts';

/** What one direction's records are protected with, in the order in which it changes (RFC 8446 §7.1). */
export type Level = 'plain' | 'early' | 'handshake' | 'traffic';

/** Records that a loss may hold and still be placed by trying their numbers. */
const SEEK_RECORDS = 1024;
/** Bytes put through a cipher in such trials before one succeeds, for each direction of a connection. */
const SEEK_WORK_BYTES = 32 * 1024 * 1024;
/** What a trial costs besides its bytes, as bytes. */
const TRIAL_BYTES = 8192;

/** Updates of one direction's keys. Each costs as much as many records; implementations update after 2²⁴ records or so. */
const KEY_UPDATES_MAX = 1024;

interface Keys {
  readonly level: Level;
  /** TLS 1.3 only. */
  readonly secret: Uint8Array | undefined;
  readonly cipher: RecordCipher;
}

/** A record that was opened behind a loss. */
export interface Placed {
  readonly content: Uint8Array;
  /** Plaintext of application data that was lost; undefined: nobody can know. */
  readonly lostPlaintext: number | undefined;
}

/**
 * The keys of one direction and the number of its next record. Where a record does not open with them, the next keys are
 * tried: what announced them may have been lost.
 */
export class Protection {
  level: Level = 'plain';
  /** Records carry padding (RFC 8446 §5.4): sizes of lost ones say little. */
  padded = false;
  /** Between the record that was opened last and the one before application data was lost, and nobody can know how much. */
  skipped = false;
  readonly #direction: TlsDirection;
  readonly #session: TlsSession;
  #keys: Keys | undefined;
  #next: Keys | undefined;
  #number = 0;
  /** Damaged records since the last one that opened. */
  #damaged = 0;
  #updates = 0;
  #work = SEEK_WORK_BYTES;

  constructor(direction: TlsDirection, session: TlsSession) {
    this.#direction = direction;
    this.#session = session;
  }

  /** Bytes that a record has more than its plaintext. */
  get overheadBytes(): number {
    return this.#keys?.cipher.overheadBytes ?? RECORD_HEAD_BYTES + 17;
  }

  /** The secret that records of this level need, or of the one behind it, is not in the key log (yet). */
  get lacksKeys(): boolean {
    return this.#current() === undefined;
  }

  get lacksNextKeys(): boolean {
    return this.#following() === undefined;
  }

  /** Records are protected with the keys of another level from now on. */
  enter(level: Level): void {
    this.level = level;
    this.#keys = undefined;
    this.#next = undefined;
    this.#number = 0;
  }

  /** TLS 1.2: a ChangeCipherSpec was sent. @returns false without the secret */
  changeCipher(): boolean {
    const cipher = this.#session.cipherOf(this.#direction);
    if (cipher === undefined) return false;
    this.#adopt({ level: 'traffic', secret: undefined, cipher }, 0);
    return true;
  }

  /** TLS 1.3: the sender has updated its keys (RFC 8446 §4.6.3). @returns false when it has done so too often */
  updateKeys(): boolean {
    const next = this.#following();
    if (next !== undefined) this.#adopt(next, 0);
    return ++this.#updates <= KEY_UPDATES_MAX;
  }

  /** A record was damaged. */
  skip(): void {
    this.#number++;
    this.#damaged++;
  }

  /** Takes the protection off the record that comes next; undefined when no key fits. */
  open(record: Uint8Array): Uint8Array | undefined {
    const keys = this.#current();
    this.skipped = false;
    if (keys !== undefined) {
      this.#keys = keys;
      const content = keys.cipher.open(record, this.#number);
      if (content !== undefined) {
        this.#number++;
        this.#damaged = 0;
        return content;
      }
    }
    const next = this.#following();
    if (next === undefined) return undefined;
    const { level } = this;
    const damaged = this.#damaged;
    for (let number = 0; number <= Math.min(damaged, SEEK_RECORDS); number++) {
      const content = this.#try(next, record, number);
      if (content === undefined) continue;
      // What counted as data may have been a KeyUpdate.
      this.skipped = level === 'traffic' ? damaged > 0 : !isFirst(level, number);
      return content;
    }
    return undefined;
  }

  /** Takes the protection off a record behind `lostBytes` that hold an unknown number of whole records. */
  place(record: Uint8Array, lostBytes: number): Placed | undefined {
    this.skipped = false;
    const keys = this.#current();
    const overhead = keys?.cipher.overheadBytes ?? RECORD_HEAD_BYTES + 16;
    const least = Math.ceil(lostBytes / (CONTENT_BYTES_MAX + RECORD_HEAD_BYTES));
    const most = Math.floor(lostBytes / overhead);
    const { level } = this;
    if (keys !== undefined) {
      for (let lost = least; lost <= Math.min(most, least + SEEK_RECORDS); lost++) {
        const content = this.#try(keys, record, this.#number + lost);
        if (content === undefined) continue;
        if (level !== 'traffic') return { content, lostPlaintext: 0 };
        return { content, lostPlaintext: this.padded ? undefined : lostBytes - lost * overhead };
      }
    }
    const next = this.#following();
    if (next === undefined) return undefined;
    for (let number = 0; number <= Math.min(most, SEEK_RECORDS); number++) {
      const content = this.#try(next, record, number);
      if (content === undefined) continue;
      return { content, lostPlaintext: level !== 'traffic' && isFirst(level, number) ? 0 : undefined };
    }
    return undefined;
  }

  #try(keys: Keys, record: Uint8Array, number: number): Uint8Array | undefined {
    if (this.#work <= 0) return undefined;
    this.#work -= record.length + TRIAL_BYTES;
    const content = keys.cipher.open(record, number);
    if (content === undefined) return undefined;
    this.#work = SEEK_WORK_BYTES;
    this.#adopt(keys, number + 1);
    return content;
  }

  #adopt(keys: Keys, number: number): void {
    this.level = keys.level;
    if (this.#keys !== keys) this.#next = undefined;
    this.#keys = keys;
    this.#number = number;
    this.#damaged = 0;
  }

  #current(): Keys | undefined {
    if (this.#keys !== undefined) return this.#keys;
    const { secrets } = this.#session;
    if (secrets === undefined || this.level === 'plain') return undefined;
    const isClient = this.#direction === 0;
    if (this.level === 'early') return this.#fromSecret('early', secrets.clientEarly);
    if (this.level === 'handshake')
      return this.#fromSecret('handshake', isClient ? secrets.clientHandshake : secrets.serverHandshake);
    return this.#fromSecret('traffic', isClient ? secrets.clientTraffic : secrets.serverTraffic);
  }

  #following(): Keys | undefined {
    if (this.#next !== undefined) return this.#next;
    this.#next = this.#session.tls13 ? this.#following13() : this.#following12();
    return this.#next;
  }

  #following12(): Keys | undefined {
    const cipher = this.level === 'plain' ? this.#session.cipherOf(this.#direction) : undefined;
    return cipher && { level: 'traffic', secret: undefined, cipher };
  }

  #following13(): Keys | undefined {
    const { secrets, suite } = this.#session;
    if (secrets === undefined || suite === undefined) return undefined;
    if (this.level === 'early') return this.#fromSecret('handshake', secrets.clientHandshake);
    if (this.level === 'handshake')
      return this.#fromSecret(
        'traffic',
        this.#direction === 0 ? secrets.clientTraffic : secrets.serverTraffic,
      );
    const secret = this.#current()?.secret;
    return secret && this.#fromSecret('traffic', nextTrafficSecret(suite, secret));
  }

  #fromSecret(level: Level, secret: Uint8Array | undefined): Keys | undefined {
    const { suite } = this.#session;
    if (secret === undefined || suite === undefined) return undefined;
    return { level, secret, cipher: new RecordCipher(suite, trafficKeys(suite, secret), true) };
  }
}

/** Before the first record of application data there is none to lose; in TLS 1.2 the Finished stands before it. */
function isFirst(level: Level, number: number): boolean {
  return number === 0 || (level === 'plain' && number === 1);
}

/** Whether a record may be protected at all; the others are ChangeCipherSpec and what is sent in the clear. */
export function mayBeProtected(record: Uint8Array, tls13: boolean): boolean {
  const type = record[0] as number;
  return tls13 ? type === RECORD.applicationData : type !== RECORD.changeCipherSpec;
}
