import { addHistogram, createHistogram, record } from '../../kit/histogram.ts';
import type { Histogram } from '../../kit/histogram.ts';
import type { LatencyGate } from '../../model/compare-settings.ts';
import type { LatencyCounts, LatencyTally } from '../../model/tally.ts';
import type { Duration, PairDurations } from './settled-pair.ts';

/** What is sent where nothing was recorded; it adds nothing and takes no room in a message. */
const NOTHING: Histogram = { buckets: [], count: 0, sumMicros: 0 };

/** The durations of one route's pairs. Histograms are made when the first duration comes. */
export class LatencyCounter {
  readonly #firstByte = new SidesCounter();
  readonly #total = new SidesCounter();
  #dispatch: Histogram | undefined = undefined;

  /** @param mirror of the same pair as `durations` */
  count(durations: PairDurations, mirror: Duration, gate: LatencyGate | undefined): void {
    this.countPair(durations.primary, mirror, durations.reference, durations.dispatchMicros, gate);
  }

  countPair(
    primary: Duration,
    mirror: Duration,
    reference: Duration | undefined,
    dispatchMicros: number | undefined,
    gate: LatencyGate | undefined,
  ): void {
    this.#firstByte.count(primary.firstByteMicros, mirror.firstByteMicros, reference?.firstByteMicros, gate);
    this.#total.count(primary.totalMicros, mirror.totalMicros, reference?.totalMicros, gate);
    if (dispatchMicros !== undefined) record((this.#dispatch ??= createHistogram()), dispatchMicros);
  }

  add({ firstByte, total, dispatch }: LatencyTally): void {
    this.#firstByte.add(firstByte);
    this.#total.add(total);
    this.#dispatch = sum(this.#dispatch, dispatch);
  }

  take(): LatencyTally {
    const dispatch = this.#dispatch ?? NOTHING;
    this.#dispatch = undefined;
    return { firstByte: this.#firstByte.take(), total: this.#total.take(), dispatch };
  }
}

/** One duration, such as the time to the first byte, of all sides. */
class SidesCounter {
  #primary: Histogram | undefined = undefined;
  #mirror: Histogram | undefined = undefined;
  /** Undefined while the primary was the reference of every pair: then its own histogram stands for both. */
  #reference: Histogram | undefined = undefined;
  #slower = 0;
  #compared = 0;

  count(primary: number, mirror: number, reference: number | undefined, gate: LatencyGate | undefined): void {
    if (reference !== undefined) this.#split();
    record((this.#primary ??= createHistogram()), primary);
    record((this.#mirror ??= createHistogram()), mirror);
    const against = reference ?? primary;
    if (this.#reference !== undefined) record(this.#reference, against);
    if (gate === undefined) return;
    this.#compared++;
    if (mirror > against * (1 + gate.rise) + gate.floorMs * 1000) this.#slower++;
  }

  add({ primary, mirror, reference, slower, compared }: LatencyCounts): void {
    this.#split();
    this.#primary = sum(this.#primary, primary);
    this.#mirror = sum(this.#mirror, mirror);
    this.#reference = sum(this.#reference, reference);
    this.#slower += slower;
    this.#compared += compared;
  }

  take(): LatencyCounts {
    const primary = this.#primary ?? NOTHING;
    const taken: LatencyCounts = {
      primary,
      mirror: this.#mirror ?? NOTHING,
      reference: this.#reference ?? primary,
      slower: this.#slower,
      compared: this.#compared,
    };
    this.#primary = undefined;
    this.#mirror = undefined;
    this.#reference = undefined;
    this.#slower = 0;
    this.#compared = 0;
    return taken;
  }

  #split(): void {
    this.#reference ??= sum(undefined, this.#primary ?? NOTHING) ?? createHistogram();
  }
}

function sum(into: Histogram | undefined, from: Histogram): Histogram | undefined {
  if (from.count === 0) return into;
  const histogram = into ?? createHistogram();
  addHistogram(histogram, from);
  return histogram;
}
