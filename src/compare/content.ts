import { Buffer, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import type { BodyFault } from '../model/difference.ts';
import { parseParameters } from './field-parameters.ts';
import type { Content } from './format.ts';

/**
 * A body, or a part of one, decompressed.
 *
 * @param contentType value of the header, empty when there is none
 * @param truncated it was cut, and its last line may be a part of one
 */
export function createContent(bytes: Buffer, contentType: string, truncated = false): Content {
  return new BodyContent(bytes, contentType, truncated);
}

class BodyContent implements Content {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly truncated: boolean;
  readonly #contentType: string;
  #text: string | undefined;
  #decoded = false;

  constructor(bytes: Buffer, contentType: string, truncated: boolean) {
    this.bytes = truncated ? wholeLines(bytes) : bytes;
    this.truncated = truncated;
    this.#contentType = contentType;
    const end = contentType.indexOf(';');
    this.mediaType = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  }

  parameter(name: string): string | undefined {
    if (!this.#contentType.includes(';')) return undefined;
    return parseParameters(this.#contentType).parameters.get(name);
  }

  text(): string | undefined {
    if (!this.#decoded) {
      this.#decoded = true;
      this.#text = decodeText(this.bytes, this.parameter('charset'));
    }
    return this.#text;
  }
}

/** Without the line that has no end: it may be cut within a character. */
function wholeLines(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.max(bytes.lastIndexOf(0x0a), bytes.lastIndexOf(0x0d)) + 1);
}

/** Why a content has no text. */
export function textFault(content: Content): BodyFault {
  return isKnownCharset(content.parameter('charset')) ? 'invalid_encoding' : 'unknown_charset';
}

/** Whether a charset is UTF-8, or a part of it; nothing said means UTF-8. */
export function isUtf8Label(label: string | undefined): boolean {
  return label === undefined || /^(?:utf-?8|us-ascii|ascii)?$/i.test(label.trim());
}

/** Whether bytes begin with the byte order mark of UTF-16, which says more than a header does (WHATWG Encoding §6). */
export function hasUtf16Mark(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** @returns the text without byte order mark; undefined when the bytes are none, or the charset is not known */
function decodeText(bytes: Buffer, label: string | undefined): string | undefined {
  if (hasUtf16Mark(bytes)) return decodeBy(bytes, bytes[0] === 0xff ? 'utf-16le' : 'utf-16be');
  if (!isUtf8Label(label)) return decodeBy(bytes, label ?? '');
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function decodeBy(bytes: Buffer, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isKnownCharset(label: string | undefined): boolean {
  if (isUtf8Label(label)) return true;
  try {
    return new TextDecoder(label).encoding !== '';
  } catch {
    return false;
  }
}

/** A body's pieces as one; the piece itself when there is only one, unless its memory is shared with other threads. */
export function joined(pieces: readonly Uint8Array[]): Buffer {
  const [first] = pieces;
  if (first === undefined) return Buffer.alloc(0);
  if (pieces.length > 1 || first.buffer instanceof SharedArrayBuffer) return Buffer.concat(pieces);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}
