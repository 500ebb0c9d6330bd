import { exposition } from './exposition.ts';
import type { HistogramValue, LabelValues, MetricDefinition, Series } from './metric-definition.ts';
import { checkDefinition } from './metric-definition.ts';

export interface MetricRegistryOptions {
  /** Series of one metric; values for more are left out and counted. Default 1000. */
  readonly seriesLimit?: number;
  /** Counter with the label `metric` that says how many values were left out. */
  readonly overflow?: MetricDefinition<'metric'>;
}

/** Holds the latest value of every series and writes them all as Prometheus text. */
export class MetricRegistry {
  readonly #metrics = new Map<string, Metric<string>>();
  readonly #seriesLimit: number;
  readonly #overflow: MetricDefinition<'metric'> | undefined;

  constructor(options: MetricRegistryOptions = {}) {
    this.#seriesLimit = options.seriesLimit ?? 1000;
    this.#overflow = options.overflow;
  }

  /**
   * The metric of this definition, made at the first call.
   *
   * @throws TypeError when a name breaks Prometheus' data model or stands for another definition
   */
  metric<Label extends string>(definition: MetricDefinition<Label>): Metric<Label> {
    const known = this.#metrics.get(definition.name);
    if (known !== undefined) {
      if (known.definition !== definition) throw new TypeError(`metric ${definition.name} is defined twice`);
      return known as Metric<Label>;
    }
    checkDefinition(definition);
    const metric = new Metric(definition, this.#seriesLimit);
    this.#metrics.set(definition.name, metric);
    return metric;
  }

  /** Prometheus text exposition format 0.0.4 of all metrics, in the order they were made in. */
  expose(): string {
    const metrics = [...this.#metrics.values()];
    let text = '';
    for (const metric of metrics) text += exposition(metric.definition, metric.series());
    if (this.#overflow === undefined) return text;
    const overflow = metrics
      .filter((metric) => metric.overflow > 0)
      .map((metric) => ({ labels: [metric.definition.name], value: metric.overflow }));
    return text + exposition(this.#overflow, overflow);
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** All series of one metric. A value for a series past the limit is left out and counted in `overflow`. */
export class Metric<Label extends string> {
  readonly definition: MetricDefinition<Label>;
  /** Values that were left out. */
  overflow = 0;
  readonly #series = new Map<string, Writable<Series>>();
  readonly #limit: number;

  constructor(definition: MetricDefinition<Label>, limit: number) {
    this.definition = definition;
    this.#limit = limit;
  }

  /** Adds to a counter or gauge. */
  add(labels: LabelValues<Label>, amount = 1): void {
    const series = this.#find(labels);
    if (series !== undefined) series.value = (typeof series.value === 'number' ? series.value : 0) + amount;
  }

  /** Puts in the value of a counter or gauge that was counted elsewhere. */
  set(labels: LabelValues<Label>, value: number): void {
    const series = this.#find(labels);
    if (series !== undefined) series.value = value;
  }

  /** Puts in a histogram that was counted elsewhere. */
  setHistogram(labels: LabelValues<Label>, value: HistogramValue): void {
    const series = this.#find(labels);
    if (series !== undefined) series.value = value;
  }

  /** Counts one value in a histogram. */
  observe(labels: LabelValues<Label>, value: number): void {
    const series = this.#find(labels);
    if (series === undefined) return;
    const buckets = this.definition.buckets ?? [];
    const before = typeof series.value === 'number' ? undefined : series.value;
    const counts =
      before === undefined ? Array.from({ length: buckets.length + 1 }, () => 0) : [...before.counts];
    const index = buckets.findIndex((bound) => value <= bound);
    const at = index === -1 ? buckets.length : index;
    counts[at] = (counts[at] ?? 0) + 1;
    series.value = { counts, sum: (before?.sum ?? 0) + value };
  }

  /** Forgets all series, so that what is gone elsewhere goes here too. */
  clear(): void {
    this.#series.clear();
  }

  series(): Iterable<Series> {
    return this.#series.values();
  }

  #find(labels: LabelValues<Label>): Writable<Series> | undefined {
    const values = this.definition.labels.map((label) => labels[label]);
    const key = JSON.stringify(values);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= this.#limit) {
      this.overflow += 1;
      return undefined;
    }
    const series = { labels: values, value: 0 };
    this.#series.set(key, series);
    return series;
  }
}
