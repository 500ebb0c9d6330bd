import { Http2ResponseHead } from '../wire/http2/head.ts';
import type { Field } from '../wire/http2/static-table.ts';
import type { LiveExchange } from './exchange.ts';

/** A connection that was HTTP/1.1 until now (RFC 7540 §3.2). */
export interface Upgraded {
  /** The request that asked for it, whole; its answer comes on stream 1. */
  readonly exchange: LiveExchange;
  /** Payload of SETTINGS, from the field HTTP2-Settings. */
  readonly settings: Uint8Array;
}

/** Whether an answer is shorter or longer than it has said (RFC 9113 §8.1.1). */
export function isCut({ request, response, responseBodyBytes }: LiveExchange): boolean {
  const announced = response instanceof Http2ResponseHead ? response.contentLength : undefined;
  if (announced === undefined || announced === responseBodyBytes) return false;
  return responseBodyBytes > 0 || !(request.method === 'HEAD' || response?.status === 304);
}

/** Whether a block is the head of a message, not its trailers (§8.1). */
export function hasPseudo(fields: readonly Field[]): boolean {
  return fields[0]?.[0].startsWith(':') === true;
}

/** Octets of names and values. */
export function lengthOf(fields: readonly Field[]): number {
  let bytes = 0;
  for (const [name, value] of fields) bytes += name.length + value.length;
  return bytes;
}
