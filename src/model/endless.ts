import type { ResponseHead } from './exchange.ts';

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
