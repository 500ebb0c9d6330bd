/** Secrets of one TLS session that records are decrypted with. */
export interface SessionSecrets {
  /** TLS 1.2: the master secret, 48 bytes. */
  readonly master?: Uint8Array;
  readonly clientEarly?: Uint8Array;
  readonly clientHandshake?: Uint8Array;
  readonly serverHandshake?: Uint8Array;
  /** The first application traffic secrets; later ones follow from them. */
  readonly clientTraffic?: Uint8Array;
  readonly serverTraffic?: Uint8Array;
}

/** Labels of a key log (RFC 9850 §2) whose secrets records are protected with. */
const LABELS: Readonly<Record<string, keyof SessionSecrets>> = {
  CLIENT_RANDOM: 'master',
  CLIENT_EARLY_TRAFFIC_SECRET: 'clientEarly',
  CLIENT_HANDSHAKE_TRAFFIC_SECRET: 'clientHandshake',
  SERVER_HANDSHAKE_TRAFFIC_SECRET: 'serverHandshake',
  CLIENT_TRAFFIC_SECRET_0: 'clientTraffic',
  SERVER_TRAFFIC_SECRET_0: 'serverTraffic',
};

const LINE_BYTES_MAX = 1024;
const LF = 10;
const LINE = /^([A-Z][A-Z0-9_]*) ([0-9a-fA-F]{2,256}) ([0-9a-fA-F]{2,256})$/;
const RANDOM_DIGITS = 64;
/** Digits of a TLS 1.2 master secret, and of secrets of SHA-256 and SHA-384. */
const MASTER_DIGITS = 96;
const SECRET_DIGITS: ReadonlySet<number> = new Set([64, 96]);
/** Sessions whose secrets are kept; some 500 bytes each. */
const SESSIONS_MAX = 65_536;

export interface KeyLogOptions {
  /** Sessions whose secrets are kept, 65,536 by default; past it the oldest one goes. */
  readonly sessions?: number;
}

/** What a key log has brought. */
export interface KeyLogCounts {
  /** Lines with a secret that is of use, and that was not known. */
  secrets: number;
  /** Lines with other secrets: exporters, RSA, what nobody here knows. */
  ignored: number;
  /** Lines that are no line of a key log. */
  malformed: number;
  /** Sessions that went to make room. */
  evicted: number;
}

/** Secrets an octet per character: a third of the memory that byte arrays take. */
type KeptSecrets = { -readonly [Name in keyof SessionSecrets]: string };

/** Secrets of TLS sessions, by the random of their ClientHello. Key logs and capture files bring them: `KeyLogReader`. */
export class KeyLog {
  readonly counts: KeyLogCounts = { secrets: 0, ignored: 0, malformed: 0, evicted: 0 };
  readonly #sessionsMax: number;
  /** By the random in small hexadecimal digits, the oldest first. */
  readonly #sessions = new Map<string, KeptSecrets>();
  readonly #listeners = new Set<(random: string) => void>();

  constructor(options: KeyLogOptions = {}) {
    this.#sessionsMax = options.sessions ?? SESSIONS_MAX;
  }

  /** Sessions whose secrets are known. */
  get size(): number {
    return this.#sessions.size;
  }

  /** What is known of a session. @param random of its ClientHello, 64 small hexadecimal digits */
  secretsOf(random: string): SessionSecrets | undefined {
    const session = this.#sessions.get(random);
    if (session === undefined) return undefined;
    const secrets = Object.entries(session).map(([name, text]) => [name, Buffer.from(text, 'latin1')]);
    return Object.fromEntries(secrets);
  }

  /** Calls back after each new secret, with the session's random. @returns what ends that */
  listen(listener: (random: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes one line, without its end. */
  line(text: string): void {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) return;
    const [, label = '', random = '', secret = ''] = LINE.exec(line) ?? [];
    const name = Object.hasOwn(LABELS, label) ? LABELS[label] : undefined;
    if (label === '') this.counts.malformed++;
    else if (name === undefined) this.counts.ignored++;
    else if (random.length !== RANDOM_DIGITS || !isSecret(name, secret)) this.counts.malformed++;
    else this.#add(random.toLowerCase(), name, Buffer.from(secret, 'hex').toString('latin1'));
  }

  #add(random: string, name: keyof SessionSecrets, secret: string): void {
    let session = this.#sessions.get(random);
    if (session === undefined) {
      session = {};
      this.#sessions.set(random, session);
      if (this.#sessions.size > this.#sessionsMax) {
        const [oldest] = this.#sessions.keys();
        if (oldest !== undefined) this.#sessions.delete(oldest);
        this.counts.evicted++;
      }
    }
    // A client's and a server's log may both be read.
    if (session[name] === secret) return;
    session[name] = secret;
    this.counts.secrets++;
    for (const listener of this.#listeners) listener(random);
  }
}

function isSecret(name: keyof SessionSecrets, digits: string): boolean {
  return name === 'master' ? digits.length === MASTER_DIGITS : SECRET_DIGITS.has(digits.length);
}

/**
 * Reads one key log in the NSS format (RFC 9850; `SSLKEYLOGFILE`, and the secrets of pcapng files) into a `KeyLog`, in pieces
 * of any size, as it grows: a line counts when its end has come.
 */
export class KeyLogReader {
  readonly #log: KeyLog;
  /** The begin of a line whose end has not come. */
  #line = '';
  #tooLong = false;

  constructor(log: KeyLog) {
    this.#log = log;
  }

  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LF, at);
      const to = end < 0 ? chunk.length : end;
      if (this.#line.length + to - at > LINE_BYTES_MAX) this.#tooLong = true;
      else if (!this.#tooLong) this.#line += String.fromCharCode(...chunk.subarray(at, to));
      if (end < 0) return;
      this.end();
      at = end + 1;
    }
  }

  /** The log is over: its last line counts also without an end. It may go on with another one. */
  end(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#tooLong) this.#log.counts.malformed++;
    else this.#log.line(line);
    this.#tooLong = false;
  }
}
