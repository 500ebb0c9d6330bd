/**
 * What a live worker counts, in shared memory, so that counting costs no message: one writer, and main reads. A double
 * holds every count exactly up to 2⁵³.
 */
export const LIVE_STAT_NAMES = [
  'accepted',
  'refused',
  'open',
  'bytesFromClients',
  'bytesFromPrimary',
  /** Clients closed because no endpoint could be reached. */
  'unreachable',
  /** Clients closed because the primary does not take the protocol that they agreed on (ALPN). */
  'protocolRefused',
  /** Connections closed because nothing passed for the idle timeout. */
  'idleClosed',
  /** TLS handshakes and PROXY headers that failed or took too long. */
  'handshakeFailed',
] as const;
export type LiveStatName = (typeof LIVE_STAT_NAMES)[number];

export const LIVE_STAT = Object.fromEntries(LIVE_STAT_NAMES.map((name, index) => [name, index])) as Readonly<
  Record<LiveStatName, number>
>;

export function createLiveStats(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(LIVE_STAT_NAMES.length * 8));
}

/** The sum of several workers' counts. */
export function sumLiveStats(stats: readonly Float64Array[]): Record<LiveStatName, number> {
  const sum = {} as Record<LiveStatName, number>;
  for (const [index, name] of LIVE_STAT_NAMES.entries()) {
    sum[name] = stats.reduce((total, one) => total + (one[index] ?? 0), 0);
  }
  return sum;
}
