/**
 * How a finding's events spread over the pairs of its route, in a bounded number of bins. The bins of a route are of one
 * width; when they are full, neighbours are put together and the width doubles.
 */
export interface BinScale {
  /** Pair of the route at which the first bin begins. */
  from: number;
  /** Pairs per bin. */
  width: number;
}

export const BINS = 16;

/** Widens the bins until the pair at `position` has one. */
export function makeRoom(scale: BinScale, position: number, series: Iterable<number[]>): void {
  let doublings = 0;
  while (position - scale.from > scale.width * BINS) {
    scale.width *= 2;
    doublings++;
  }
  if (doublings === 0) return;
  for (const bins of series) for (let i = 0; i < Math.min(doublings, 60); i++) halve(bins);
}

function halve(bins: number[]): void {
  for (let i = 0; i < BINS; i++) bins[i] = i < BINS / 2 ? (bins[2 * i] ?? 0) + (bins[2 * i + 1] ?? 0) : 0;
}

/** Spreads events evenly over the pairs from `before` to `after`, among which they were counted. */
export function spread(bins: number[], scale: BinScale, before: number, after: number, events: number): void {
  const start = (before - scale.from) / scale.width;
  const end = (after - scale.from) / scale.width;
  for (let bin = Math.max(0, Math.floor(start)); bin < Math.min(BINS, end); bin++) {
    const share = (Math.min(bin + 1, end) - Math.max(bin, start)) / (end - start);
    bins[bin] = (bins[bin] ?? 0) + events * share;
  }
}

/** A quarter has grown when it has so many standard deviations more events than the one before. */
const GROWTH = 2.5;

/**
 * Whether the events grow all the time: from each quarter of the route's pairs to the next. A fault that begins at some
 * moment (a deployment) grows over two boundaries of quarters at most, one at a steady rate over none; a state that drifts
 * away grows over all three. For growth from nothing in a straight line that takes about 300 events.
 *
 * @param position pairs of the route
 */
export function grows(bins: readonly number[], scale: BinScale, position: number): boolean {
  const filled = (position - scale.from) / scale.width;
  const counts = [0, 1, 2, 3].map((i) =>
    eventsBetween(bins, (i * filled) / 4, ((i + 1) * filled) / 4, filled),
  );
  return counts.every((count, i) => {
    const before = counts[i - 1];
    return before === undefined || count - before > GROWTH * Math.sqrt(count + before);
  });
}

/** @param filled how many bins the pairs so far fill; the last one in part */
function eventsBetween(bins: readonly number[], start: number, end: number, filled: number): number {
  let sum = 0;
  for (const [i, events] of bins.entries()) {
    const width = Math.min(1, filled - i);
    if (width <= 0) break;
    sum += (events * Math.max(0, Math.min(i + width, end) - Math.max(i, start))) / width;
  }
  return sum;
}
