import type { Buffer } from 'node:buffer';
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import type { BodyFault } from './difference.ts';

/** Codings one upon another; nobody uses more, except to make readers work. */
export const CODINGS_MAX = 3;
/** Most bytes that a byte of a compressed body may stand for. Deflate ends at 1,032 (all zeros); real text is below 100. */
export const RATIO_MAX = 500;
/** What any compressed body may grow to, however short it is. */
export const ALWAYS_ALLOWED_BYTES = 256 * 1024;

export interface DecodedBody {
  /** Without its codings; what could be decoded of a truncated one; as it came when there is another fault. */
  readonly bytes: Buffer;
  readonly fault: BodyFault | undefined;
}

interface Options {
  readonly maxOutputLength: number;
  readonly finishFlush?: number;
}

interface Decoder {
  readonly decode: (bytes: Buffer, options: Options) => Buffer;
  /** The flush with which the end of the input is no error. */
  readonly partial: number;
}

const GZIP: Decoder = { decode: gunzipSync, partial: constants.Z_SYNC_FLUSH };
const DECODERS: ReadonlyMap<string, Decoder> = new Map([
  ['gzip', GZIP],
  ['x-gzip', GZIP],
  ['deflate', { decode: inflateEither, partial: constants.Z_SYNC_FLUSH }],
  ['br', { decode: brotliDecompressSync, partial: constants.BROTLI_OPERATION_FLUSH }],
  ['zstd', { decode: zstdDecompressSync, partial: constants.ZSTD_e_flush }],
]);

/**
 * Takes the codings of a body off (RFC 9110 §8.4.1; br: RFC 7932, zstd: RFC 8878).
 *
 * @param codings the value of Content-Encoding, in the order in which they were put on
 * @param limitBytes longest result
 */
export function decodeBody(bytes: Buffer, codings: string, limitBytes: number): DecodedBody {
  const names = codings
    .toLowerCase()
    .split(',', CODINGS_MAX + 8)
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  // No content is no coded content, whatever its head says.
  if (names.length === 0 || bytes.length === 0) return { bytes, fault: undefined };
  if (names.length > CODINGS_MAX) return { bytes, fault: 'unknown_coding' };
  let decoded = bytes;
  for (const name of names.toReversed()) {
    const decoder = DECODERS.get(name);
    if (decoder === undefined) return { bytes, fault: 'unknown_coding' };
    const maxOutputLength = Math.min(limitBytes, Math.max(ALWAYS_ALLOWED_BYTES, decoded.length * RATIO_MAX));
    const layer = decodeLayer(decoder, decoded, maxOutputLength);
    if (layer.fault !== undefined) {
      // Only the outermost part of a cut body is one that others cut alike would share.
      const whole = layer.fault === 'truncated_coding' && names.length === 1;
      return { bytes: whole ? layer.bytes : bytes, fault: layer.fault };
    }
    decoded = layer.bytes;
  }
  return { bytes: decoded, fault: undefined };
}

function decodeLayer(decoder: Decoder, bytes: Buffer, maxOutputLength: number): DecodedBody {
  try {
    return { bytes: decoder.decode(bytes, { maxOutputLength }), fault: undefined };
  } catch (error) {
    const fault = faultOf(error);
    return {
      bytes: fault === 'truncated_coding' ? beginning(decoder, bytes, maxOutputLength) : bytes,
      fault,
    };
  }
}

/** What a truncated body holds up to its end. */
function beginning(decoder: Decoder, bytes: Buffer, maxOutputLength: number): Buffer {
  try {
    return decoder.decode(bytes, { maxOutputLength, finishFlush: decoder.partial });
  } catch {
    return bytes;
  }
}

function faultOf(error: unknown): BodyFault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'bomb';
  return code === 'Z_BUF_ERROR' ? 'truncated_coding' : 'malformed_coding';
}

/** `deflate` means the zlib format (RFC 1950); some programs send the bare one (RFC 1951). */
function inflateEither(bytes: Buffer, options: Options): Buffer {
  const head = bytes.length > 1 ? bytes.readUInt16BE(0) : 0x7800;
  const zlib = (head & 0x0f00) === 0x0800 && (bytes.length < 2 || head % 31 === 0);
  return zlib ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
}
