import { zeroCounts } from '../kit/counts.ts';
import { INCOMPLETE_REASONS } from '../model/exchange.ts';
import type { IncompleteReason } from '../model/exchange.ts';
import { HTTP2_FAULT_REASONS } from '../model/status.ts';
import type { Http2FaultReason } from '../model/status.ts';

/** What one observer has counted since it began. */
export interface ObserverCounts {
  http1Requests: number;
  http2Requests: number;
  /** Exchanges that came to an end, whole or not. */
  exchanges: number;
  readonly incomplete: Record<IncompleteReason, number>;
  /** What was found in HTTP/2 connections that had to be given up, or taken up again. */
  readonly http2Faults: Record<Http2FaultReason, number>;
  /** Header blocks with fields that were lost before. */
  unreadableHeads: number;
  /** Connections whose bytes are not understood, by what they look like. */
  readonly opaque: { tls: number; other: number };
  /** Connections taken in or up again after a loss, and connections given up. */
  resynchronised: number;
  givenUp: number;
  /** Connections not followed because the observer has as many as it may have. */
  tooMany: number;
}

export function createObserverCounts(): ObserverCounts {
  return {
    http1Requests: 0,
    http2Requests: 0,
    exchanges: 0,
    incomplete: zeroCounts(INCOMPLETE_REASONS),
    http2Faults: zeroCounts(HTTP2_FAULT_REASONS),
    unreadableHeads: 0,
    opaque: { tls: 0, other: 0 },
    resynchronised: 0,
    givenUp: 0,
    tooMany: 0,
  };
}
