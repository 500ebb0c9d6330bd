import { CR, HTAB, LF, SP, TOKEN } from './octets.ts';

/** What a request would have to hold, but must not: the caller's mistake or an attack, never sent. */
export class EncodeError extends TypeError {
  readonly code: EncodeErrorCode;

  constructor(code: EncodeErrorCode, message: string) {
    super(message);
    this.name = 'EncodeError';
    this.code = code;
  }
}

export type EncodeErrorCode =
  | 'bad_method'
  | 'bad_target'
  | 'bad_field_name'
  | 'bad_field_value'
  | 'framing_field'
  | 'bad_host'
  | 'bad_length';

type Fields = Iterable<readonly [name: string, value: string]>;

const CHUNK_END_BYTES = 2;
const EMPTY = Buffer.alloc(0);
/** Fields that say where a message ends. The encoder writes them itself; a second opinion would be request smuggling. */
const FRAMING_FIELDS = new Set(['content-length', 'transfer-encoding']);

/**
 * A request head (RFC 9112 §3), ready to be sent. Strings hold an octet per code unit, as the decoder's heads do.
 *
 * @param fields in the order in which they go out; exactly one `Host`, no `Content-Length`, no `Transfer-Encoding`
 * @param body `none`: no framing field is written; a number: Content-Length in bytes; `chunked`
 * @throws EncodeError when anything could not be read back as what was given, above all with CR, LF or NUL inside
 */
export function encodeRequestHead(
  method: string,
  target: string,
  fields: Fields,
  body: 'none' | 'chunked' | number,
): Buffer {
  if (!isToken(method)) throw new EncodeError('bad_method', 'the method is not a token');
  if (!isTarget(target))
    throw new EncodeError('bad_target', 'the request target is empty or holds an octet that no URI has');
  let text = `${method} ${target} HTTP/1.1\r\n`;
  let hosts = 0;
  for (const [name, value] of fields) {
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    text += fieldLine(name, value);
  }
  if (hosts !== 1) throw new EncodeError('bad_host', `${hosts} Host fields; exactly one has to be there`);
  return Buffer.from(`${text}${framingLine(body)}\r\n`, 'latin1');
}

/** One chunk (RFC 9112 §7.1) with a copy of its data; nothing for no data, because an empty chunk would end the message. */
export function encodeChunk(content: Uint8Array): Buffer {
  if (content.length === 0) return EMPTY;
  const size = content.length.toString(16);
  const start = size.length + CHUNK_END_BYTES;
  const chunk = Buffer.allocUnsafe(start + content.length + CHUNK_END_BYTES);
  chunk.write(`${size}\r\n`, 0, 'latin1');
  chunk.set(content, start);
  chunk[start + content.length] = CR;
  chunk[start + content.length + 1] = LF;
  return chunk;
}

/**
 * The last chunk with the trailer section (RFC 9112 §7.1.2), which ends a chunked message.
 *
 * @throws EncodeError as `encodeRequestHead` does
 */
export function encodeLastChunk(trailers?: Fields): Buffer {
  let text = '0\r\n';
  for (const [name, value] of trailers ?? []) text += fieldLine(name, value);
  return Buffer.from(`${text}\r\n`, 'latin1');
}

function framingLine(body: 'none' | 'chunked' | number): string {
  if (body === 'none') return '';
  if (body === 'chunked') return 'Transfer-Encoding: chunked\r\n';
  if (!Number.isSafeInteger(body) || body < 0)
    throw new EncodeError('bad_length', `${body} is not a number of bytes`);
  return `Content-Length: ${body}\r\n`;
}

function fieldLine(name: string, value: string): string {
  if (!isToken(name)) throw new EncodeError('bad_field_name', 'a field name is not a token');
  if (!isFieldValue(value)) {
    throw new EncodeError(
      'bad_field_value',
      `the value of ${name} holds a control character or one above 0xff`,
    );
  }
  if ((name.length === 14 || name.length === 17) && FRAMING_FIELDS.has(name.toLowerCase())) {
    throw new EncodeError('framing_field', `${name} is written by the encoder`);
  }
  return `${name}: ${value}\r\n`;
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  }
  return text !== '';
}

function isTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= SP || code >= 0x7f || code === 0x23) return false;
  }
  return text !== '';
}

/** Characters above 0xff count too: written as latin1, U+010D would become CR. */
function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < SP && code !== HTAB) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}
