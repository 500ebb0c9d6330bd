import type { Counts } from '../kit/counts.ts';
import { zeroCounts } from '../kit/counts.ts';
import { MIRROR_FAILURES, NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import { CALL_METHOD, callOutcome, httpStatusOf } from '../model/call-outcome.ts';
import type { CallAnswer } from '../model/call-outcome.ts';
import type { MirrorFailure, NotMirroredReason } from '../model/exchange.ts';
import { GRPC_STATUSES } from '../model/rpc-status.ts';
import type { GrpcStatus } from '../model/rpc-status.ts';
import { RESPONSE_CLASSES } from '../model/status.ts';
import type { ResponseClass } from '../model/status.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** What one mirror of one policy has done in this observer. Counts run from its start; the last six are of now. */
export interface MirrorStats {
  /** Copies of which bytes went out. */
  readonly mirrored: number;
  /**
   * Copies that were begun and then given up for a reason of ours, sent or not. What `copy` refuses at once is counted
   * by who called it.
   */
  readonly notMirrored: Counts<NotMirroredReason>;
  /** Answers, by the class of their status; of a call it is what `answerStatus` says. */
  readonly responses: Counts<ResponseClass>;
  /** Calls of gRPC, gRPC-Web and Connect streams that were answered, by how they ended. */
  readonly calls: Counts<GrpcStatus>;
  readonly failures: Counts<MirrorFailure>;
  /** Bytes of copies handed to the mirror's connections, and bytes that came back. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Connections opened since the start. */
  readonly connects: number;
  readonly openConnections: number;
  /** Copies on a connection. */
  readonly inFlight: number;
  /** Copies that wait: for a connection, for an earlier copy of their client connection, or for their whole body. */
  readonly queued: number;
  /** Bytes of unsent bodies and unfinished answers in memory. */
  readonly bufferedBytes: number;
  readonly breaker: BreakerState;
}

/** The same, as its owner counts in it. */
export type CountedMirrorStats = {
  -readonly [Key in keyof MirrorStats]: MirrorStats[Key] extends number | string
    ? MirrorStats[Key]
    : { -readonly [Name in keyof MirrorStats[Key]]: MirrorStats[Key][Name] };
};

export function createMirrorStats(): CountedMirrorStats {
  return {
    mirrored: 0,
    notMirrored: zeroCounts(NOT_MIRRORED_REASONS),
    responses: zeroCounts(RESPONSE_CLASSES),
    calls: zeroCounts(GRPC_STATUSES),
    failures: zeroCounts(MIRROR_FAILURES),
    bytesOut: 0,
    bytesIn: 0,
    connects: 0,
    openConnections: 0,
    inFlight: 0,
    queued: 0,
    bufferedBytes: 0,
    breaker: 'closed',
  };
}

/**
 * Counts an answer when it is over: only then is it known how a call ended.
 *
 * @param method of the request
 */
export function countAnswer(
  { responses, calls }: CountedMirrorStats,
  answer: CallAnswer,
  method: string,
): void {
  const outcome = method === CALL_METHOD ? callOutcome(answer) : undefined;
  if (outcome !== undefined) calls[outcome]++;
  responses[responseClass(outcome === undefined ? answer.head.status : httpStatusOf(outcome))]++;
}

/** The class of a final status; everything from 600, which no specification knows, counts as 5xx. */
export function responseClass(status: number): ResponseClass {
  return RESPONSE_CLASSES[Math.min(Math.floor(status / 100), RESPONSE_CLASSES.length) - 1] ?? '5xx';
}
