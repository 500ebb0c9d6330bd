/**
 * What the mirror may send ahead, on a stream and in all, octets. What comes is read at once, and either kept within the
 * policy's limits or dropped with its copy: a smaller window would only slow answers down.
 */
export const RECEIVE_WINDOW = 2 ** 30;
/** Content that the mirror gets leave for again in one go. */
const REPLENISH_BYTES = 2 ** 24;
/**
 * Octets that are no content after which a session takes no more copies: padding counts against the window (RFC 9113
 * §6.1) and is not given back, so that a session that has had this much could come to a halt.
 */
const OVERHEAD_MAX_BYTES = RECEIVE_WINDOW / 2;
/** Content that may still come for each copy that was given up. */
const STRAY_BYTES = 4 * 1024 * 1024;
/** What a header block of a stream that is over counts as stray content. */
const STRAY_BLOCK_BYTES = 1024;

/** What has come on one session, as far as there are limits to it. */
export class Inflow {
  #contentBytes = 0;
  #overheadBytes = 0;
  #unreplenishedBytes = 0;
  #strayBytes = 0;

  /** Octets of content so far. */
  get contentBytes(): number {
    return this.#contentBytes;
  }

  /** So much has come that was no content that the session should take no more copies. */
  get spoilt(): boolean {
    return this.#overheadBytes > OVERHEAD_MAX_BYTES;
  }

  content(bytes: number): void {
    this.#contentBytes += bytes;
    this.#unreplenishedBytes += bytes;
  }

  overhead(bytes: number): void {
    this.#overheadBytes += bytes;
  }

  /** Octets that the mirror is to get leave for again now; 0: not yet. */
  replenish(): number {
    const bytes = this.#unreplenishedBytes;
    if (bytes < REPLENISH_BYTES) return 0;
    this.#unreplenishedBytes = 0;
    return bytes;
  }

  /** A copy is given up, of which more may be under way. */
  expectStray(): void {
    this.#strayBytes += STRAY_BYTES;
  }

  /** Something came for a stream that is over, by default a header block. @returns whether that may be */
  stray(bytes: number = STRAY_BLOCK_BYTES): boolean {
    this.#strayBytes -= bytes;
    return this.#strayBytes >= 0;
  }
}
