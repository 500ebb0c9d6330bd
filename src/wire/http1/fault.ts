/**
 * Why a decoder gave a stream up.
 * - `not_http`: what stands where a message has to begin is no HTTP/1 at all
 * - `head_too_large`: head or trailer section over its limit
 * - `bad_start_line`, `bad_header`: against the grammar of RFC 9112 §3, §4 and §5
 * - `bad_framing`: the length of the message cannot be known for certain (RFC 9112 §6, §11.2)
 * - `bad_chunk`: against the grammar of RFC 9112 §7.1
 * - `bare_line_end`: CR or LF alone where CRLF has to be
 * - `gap`: bytes were lost outside a body, so nobody knows where the next message begins
 * - `unexpected_close`: the stream ended within a message
 * - `no_request`: a response without a request that it could answer
 */
export type BrokenReason =
  | 'not_http'
  | 'head_too_large'
  | 'bad_start_line'
  | 'bad_header'
  | 'bad_framing'
  | 'bad_chunk'
  | 'bare_line_end'
  | 'gap'
  | 'unexpected_close'
  | 'no_request';

/** A reason with a sentence for people. The sentence never quotes what came in. */
export interface Fault {
  readonly kind: 'fault';
  readonly reason: BrokenReason;
  readonly detail: string;
}

export function fault(reason: BrokenReason, detail: string): Fault {
  return { kind: 'fault', reason, detail };
}
