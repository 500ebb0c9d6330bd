import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import type { Http1RequestHead, Http1ResponseHead } from './head.ts';
import { HTAB, SP, TOKEN } from './octets.ts';

/**
 * How the end of a message is found (RFC 9112 §6.3). All but `length` are constants, made once.
 * - `none`: the message ends with its head
 * - `length`: this many octets of content
 * - `chunked`: chunks until the last one
 * - `close`: until the connection ends (responses only)
 * - `tunnel`: what follows is no HTTP (after CONNECT, 101)
 */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }
  | { readonly kind: 'tunnel' };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };
/** Chunked as the last of several codings: the content is still coded with the others. */
const CHUNKED_OVER_OTHERS: Framing = { kind: 'chunked' };
const UNTIL_CLOSE: Framing = { kind: 'close' };
const TUNNEL: Framing = { kind: 'tunnel' };

const LENGTH_WITH_CODING = fault('bad_framing', 'both Content-Length and Transfer-Encoding');
const LENGTH_REPEATED = fault('bad_framing', 'more than one Content-Length');
const LENGTH_MALFORMED = fault('bad_framing', 'Content-Length is not a number of octets');
const LENGTH_TOO_LARGE = fault('bad_framing', 'Content-Length is larger than 2^53 - 1');
const CODING_MALFORMED = fault('bad_framing', 'Transfer-Encoding is not a list of codings');
const CODING_ORDER = fault('bad_framing', 'chunked is not the last transfer coding, or is there twice');
const CODING_IN_REQUEST = fault('bad_framing', 'a request with a Transfer-Encoding other than chunked');
const SWITCH_WITHOUT_UPGRADE = fault('bad_framing', '101 without Upgrade and the connection option for it');
const CONNECT_WITH_CONTENT = fault('bad_framing', 'CONNECT with content');
const CODING_IN_HTTP10 = fault('bad_framing', 'Transfer-Encoding in HTTP/1.0');

/** What the fields that control a connection say, and where they are. One object per decoder, filled in for each head. */
export class ControlFields {
  /** Index of the first Host field, -1 without. */
  host = -1;
  hosts = 0;
  /** Whether the connection ends after this message (RFC 9112 §9.3). */
  last = false;
  #length = -1;
  #lengths = 0;
  #coding = -1;
  #codings = 0;
  #close = false;
  #keepAlive = false;
  #upgrade = false;
  #upgradeOption = false;

  read(head: Http1RequestHead | Http1ResponseHead): void {
    this.host = -1;
    this.hosts = 0;
    this.#length = -1;
    this.#lengths = 0;
    this.#coding = -1;
    this.#codings = 0;
    this.#close = false;
    this.#keepAlive = false;
    this.#upgrade = false;
    this.#upgradeOption = false;
    for (let i = 0; i < head.fieldCount; i++) {
      // The length of the name tells nearly all other fields apart without looking at a letter.
      switch (head.nameLength(i)) {
        case 4:
          if (head.nameIs(i, 'host') && this.hosts++ === 0) this.host = i;
          break;
        case 7:
          if (head.nameIs(i, 'upgrade')) this.#upgrade = true;
          break;
        case 10:
          if (head.nameIs(i, 'connection')) this.#readConnection(head, i);
          break;
        case 14:
          if (head.nameIs(i, 'content-length') && this.#lengths++ === 0) this.#length = i;
          break;
        case 17:
          if (head.nameIs(i, 'transfer-encoding') && this.#codings++ === 0) this.#coding = i;
          break;
        default:
      }
    }
    this.last = this.#close || (head.version === '1.0' && !this.#keepAlive);
  }

  /** Framing of a request (RFC 9112 §6.3); never guessed. */
  requestFraming(head: Http1RequestHead): Framing | Fault {
    const declared = this.#declared(head);
    if (declared !== undefined && declared.kind === 'fault') return declared;
    // The second one could be framed, but whoever passes the content on would have to keep the other codings.
    if (declared === UNTIL_CLOSE || declared === CHUNKED_OVER_OTHERS) return CODING_IN_REQUEST;
    if (head.method !== 'CONNECT') return declared ?? NONE;
    if (declared === undefined || (declared.kind === 'length' && declared.bytes === 0)) return TUNNEL;
    return CONNECT_WITH_CONTENT;
  }

  /** Framing of a response to a request with this method (RFC 9112 §6.3). */
  responseFraming(head: Http1ResponseHead, requestMethod: string): Framing | Fault {
    const { status } = head;
    // RFC 9110 §7.8 and §15.2.2 want both fields; without them some parsers go on with HTTP.
    if (status === 101) return this.#upgrade && this.#upgradeOption ? TUNNEL : SWITCH_WITHOUT_UPGRADE;
    if (requestMethod === 'CONNECT' && status >= 200 && status < 300) return TUNNEL;
    const declared = this.#declared(head);
    if (declared !== undefined && declared.kind === 'fault') return declared;
    if (status < 200 || status === 204 || status === 304 || requestMethod === 'HEAD') return NONE;
    return declared ?? UNTIL_CLOSE;
  }

  /** What Content-Length and Transfer-Encoding say together; undefined without either. */
  #declared(head: Http1RequestHead | Http1ResponseHead): Framing | Fault | undefined {
    if (this.#codings > 0) {
      if (this.#lengths > 0) return LENGTH_WITH_CODING;
      if (head.version === '1.0') return CODING_IN_HTTP10;
      if (this.#codings === 1 && head.valueIs(this.#coding, 'chunked')) return CHUNKED;
      return codingFraming(head);
    }
    if (this.#lengths === 0) return undefined;
    return this.#lengths === 1 ? lengthFraming(head.value(this.#length)) : LENGTH_REPEATED;
  }

  #readConnection(head: Http1RequestHead | Http1ResponseHead, index: number): void {
    if (head.valueIs(index, 'keep-alive')) this.#keepAlive = true;
    else if (head.valueIs(index, 'close')) this.#close = true;
    else if (head.valueIs(index, 'upgrade')) this.#upgradeOption = true;
    else {
      for (const element of head.value(index).toLowerCase().split(',')) {
        const option = withoutSpace(element);
        if (option === 'close') this.#close = true;
        else if (option === 'keep-alive') this.#keepAlive = true;
        else if (option === 'upgrade') this.#upgradeOption = true;
      }
    }
  }
}

function lengthFraming(value: string): Framing | Fault {
  let bytes = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return LENGTH_MALFORMED;
    bytes = bytes * 10 + digit;
    if (bytes > Number.MAX_SAFE_INTEGER) return LENGTH_TOO_LARGE;
  }
  return value === '' ? LENGTH_MALFORMED : { kind: 'length', bytes };
}

/**
 * Transfer codings other than the plain `chunked`. Chunked has to be last and only once; without it a response goes on
 * until the connection closes.
 */
function codingFraming(head: Http1RequestHead | Http1ResponseHead): Framing | Fault {
  let chunked = false;
  for (let i = 0; i < head.fieldCount; i++) {
    if (!head.nameIs(i, 'transfer-encoding')) continue;
    for (const element of head.value(i).split(',')) {
      const coding = withoutSpace(element);
      if (!isToken(coding)) return CODING_MALFORMED;
      if (chunked) return CODING_ORDER;
      chunked = coding.toLowerCase() === 'chunked';
    }
  }
  return chunked ? CHUNKED_OVER_OTHERS : UNTIL_CLOSE;
}

/** Not `trim`, which would also remove octets such as 0xa0; not a regular expression, whose cost could be quadratic. */
function withoutSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SP || code === HTAB;
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  }
  return text !== '';
}
