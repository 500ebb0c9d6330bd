import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import { FIELDS_MAX, MARKS_PER_FIELD } from './head.ts';
import { COLON, CR, DEL, HTAB, LF, SP, TARGET, TOKEN } from './octets.ts';
import { wholeFieldLines, wholeRequestLine, wholeStatusLine } from './whole-lines.ts';

const NOT_A_METHOD = fault('not_http', 'no method where a request has to begin');
const NOT_A_STATUS_LINE = fault('not_http', 'no status line where a response has to begin');
const NOT_A_VERSION = fault('not_http', 'no HTTP version after the request target');
const BAD_METHOD = fault('bad_start_line', 'the method is not a token followed by one space');
const BAD_TARGET = fault('bad_start_line', 'the request target holds an octet that no URI has');
const BAD_VERSION = fault('bad_start_line', 'the version is neither HTTP/1.0 nor HTTP/1.1');
const BAD_STATUS = fault('bad_start_line', 'the status is not a number from 100 to 999');
const BAD_REASON = fault('bad_start_line', 'a control character in the reason phrase');
const BAD_LINE_START = fault('bad_header', 'a line that begins with white space');
const BAD_NAME = fault('bad_header', 'a field name is not a token followed by a colon');
const BAD_VALUE = fault('bad_header', 'a control character in a field value');
const BARE_LF = fault('bare_line_end', 'LF without CR');
const BARE_CR = fault('bare_line_end', 'CR without LF');
const TOO_MANY = fault('head_too_large', 'more than 1000 fields');
const TOO_LARGE = fault('head_too_large', 'the head or trailer section is over its limit');

export type Lines = 'request' | 'response' | 'trailers';

type Phase =
  | 'line-start'
  | 'empty-line-lf'
  | 'name'
  | 'before-value'
  | 'value'
  | 'line-lf'
  | 'method'
  | 'target'
  | 'status-line'
  | 'version'
  | 'status'
  | 'reason';

const FIRST_PHASE = { request: 'method', response: 'status-line', trailers: 'line-start' } as const;
const VERSION = 'HTTP/1.';

/** Marks that a scanner keeps room for between heads. */
const KEPT_MARKS = 64 * MARKS_PER_FIELD;

/**
 * Looks once at every octet of a head or trailer section, in pieces of any size, and notes where its parts begin and
 * end, counted from its first octet. What it accepts is well-formed after RFC 9112 §2.2, §3, §4 and §5 in their strict
 * reading: CRLF only, single spaces in the start line, no white space before a colon, no folded lines.
 */
export class LineScanner {
  /** Four numbers per field: start and end of the name, start and end of the value. Only the first `used` count. */
  marks: number[] = [];
  used = 0;
  /** Octets looked at so far. */
  length = 0;
  done = false;
  fault: Fault | undefined;
  /** Of a request: where the spaces after the method and after the target are. */
  methodEnd = 0;
  targetEnd = 0;
  /** Of a response: the status, and where the status line ends. */
  status = 0;
  lineEnd = 0;
  /** x of HTTP/1.x. */
  minor = 0;
  #limit = 0;
  #phase: Phase = 'method';
  /** Octets of the version or digits of the status seen. */
  #seen = 0;
  /** End of the last octet of a value that is not white space. */
  #valueEnd = 0;

  /** Begins with the first octet of what `lines` says. `limit`: longest that is accepted, bytes. */
  restart(lines: Lines, limit: number): void {
    this.used = 0;
    this.length = 0;
    this.done = false;
    this.fault = undefined;
    this.status = 0;
    this.#limit = limit;
    this.#phase = FIRST_PHASE[lines];
    this.#seen = 0;
  }

  /** The marks of this head, for keeping. */
  takeMarks(): number[] {
    const marks = this.marks.slice(0, this.used);
    this.release();
    return marks;
  }

  /** Lets go of the room that one large head needed, rather than keep it as long as the connection lives. */
  release(): void {
    if (this.marks.length > KEPT_MARKS) this.marks = [];
    this.used = 0;
  }

  /**
   * Goes on with the octets from `from` to `end`; sets `done` or `fault` when it has come to that.
   *
   * @returns index after the last octet that was looked at
   */
  scan(chunk: Uint8Array, from: number, end: number): number {
    const base = from - this.length;
    const stop = end - base > this.#limit ? base + this.#limit : end;
    let i = this.#wholeLines(chunk, from, stop, base);
    while (i < stop) {
      this.#next(chunk[i] as number, i - base);
      if (this.fault !== undefined) return i;
      i++;
      if (this.done) break;
      if (this.#phase === 'line-start') i = this.#wholeLines(chunk, i, stop, base);
    }
    this.length = i - base;
    if (this.length >= this.#limit && !this.done) this.fault = TOO_LARGE;
    return i;
  }

  /** Takes as many lines as lie whole in the chunk and are nothing special. */
  #wholeLines(chunk: Uint8Array, from: number, stop: number, base: number): number {
    let i = from;
    if (i === base && this.#phase !== 'line-start') {
      const line = this.#phase === 'method' ? wholeRequestLine : wholeStatusLine;
      i = line(this, chunk, from, stop);
      if (i === from) return i;
      this.#phase = 'line-start';
    }
    return this.#phase === 'line-start' ? wholeFieldLines(this, chunk, i, stop, base) : i;
  }

  #next(octet: number, position: number): void {
    switch (this.#phase) {
      case 'line-start':
        if (TOKEN[octet] === 1) this.#startName(position);
        else if (octet === CR) this.#phase = 'empty-line-lf';
        else this.#refuse(octet, octet === SP || octet === HTAB ? BAD_LINE_START : BAD_NAME);
        return;
      case 'empty-line-lf':
        if (octet === LF) this.done = true;
        else this.fault = BARE_CR;
        return;
      case 'name':
        if (octet === COLON) this.#mark(position, 'before-value');
        else if (TOKEN[octet] !== 1) this.#refuse(octet, BAD_NAME);
        return;
      case 'before-value':
        if (octet === SP || octet === HTAB) return;
        this.#valueEnd = position;
        this.#mark(position, 'value');
        this.#nextOfValue(octet, position);
        return;
      case 'value':
        this.#nextOfValue(octet, position);
        return;
      case 'line-lf':
        if (octet === LF) this.#phase = 'line-start';
        else this.fault = BARE_CR;
        return;
      default:
        this.#nextOfStartLine(octet, position);
    }
  }

  #nextOfStartLine(octet: number, position: number): void {
    switch (this.#phase) {
      case 'method':
        if (TOKEN[octet] === 1) return;
        if (octet === SP && position > 0) {
          this.methodEnd = position;
          this.#phase = 'target';
        } else {
          this.#refuse(octet, position > 0 ? BAD_METHOD : NOT_A_METHOD);
        }
        return;
      case 'target':
        if (TARGET[octet] === 1) return;
        if (octet === SP && position > this.methodEnd + 1) {
          this.targetEnd = position;
          this.#phase = 'version';
        } else {
          this.#refuse(octet, BAD_TARGET);
        }
        return;
      case 'version':
        if (this.#seen < 8) this.#nextOfVersion(octet, NOT_A_VERSION);
        else if (octet === CR) this.#phase = 'line-lf';
        else this.#refuse(octet, BAD_VERSION);
        return;
      case 'status-line':
        if (this.#seen < 8) {
          this.#nextOfVersion(octet, NOT_A_STATUS_LINE);
        } else if (octet === SP) {
          this.#seen = 0;
          this.#phase = 'status';
        } else {
          this.#refuse(octet, BAD_VERSION);
        }
        return;
      case 'status':
        this.#nextOfStatus(octet, position);
        return;
      default:
        if (octet === CR) this.#endStatusLine(position);
        else if (!isText(octet)) this.#refuse(octet, BAD_REASON);
    }
  }

  #nextOfVersion(octet: number, otherwise: Fault): void {
    if (this.#seen === VERSION.length) {
      this.minor = octet - 0x30;
      if (this.minor !== 0 && this.minor !== 1) this.#refuse(octet, BAD_VERSION);
    } else if (octet !== VERSION.charCodeAt(this.#seen)) {
      this.#refuse(octet, this.#seen < 'HTTP/'.length ? otherwise : BAD_VERSION);
    }
    this.#seen++;
  }

  #nextOfStatus(octet: number, position: number): void {
    if (this.#seen < 3) {
      const digit = octet - 0x30;
      if (digit < 0 || digit > 9 || (digit === 0 && this.#seen === 0)) this.#refuse(octet, BAD_STATUS);
      this.status = this.status * 10 + digit;
      this.#seen++;
    } else if (octet === SP) {
      this.#phase = 'reason';
    } else if (octet === CR) {
      // The space before an empty reason is left out by some servers; nothing hangs on it.
      this.#endStatusLine(position);
    } else {
      this.#refuse(octet, BAD_STATUS);
    }
  }

  #endStatusLine(position: number): void {
    this.lineEnd = position;
    this.#phase = 'line-lf';
  }

  #startName(position: number): void {
    if (this.used === FIELDS_MAX * MARKS_PER_FIELD) this.fault = TOO_MANY;
    else this.#mark(position, 'name');
  }

  #nextOfValue(octet: number, position: number): void {
    if (octet === CR) this.#mark(this.#valueEnd, 'line-lf');
    else if (!isText(octet)) this.#refuse(octet, BAD_VALUE);
    else if (octet !== SP && octet !== HTAB) this.#valueEnd = position + 1;
  }

  #mark(position: number, phase: Phase): void {
    this.marks[this.used++] = position;
    this.#phase = phase;
  }

  #refuse(octet: number, flaw: Fault): void {
    this.fault = octet === LF ? BARE_LF : flaw;
  }
}

/** Octets of text: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5). */
function isText(octet: number): boolean {
  return (octet >= SP && octet !== DEL) || octet === HTAB;
}
