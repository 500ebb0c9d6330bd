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

/** A quarter has grown when it has so many standard deviations more events than the one before … */
const GROWTH_DEVIATIONS = 3;
/** … and so many times as many: a line from nothing grows 3, 1.7 and 1.4 times. */
const GROWTH_FACTOR = 1.2;
/** Whole bins that a quarter needs at least. */
const QUARTER_BINS = 2;

/**
 * Whether the events grow all the time: from each quarter of the route's pairs to the next. A fault that begins at some
 * moment (a deployment) grows over two boundaries of quarters at most, one at a steady rate over none; a state that drifts
 * away grows over all three. For growth from nothing in a straight line that takes some 600 events, looked at
 * after every report.
 *
 * Quarters are of whole bins, the newest: a bin cut in two would smear a beginning over both.
 *
 * @param position pairs of the route
 */
export function grows(bins: readonly number[], scale: BinScale, position: number): boolean {
  const filled = Math.min(BINS, Math.floor((position - scale.from) / scale.width));
  const width = Math.floor(filled / 4);
  if (width < QUARTER_BINS) return false;
  let before: number | undefined;
  for (let start = filled - 4 * width; start < filled; start += width) {
    let count = 0;
    for (let bin = start; bin < start + width; bin++) count += bins[bin] ?? 0;
    if (before !== undefined) {
      const needed = GROWTH_DEVIATIONS * Math.sqrt(count + before);
      if (count - before <= needed || count < GROWTH_FACTOR * before) return false;
    }
    before = count;
  }
  return true;
}
