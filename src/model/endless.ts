import type { ResponseHead } from './exchange.ts';
import { rpcOf } from './rpc.ts';

/** Sequences of records whose sender may go on for as long as it likes: events, JSON texts. */
const RECORDS =
  /^\s*(?:text\/event-stream|(?:application|text)\/(?:x-)?(?:nd-?json|json-?l(?:ines)?|json-seq|stream\+json|json-stream))\s*(?:;|$)/i;

/**
 * Whether an answer may have no end, and can be compared as far as it has come: a WebSocket connection, or a sequence of
 * records of which nobody has said how long it will be.
 */
export function mayBeEndless(head: ResponseHead): boolean {
  if (head.status === 101) return true;
  return head.header('content-length') === undefined && RECORDS.test(head.header('content-type') ?? '');
}

/**
 * Whether an answer is one to a call (gRPC, gRPC-Web, a Connect stream) that may go on for as long as its method likes.
 * Nothing in its head tells a stream without end from one message: it may have no end as long as the live one has none.
 */
export function mayStream(head: ResponseHead): boolean {
  return (
    rpcOf(head.header('content-type') ?? '') !== undefined && head.header('content-length') === undefined
  );
}

/** Whether an answer can be compared as far as it has come, should it be cut. */
export function mayBeCut(head: ResponseHead): boolean {
  return mayBeEndless(head) || mayStream(head);
}
