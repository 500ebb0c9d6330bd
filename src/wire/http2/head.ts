import type { Field } from './static-table.ts';

/** The head of a request that came in an HTTP/2 header block. */
export class Http2RequestHead {
  readonly method: string;
  /** `:path` as sent; for CONNECT the authority (RFC 9113 §8.5). */
  readonly target: string;
  readonly path: string;
  readonly query: string;
  /** `:authority`, else the Host field. */
  readonly authority: string;
  readonly scheme: string;
  /** `:protocol` of an extended CONNECT (RFC 8441), such as `websocket`. */
  readonly protocol: string | undefined;
  /** Fields without pseudo-headers, names in lower case. */
  readonly fields: readonly Field[];
  /** What Content-Length announces, octets. */
  readonly contentLength: number | undefined;

  private constructor(
    pseudo: ReadonlyMap<string, string>,
    fields: readonly Field[],
    contentLength: number | undefined,
  ) {
    this.contentLength = contentLength;
    this.method = pseudo.get(':method') ?? '';
    this.scheme = pseudo.get(':scheme') ?? '';
    this.protocol = pseudo.get(':protocol');
    this.fields = fields;
    this.authority = pseudo.get(':authority') ?? this.header('host') ?? '';
    this.target = pseudo.get(':path') ?? this.authority;
    const mark = this.target.indexOf('?');
    this.path = pseudo.has(':path') ? (mark < 0 ? this.target : this.target.slice(0, mark)) : '';
    this.query = mark < 0 || !pseudo.has(':path') ? '' : this.target.slice(mark + 1);
  }

  /** @returns undefined when the block is no proper request (RFC 9113 §8.2, §8.3.1): readers could take it differently */
  static of(block: readonly Field[]): Http2RequestHead | undefined {
    const pseudo = new Map<string, string>();
    const fields = splitFields(block, REQUEST_PSEUDO, pseudo);
    if (fields === undefined) return undefined;
    const isProper = isMethodAndTarget(pseudo) && isOneAuthority(pseudo.get(':authority'), fields);
    const length = lengthOf(fields);
    return isProper && length !== 'improper'
      ? new Http2RequestHead(pseudo, joinCookies(fields), length)
      : undefined;
  }

  header(name: string): string | undefined {
    return firstValue(this.fields, name);
  }

  headers(): Iterable<Field> {
    return this.fields;
  }
}

/** The head of an answer. */
export class Http2ResponseHead {
  readonly status: number;
  readonly fields: readonly Field[];
  /** What Content-Length announces, octets. */
  readonly contentLength: number | undefined;

  private constructor(status: number, fields: readonly Field[], contentLength: number | undefined) {
    this.status = status;
    this.fields = fields;
    this.contentLength = contentLength;
  }

  /** @returns undefined when the block is no proper answer (RFC 9113 §8.3.2) */
  static of(block: readonly Field[]): Http2ResponseHead | undefined {
    const pseudo = new Map<string, string>();
    const fields = splitFields(block, RESPONSE_PSEUDO, pseudo);
    const status = pseudo.get(':status') ?? '';
    if (fields === undefined || !/^[1-5]\d\d$/.test(status)) return undefined;
    const length = lengthOf(fields);
    return length === 'improper' ? undefined : new Http2ResponseHead(Number(status), fields, length);
  }

  header(name: string): string | undefined {
    return firstValue(this.fields, name);
  }

  headers(): Iterable<Field> {
    return this.fields;
  }
}

/** Trailers: no pseudo-headers (§8.1). */
export function trailersOf(block: readonly Field[]): readonly Field[] | undefined {
  return splitFields(block, NO_PSEUDO, new Map());
}

const REQUEST_PSEUDO: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  ':authority',
  ':path',
  ':protocol',
]);
const RESPONSE_PSEUDO: ReadonlySet<string> = new Set([':status']);
const NO_PSEUDO: ReadonlySet<string> = new Set();

/** Fields that belong to a connection of HTTP/1.1 make a message malformed (§8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

/** Puts pseudo-headers, which come first and once, into `pseudo`; undefined when a field may not be there. */
function splitFields(
  block: readonly Field[],
  known: ReadonlySet<string>,
  pseudo: Map<string, string>,
): readonly Field[] | undefined {
  let first = 0;
  for (; first < block.length; first++) {
    const [name, value] = block[first] as Field;
    if (name.charCodeAt(0) !== COLON) break;
    if (!known.has(name) || pseudo.has(name)) return undefined;
    pseudo.set(name, value);
  }
  for (let i = first; i < block.length; i++) {
    const [name, value] = block[i] as Field;
    if (!isFieldName(name) || CONNECTION_FIELDS.has(name) || !isFieldValue(value)) return undefined;
    if (name === 'te' && value.toLowerCase() !== 'trailers') return undefined;
  }
  return first === 0 ? block : block.slice(first);
}

/** The method, and what it may and has to come with (§8.3.1, §8.5; RFC 8441 §4). */
function isMethodAndTarget(pseudo: ReadonlyMap<string, string>): boolean {
  const method = pseudo.get(':method');
  if (method === undefined || !isToken(method)) return false;
  const protocol = pseudo.get(':protocol');
  const target = pseudo.get(':path');
  const scheme = pseudo.get(':scheme');
  if (method === 'CONNECT' && protocol === undefined)
    return pseudo.has(':authority') && target === undefined && scheme === undefined;
  if (protocol !== undefined && (method !== 'CONNECT' || !isToken(protocol))) return false;
  if (scheme === undefined || !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)) return false;
  return target !== undefined && (isPath(target) || (target === '*' && method === 'OPTIONS'));
}

/** Readers take either `:authority` or Host: these have to agree. */
function isOneAuthority(authority: string | undefined, fields: readonly Field[]): boolean {
  if (authority !== undefined && !isAuthority(authority)) return false;
  let one = authority?.toLowerCase();
  for (const [name, value] of fields) {
    if (name !== 'host') continue;
    const host = value.toLowerCase();
    if (!isAuthority(host) || (one !== undefined && one !== host)) return false;
    one = host;
  }
  return true;
}

/** The length that the fields announce: none, one, or more than one reading of it. */
function lengthOf(fields: readonly Field[]): number | undefined | 'improper' {
  let length: string | undefined;
  for (const [name, value] of fields) {
    if (name !== 'content-length') continue;
    if (!/^\d{1,15}$/.test(value) || (length !== undefined && length !== value)) return 'improper';
    length = value;
  }
  return length === undefined ? undefined : Number(length);
}

/** Cookies may come as a field each, and go on as one (§8.2.3). */
function joinCookies(fields: readonly Field[]): readonly Field[] {
  let first = -1;
  let count = 0;
  for (let i = 0; i < fields.length; i++) {
    if (!isCookie(fields[i] as Field)) continue;
    if (count++ === 0) first = i;
  }
  if (count < 2) return fields;
  const cookies = fields.filter(isCookie).map(([, value]) => value);
  return fields
    .filter((field, at) => at <= first || !isCookie(field))
    .with(first, ['cookie', cookies.join('; ')]);
}

function isCookie([name]: Field): boolean {
  return name === 'cookie';
}

function firstValue(fields: readonly Field[], name: string): string | undefined {
  for (const field of fields) if (field[0] === name) return field[1];
  return undefined;
}

const COLON = 0x3a;

/** A token without upper-case letters (§8.2.1). */
function isFieldName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
}

function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** Nothing that could end a start line where the request goes on as HTTP/1.1. */
function isPath(target: string): boolean {
  return /^\/[\x21-\x7e\x80-\xff]*$/.test(target);
}

/** Host and port, without user information. */
function isAuthority(text: string): boolean {
  return /^[\x21-\x3f\x41-\x7e\x80-\xff]*$/.test(text);
}

/** No NUL, CR or LF, and no white space around it. */
function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code === 0x0a || code === 0x0d) return false;
  }
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  return first !== 0x20 && first !== 0x09 && last !== 0x20 && last !== 0x09;
}
