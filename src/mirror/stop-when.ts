import { formatDuration } from '../kit/duration.ts';
import { addHistogram, createHistogram, edge } from '../kit/histogram.ts';
import type { Histogram } from '../kit/histogram.ts';
import type { StopWhen } from '../model/policy.ts';

/** What happened under one policy since the report before, over all observers; about a second of it. */
export interface StopReport {
  /** Copies that came to an end: answered or failed. */
  readonly copies: number;
  /** Those of them that failed. */
  readonly failures: number;
  /** Those of them that were answered with 5xx. */
  readonly serverErrors: number;
  /** How long the primary took for requests that the policy matches. */
  readonly primary: Histogram;
}

/** `measure`: copies have to wait until it is known how fast the primary is without them. */
export type StopDecision =
  | { readonly kind: 'measure' }
  | { readonly kind: 'run' }
  | { readonly kind: 'stop'; readonly reason: string };

/** The kill switch of one policy. It has no clock and no effects: it is fed reports and says what to do. */
export interface StopSwitch {
  /** @param nowMs monotonic clock, ms */
  report(report: StopReport, nowMs: number): StopDecision;
  /** Forgets everything, the measured latency too: for a policy that an operator resumes. */
  reset(): void;
}

/** Standard errors by which a share must lie above one half before a rise of the median is believed (p = 0.0005). */
const CERTAINTY = 3.3;
/** Histograms tell durations apart by this much; a smaller rise cannot be seen in them. */
const RISE_MIN = 2 ** 0.25 - 1;

const MEASURE: StopDecision = { kind: 'measure' };
const RUN: StopDecision = { kind: 'run' };

/**
 * Decides from the last `windowMs`, when it holds at least `minimum` copies:
 * - `mirrorErrors`: the share of copies that failed or were answered with 5xx is at least this;
 * - `primaryLatencyRise`: significantly more than half of the primary's answers took longer than the median before
 *   copies began, raised by this share. That is a sign test of the median (Dixon and Mood 1946), and so does not mistake a
 *   few slow answers, or the noise of few answers, for a rise. Rises below 19 % count as 19 %.
 */
export function createStopSwitch(stopWhen: StopWhen): StopSwitch {
  const { mirrorErrors, primaryLatencyRise, windowMs, minimum } = stopWhen;
  const measured = primaryLatencyRise !== undefined;
  let baseline = createHistogram();
  let window: { readonly report: StopReport; readonly atMs: number }[] = [];
  let running = !measured;

  function baselineMicros(): number {
    return median(baseline);
  }

  function decide(): StopDecision {
    const sum = { copies: 0, failures: 0, serverErrors: 0, primary: createHistogram() };
    for (const { report } of window) {
      sum.copies += report.copies;
      sum.failures += report.failures;
      sum.serverErrors += report.serverErrors;
      addHistogram(sum.primary, report.primary);
    }
    if (sum.copies < minimum) return RUN;
    const reason =
      errorsReason(sum, mirrorErrors) ??
      riseReason(sum.primary, baselineMicros(), primaryLatencyRise, minimum);
    return reason === undefined
      ? RUN
      : { kind: 'stop', reason: `${reason} over ${formatDuration(windowMs)}` };
  }

  return {
    report(report, nowMs) {
      if (!running) {
        // The first report with copies in it has the last ones from before a pause; their latency is no baseline.
        if (report.copies === 0) addHistogram(baseline, report.primary);
        running = baseline.count >= Math.max(minimum, 1);
        return running ? RUN : MEASURE;
      }
      window = window.filter(({ atMs }) => atMs > nowMs - windowMs);
      window.push({ report, atMs: nowMs });
      return decide();
    },
    reset() {
      baseline = createHistogram();
      window = [];
      running = !measured;
    },
  };
}

function errorsReason(sum: Omit<StopReport, 'primary'>, limit: number | undefined): string | undefined {
  const errors = sum.failures + sum.serverErrors;
  if (limit === undefined || errors === 0 || errors / sum.copies < limit) return undefined;
  return `${percent(errors / sum.copies)} of ${sum.copies} copies failed (${sum.failures}) or were answered with 5xx (${sum.serverErrors})`;
}

function riseReason(
  primary: Histogram,
  baseline: number,
  limit: number | undefined,
  minimum: number,
): string | undefined {
  if (limit === undefined || primary.count < Math.max(minimum, 1)) return undefined;
  const slower = shareAbove(primary, baseline * (1 + Math.max(limit, RISE_MIN)));
  if (slower <= 0.5 + CERTAINTY * Math.sqrt(0.25 / primary.count)) return undefined;
  const now = median(primary);
  return `the primary's median latency rose by ${percent(now / baseline - 1)}, from ${milliseconds(baseline)} to ${milliseconds(now)}`;
}

/** The median, µs, by geometric interpolation within its bucket. */
function median({ buckets, count }: Histogram): number {
  let below = 0;
  for (const [bucket, here] of buckets.entries()) {
    if (here > 0 && below + here >= count / 2) return edge(bucket - 1 + (count / 2 - below) / here);
    below += here;
  }
  return 0;
}

/** Share of durations above `micros`, by geometric interpolation within its bucket. */
function shareAbove({ buckets, count }: Histogram, micros: number): number {
  let above = 0;
  for (const [bucket, here] of buckets.entries()) {
    const part = Math.log(edge(bucket) / micros) / Math.log(edge(1) / edge(0));
    above += here * Math.min(1, Math.max(0, part));
  }
  return above / count;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function milliseconds(micros: number): string {
  return `${Number((micros / 1000).toPrecision(3))} ms`;
}
