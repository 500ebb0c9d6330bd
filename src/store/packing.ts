import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { damaged } from './row.ts';

/** First byte of what is packed; four bytes with the length, little endian, follow. */
const PLAIN = 0;
const ZSTD = 1;
const HEADER_BYTES = 5;
/** Shorter content is kept as it is. */
const SHORT_BYTES = 128;
/** Longest content that is unpacked, bytes: more cannot have been packed by us. */
const CONTENT_LIMIT = 256 * 1024 * 1024;

const OPTIONS = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    // Four bytes that tell a flipped bit.
    [constants.ZSTD_c_checksumFlag]: 1,
  },
};

/** Compresses content with Zstandard (RFC 8878) where that makes it smaller by an eighth. */
export function pack(content: Uint8Array): Uint8Array {
  if (content.length >= SHORT_BYTES) {
    const compressed = zstdCompressSync(content, OPTIONS);
    if (compressed.length < content.length - content.length / 8) {
      return packed(ZSTD, content.length, compressed);
    }
  }
  return packed(PLAIN, content.length, content);
}

/**
 * Gives back what was packed.
 *
 * @throws StoreError `damaged` when it was not packed by `pack`, or is not whole
 */
export function unpack(bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length < HEADER_BYTES) throw damaged(what);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
  const rest = bytes.subarray(HEADER_BYTES);
  const content = bytes[0] === ZSTD ? inflate(rest, length, what) : rest;
  if (content.length !== length || (bytes[0] !== ZSTD && bytes[0] !== PLAIN)) throw damaged(what);
  return content;
}

export function packJson(value: unknown): Uint8Array {
  return pack(Buffer.from(JSON.stringify(value)));
}

/** @throws StoreError `damaged` when it is no packed JSON */
export function unpackJson(bytes: Uint8Array, what: string): unknown {
  const text = Buffer.from(unpack(bytes, what)).toString();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(what, error);
  }
}

function packed(codec: number, length: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + content.length);
  bytes[0] = codec;
  new DataView(bytes.buffer).setUint32(1, length, true);
  bytes.set(content, HEADER_BYTES);
  return bytes;
}

function inflate(content: Uint8Array, length: number, what: string): Uint8Array {
  if (length > CONTENT_LIMIT) throw damaged(what);
  try {
    const { buffer, byteOffset, byteLength } = zstdDecompressSync(content, {
      maxOutputLength: Math.max(1, length),
    });
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw damaged(what, error);
  }
}
