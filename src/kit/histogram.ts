/**
 * A histogram of durations with a bounded relative error: bucket `i` holds what lies above `edge(i - 1)` and up to
 * `edge(i)`, and each edge is 2^¼ (19 %) above the one before. From 16 µs to 137 s; what is outside counts in the first or
 * last bucket. Two histograms are merged by adding their buckets.
 */
export interface Histogram {
  readonly buckets: number[];
  count: number;
  sumMicros: number;
}

const STEPS_PER_DOUBLING = 4;
const FIRST_EDGE_MICROS = 16;
const DOUBLINGS = 23;
export const BUCKETS = STEPS_PER_DOUBLING * DOUBLINGS + 1;

export function createHistogram(): Histogram {
  return { buckets: Array.from({ length: BUCKETS }, () => 0), count: 0, sumMicros: 0 };
}

/** Counts one duration, µs. */
export function record(histogram: Histogram, micros: number): void {
  const at = Math.ceil(
    Math.log2(Math.max(micros, FIRST_EDGE_MICROS) / FIRST_EDGE_MICROS) * STEPS_PER_DOUBLING,
  );
  const bucket = Math.min(at, BUCKETS - 1);
  histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1;
  histogram.count++;
  histogram.sumMicros += Math.max(micros, 0);
}

/** Adds what `from` has counted to `into`. */
export function addHistogram(into: Histogram, from: Histogram): void {
  for (const [bucket, count] of from.buckets.entries())
    into.buckets[bucket] = (into.buckets[bucket] ?? 0) + count;
  into.count += from.count;
  into.sumMicros += from.sumMicros;
}

/** Upper edge of a bucket, µs. */
export function edge(bucket: number): number {
  return FIRST_EDGE_MICROS * 2 ** (bucket / STEPS_PER_DOUBLING);
}

/**
 * The value below which a share of the durations lies, as the upper edge of its bucket.
 *
 * @param share 0…1
 * @returns µs; undefined when nothing has been counted
 */
export function quantile(histogram: Pick<Histogram, 'buckets' | 'count'>, share: number): number | undefined {
  if (histogram.count === 0) return undefined;
  let left = Math.max(1, Math.ceil(share * histogram.count));
  for (const [bucket, count] of histogram.buckets.entries()) {
    left -= count;
    if (left <= 0) return edge(bucket);
  }
  return edge(BUCKETS - 1);
}
