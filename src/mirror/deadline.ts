import type { CopyRequest } from '../model/copy.ts';

/** Milliseconds of the units of `grpc-timeout`. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * When a copy has taken too long: after the policy's timeout, or when its client would have given up, as `grpc-timeout`
 * says (gRPC over HTTP/2, "Timeout").
 *
 * @returns monotonic, ms
 */
export function deadlineOf({ head, body }: CopyRequest, nowMs: number, timeoutMs: number): number {
  // A call of gRPC has a body, of which nobody knows how long it will be.
  const wish = body === 'none' ? undefined : head.header('grpc-timeout');
  const [, amount, unit] = wish === undefined ? [] : (/^(\d{1,8})([HMSmun])$/.exec(wish) ?? []);
  if (amount === undefined || unit === undefined) return nowMs + timeoutMs;
  return nowMs + Math.min(timeoutMs, Number(amount) * (UNIT_MS[unit] ?? 1));
}
