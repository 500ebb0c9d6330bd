import type { Field } from './static-table.ts';

/** The head of a request that came in an HTTP/2 header block. */
export class Http2RequestHead {
  /** `GET` where a WebSocket is asked for, as it is in HTTP/1.1 (RFC 8441 §5). */
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

  private constructor(pseudo: Pseudo, fields: readonly Field[], contentLength: number | undefined) {
    const { method, scheme, protocol, authority, path } = pseudo;
    this.contentLength = contentLength;
    this.method = protocol === 'websocket' ? 'GET' : (method ?? '');
    this.scheme = scheme ?? '';
    this.protocol = protocol;
    this.fields = fields;
    this.authority = authority ?? this.header('host') ?? '';
    this.target = path ?? this.authority;
    const mark = path === undefined ? -1 : path.indexOf('?');
    this.path = path === undefined ? '' : mark < 0 ? path : path.slice(0, mark);
    this.query = path === undefined || mark < 0 ? '' : path.slice(mark + 1);
  }

  /** @returns undefined when the block is no proper request (RFC 9113 §8.2, §8.3.1): readers could take it differently */
  static of(block: readonly Field[]): Http2RequestHead | undefined {
    const pseudo = createPseudo();
    const fields = splitFields(block, 'request', pseudo);
    if (fields === undefined) return undefined;
    const isProper = isMethodAndTarget(pseudo) && isOneAuthority(pseudo.authority, fields);
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
    const pseudo = createPseudo();
    const fields = splitFields(block, 'response', pseudo);
    const { status } = pseudo;
    if (fields === undefined || status === undefined || !/^[1-5]\d\d$/.test(status)) return undefined;
    const length = lengthOf(fields);
    return length === 'improper' ? undefined : new Http2ResponseHead(Number(status), fields, length);
  }

  /** What agrees to a WebSocket, as the answer that does so in HTTP/1.1 (RFC 8441 §5). */
  asUpgrade(): Http2ResponseHead {
    return new Http2ResponseHead(101, this.fields, undefined);
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
  return splitFields(block, 'trailers', createPseudo());
}

/** Pseudo-headers (§8.3). */
interface Pseudo {
  method: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  protocol: string | undefined;
  status: string | undefined;
}

function createPseudo(): Pseudo {
  return {
    method: undefined,
    scheme: undefined,
    authority: undefined,
    path: undefined,
    protocol: undefined,
    status: undefined,
  };
}

/** @returns the pseudo-header of that name, where it may be in such a block */
function pseudoOf(name: string, block: 'request' | 'response' | 'trailers'): keyof Pseudo | undefined {
  if (block === 'response') return name === ':status' ? 'status' : undefined;
  if (block === 'trailers') return undefined;
  switch (name) {
    case ':method':
      return 'method';
    case ':scheme':
      return 'scheme';
    case ':authority':
      return 'authority';
    case ':path':
      return 'path';
    case ':protocol':
      return 'protocol';
    default:
      return undefined;
  }
}

/** Whether a field belongs to a connection of HTTP/1.1, which makes a message malformed (§8.2.2). */
function isConnectionField(name: string): boolean {
  switch (name.length) {
    case 7:
      return name === 'upgrade';
    case 10:
      return name === 'connection' || name === 'keep-alive';
    case 16:
      return name === 'proxy-connection';
    case 17:
      return name === 'transfer-encoding';
    default:
      return false;
  }
}

/** Puts pseudo-headers, which come first and once, into `pseudo`; undefined when a field may not be there. */
function splitFields(
  block: readonly Field[],
  kind: 'request' | 'response' | 'trailers',
  pseudo: Pseudo,
): readonly Field[] | undefined {
  let first = 0;
  for (; first < block.length; first++) {
    const [name, value] = block[first] as Field;
    if (name.charCodeAt(0) !== COLON) break;
    const key = pseudoOf(name, kind);
    if (key === undefined || pseudo[key] !== undefined) return undefined;
    pseudo[key] = value;
  }
  let hasBinary = false;
  for (let i = first; i < block.length; i++) {
    const [name, value] = block[i] as Field;
    if (!isFieldName(name) || isConnectionField(name)) return undefined;
    if (!isFieldValue(value)) {
      if (!isBinaryMetadata(name, value)) return undefined;
      hasBinary = true;
    }
    if (name === 'te' && value.toLowerCase() !== 'trailers') return undefined;
  }
  const fields = first === 0 ? block : block.slice(first);
  return hasBinary ? fields.map(asBase64) : fields;
}

/**
 * Binary metadata as gRPC's C core sends it where both sides have set GRPC_ALLOW_TRUE_BINARY_METADATA: a NUL, then the bytes
 * as they are instead of Base64 (gRPC proposal G1).
 */
function isBinaryMetadata(name: string, value: string): boolean {
  return value.charCodeAt(0) === 0 && name.endsWith('-bin');
}

/** Binary metadata as everyone else takes it: the same bytes in Base64, without padding. */
function asBase64(field: Field): Field {
  const [name, value] = field;
  if (!isBinaryMetadata(name, value)) return field;
  return [name, Buffer.from(value.slice(1), 'latin1').toString('base64').replace(/=+$/, '')];
}

/** The method, and what it may and has to come with (§8.3.1, §8.5; RFC 8441 §4). */
function isMethodAndTarget({ method, protocol, path: target, scheme, authority }: Pseudo): boolean {
  if (method === undefined || !isToken(method)) return false;
  if (method === 'CONNECT' && protocol === undefined)
    return authority !== undefined && target === undefined && scheme === undefined;
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
/** 1 for what a field's name may hold; a table is four times as fast as a pattern on names this short. */
const NAME_OCTETS = Uint8Array.from({ length: 256 }, (_, octet) =>
  /[!#$%&'*+\-.^_`|~0-9a-z]/.test(String.fromCharCode(octet)) ? 1 : 0,
);

/** A token without upper-case letters (§8.2.1). */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (NAME_OCTETS[name.charCodeAt(i)] !== 1) return false;
  return name !== '';
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
