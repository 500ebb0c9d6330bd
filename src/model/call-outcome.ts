import { Buffer } from 'node:buffer';
import type { ResponseHead } from './exchange.ts';
import { decodeWebText, rpcOf } from './rpc.ts';
import type { RpcProtocol } from './rpc.ts';
import { GRPC_STATUSES, hasStatus, readConnectEnd, readStatus, readTrailerLines } from './rpc-status.ts';
import type { Fields, GrpcStatus } from './rpc-status.ts';

/** What gRPC, gRPC-Web and streams of Connect are asked with; spares all other answers a look at their headers. */
export const CALL_METHOD = 'POST';

/** An answer, as far as it says how a call has ended. */
export interface CallAnswer {
  readonly head: ResponseHead;
  readonly body: readonly Uint8Array[];
  readonly trailers?: Fields | undefined;
  /** There was more, or would have been. */
  readonly truncated?: boolean | undefined;
}

/**
 * What each status would be in HTTP, as Envoy's gRPC statistics and outlier detection have it: UNKNOWN,
 * DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS are the server's fault (5xx), all others the
 * caller's (github.com/googleapis/googleapis, google/rpc/code.proto).
 */
const HTTP_STATUSES: Readonly<Record<GrpcStatus, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** Flag of the frame that ends a body: trailers of gRPC-Web, the JSON of Connect. */
const END_FLAGS: Readonly<Record<RpcProtocol, number>> = {
  grpc: 0,
  'grpc-web': 0x80,
  'grpc-web-text': 0x80,
  connect: 0x02,
};
const PREFIX_BYTES = 5;

/**
 * How a call has ended, wherever its protocol says so. A whole answer that does not say, or says what nobody knows, counts
 * as UNKNOWN, as clients take it.
 *
 * @returns undefined for what is no call, and for what was cut before it could say
 */
export function callOutcome({ head, body, trailers = [], truncated }: CallAnswer): GrpcStatus | undefined {
  const protocol = head.status === 200 ? protocolOf(head) : undefined;
  if (protocol === undefined) return undefined;
  const code =
    protocol === 'grpc' ? codeIn(trailers, head) : (codeAtEnd(body, protocol) ?? codeIn(trailers, head));
  if (code === undefined && truncated === true) return undefined;
  return GRPC_STATUSES[code ?? -1] ?? 'UNKNOWN';
}

/** The status of an answer; of a call what its outcome would be in HTTP. */
export function answerStatus(answer: CallAnswer): number {
  const outcome = callOutcome(answer);
  return outcome === undefined ? answer.head.status : HTTP_STATUSES[outcome];
}

/** The same for an outcome. */
export function httpStatusOf(outcome: GrpcStatus): number {
  return HTTP_STATUSES[outcome];
}

function protocolOf(head: ResponseHead): RpcProtocol | undefined {
  const type = head.header('content-type') ?? '';
  // Nearly every answer ends here.
  if (!type.startsWith('application/grpc') && !type.startsWith('application/connect')) return undefined;
  return rpcOf(type)?.protocol;
}

function codeIn(trailers: Fields, head: ResponseHead): number | undefined {
  if (hasStatus(trailers)) return readStatus(trailers).code;
  const given = head.header('grpc-status');
  return given === undefined ? undefined : readStatus([['grpc-status', given]]).code;
}

/** What the last frame of a body says. */
function codeAtEnd(body: readonly Uint8Array[], protocol: RpcProtocol): number | undefined {
  const sent = Buffer.concat(body);
  const bytes = protocol === 'grpc-web-text' ? decodeWebText(sent) : sent;
  if (bytes === undefined) return undefined;
  for (let at = 0; at + PREFIX_BYTES <= bytes.length;) {
    const start = at + PREFIX_BYTES;
    const end = start + bytes.readUInt32BE(at + 1);
    if (bytes[at] === END_FLAGS[protocol]) {
      const last = bytes.subarray(start, end);
      if (protocol === 'connect') return readConnectEnd(last)?.status.code;
      return readStatus(readTrailerLines(last)).code;
    }
    at = end;
  }
  return undefined;
}
