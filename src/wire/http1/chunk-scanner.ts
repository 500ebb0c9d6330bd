import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import { BACKSLASH, CR, DEL, DQUOTE, EQUALS, HEX, HTAB, LF, SEMICOLON, SP, TOKEN } from './octets.ts';

const BAD_SIZE = fault('bad_chunk', 'the chunk size is not a hexadecimal number');
const SIZE_TOO_LARGE = fault('bad_chunk', 'the chunk size is larger than 2^53 - 1');
const BAD_EXTENSION = fault('bad_chunk', 'a malformed chunk extension');
const LINE_TOO_LONG = fault('bad_chunk', 'the chunk size with its extensions is longer than 4096 octets');
const BAD_DATA_END = fault('bad_chunk', 'chunk data is not followed by CRLF');
const BARE_LF = fault('bare_line_end', 'LF without CR in chunk framing');
const BARE_CR = fault('bare_line_end', 'CR without LF in chunk framing');

/** Longest chunk size with extensions, octets. Nothing of it is kept, but somebody else's parser may keep it. */
const LINE_BYTES = 4096;

type Phase =
  | 'data-cr'
  | 'data-lf'
  | 'size-first'
  | 'size'
  | 'extension-first'
  | 'extension'
  | 'value-first'
  | 'value'
  | 'quoted'
  | 'quoted-pair'
  | 'quoted-end'
  | 'size-lf';

/**
 * Reads what stands between the data of two chunks (RFC 9112 §7.1): the CRLF after the data, the next size with its
 * extensions, the CRLF after that. Extensions are checked and dropped. White space around their parts, which the RFC
 * calls bad and Node refuses, is refused.
 */
export class ChunkScanner {
  /** Size of the chunk whose data comes next, octets; 0 for the last chunk. Known when `done`. */
  size = 0;
  done = false;
  fault: Fault | undefined;
  #phase: Phase = 'size-first';
  #lineBytes = 0;

  /** Begins with the first chunk of a message, or after the data of one. */
  restart(afterData: boolean): void {
    this.size = 0;
    this.done = false;
    this.fault = undefined;
    this.#phase = afterData ? 'data-cr' : 'size-first';
    this.#lineBytes = 0;
  }

  /**
   * Goes on with the octets from `from` to `end`; sets `done` or `fault` when it has come to that.
   *
   * @returns index after the last octet that was looked at
   */
  scan(chunk: Uint8Array, from: number, end: number): number {
    for (let i = from; i < end; i++) {
      this.#next(chunk[i] as number);
      if (this.done) return i + 1;
      if (this.fault !== undefined) return i;
    }
    return end;
  }

  #next(octet: number): void {
    if (this.#lineBytes++ >= LINE_BYTES) {
      this.fault = LINE_TOO_LONG;
      return;
    }
    switch (this.#phase) {
      case 'data-cr':
        if (octet === CR) this.#phase = 'data-lf';
        else this.fault = octet === LF ? BARE_LF : BAD_DATA_END;
        return;
      case 'data-lf':
        if (octet === LF) this.#phase = 'size-first';
        else this.fault = BARE_CR;
        return;
      case 'size-first':
      case 'size':
        this.#nextOfSize(octet);
        return;
      case 'size-lf':
        if (octet === LF) this.done = true;
        else this.fault = BARE_CR;
        return;
      default:
        this.#nextOfExtension(octet);
    }
  }

  #nextOfSize(octet: number): void {
    const digit = HEX[octet] as number;
    if (digit >= 0) {
      this.size = this.size * 16 + digit;
      this.#phase = 'size';
      if (this.size > Number.MAX_SAFE_INTEGER) this.fault = SIZE_TOO_LARGE;
    } else if (this.#phase === 'size-first') {
      this.fault = octet === LF ? BARE_LF : BAD_SIZE;
    } else {
      this.#afterPart(octet, BAD_SIZE);
    }
  }

  /** chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ) */
  #nextOfExtension(octet: number): void {
    switch (this.#phase) {
      case 'extension-first':
      case 'value-first':
        if (TOKEN[octet] === 1) this.#phase = this.#phase === 'value-first' ? 'value' : 'extension';
        else if (octet === DQUOTE && this.#phase === 'value-first') this.#phase = 'quoted';
        else this.fault = octet === LF ? BARE_LF : BAD_EXTENSION;
        return;
      case 'extension':
        if (octet === EQUALS) this.#phase = 'value-first';
        else if (TOKEN[octet] !== 1) this.#afterPart(octet, BAD_EXTENSION);
        return;
      case 'value':
        if (TOKEN[octet] !== 1) this.#afterPart(octet, BAD_EXTENSION);
        return;
      case 'quoted':
        if (octet === DQUOTE) this.#phase = 'quoted-end';
        else if (octet === BACKSLASH) this.#phase = 'quoted-pair';
        else if (!isText(octet)) this.fault = octet === LF ? BARE_LF : BAD_EXTENSION;
        return;
      case 'quoted-pair':
        if (isText(octet)) this.#phase = 'quoted';
        else this.fault = octet === LF ? BARE_LF : BAD_EXTENSION;
        return;
      default:
        this.#afterPart(octet, BAD_EXTENSION);
    }
  }

  #afterPart(octet: number, otherwise: Fault): void {
    if (octet === CR) this.#phase = 'size-lf';
    else if (octet === SEMICOLON) this.#phase = 'extension-first';
    else this.fault = octet === LF ? BARE_LF : otherwise;
  }
}

/** Octets of quoted text: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.6.4). */
function isText(octet: number): boolean {
  return (octet >= SP && octet !== DEL) || octet === HTAB;
}
