import type { Buffer } from 'node:buffer';
import type { BodyFault } from '../../model/difference.ts';
import { decodeBody } from '../../model/content-coding.ts';

/** Flags and length before each message. */
const PREFIX_BYTES = 5;
const COMPRESSED = 0x01;
/** gRPC-Web: the frame holds trailers. */
const TRAILERS = 0x80;
/** Connect: the message ends the stream, and says how it ended. */
const END_STREAM = 0x02;

/** What a body of messages with prefixes holds. */
export interface RpcBody {
  /** Decompressed. */
  readonly messages: readonly Buffer[];
  /** gRPC-Web: trailers; Connect: the JSON that ends the stream. */
  readonly end: Buffer | undefined;
  /** `truncated`: the last message is not whole. What stands before a fault is in `messages`. */
  readonly fault: BodyFault | undefined;
}

export interface RpcBodyLimits {
  readonly messages: number;
  /** Of all messages together, decompressed. */
  readonly bytes: number;
}

/**
 * Takes the messages of a body apart (gRPC: Length-Prefixed-Message of PROTOCOL-HTTP2.md). Takes time linear in its length
 * and in what is decompressed.
 *
 * @param encoding the value of grpc-encoding or connect-content-encoding: what compressed messages are compressed by
 * @param endFlag flag of the last frame, which is no message; 0 when there is none
 */
export function readRpcBody(
  bytes: Buffer,
  encoding: string,
  endFlag: 0 | typeof TRAILERS | typeof END_STREAM,
  limits: RpcBodyLimits,
): RpcBody {
  const messages: Buffer[] = [];
  let end: Buffer | undefined;
  let left = limits.bytes;
  const over = (fault: BodyFault | undefined): RpcBody => ({ messages, end, fault });
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < PREFIX_BYTES) return over('truncated');
    const flags = bytes.readUInt8(at);
    const start = at + PREFIX_BYTES;
    const stop = start + bytes.readUInt32BE(at + 1);
    if ((flags & ~(COMPRESSED | endFlag)) !== 0 || end !== undefined) return over('malformed');
    if (stop > bytes.length) return over('truncated');
    if (messages.length >= limits.messages) return over('too_many_values');
    const sent = bytes.subarray(start, stop);
    const decoded = (flags & COMPRESSED) === 0 ? plain(sent, left) : decompressed(sent, encoding, left);
    if (decoded.fault !== undefined) return over(decoded.fault);
    left -= decoded.bytes.length;
    if ((flags & endFlag) === 0) messages.push(decoded.bytes);
    else end = decoded.bytes;
    at = stop;
  }
  return over(undefined);
}

interface Decoded {
  readonly bytes: Buffer;
  readonly fault: BodyFault | undefined;
}

function plain(bytes: Buffer, limit: number): Decoded {
  return { bytes, fault: bytes.length > limit ? 'too_many_values' : undefined };
}

function decompressed(bytes: Buffer, encoding: string, limit: number): Decoded {
  // A message that says it is compressed has to be so by something.
  if (encoding === '' || encoding === 'identity') return { bytes, fault: 'unknown_coding' };
  if (bytes.length === 0) return { bytes, fault: 'truncated_coding' };
  return decodeBody(bytes, encoding, Math.max(1, limit));
}
