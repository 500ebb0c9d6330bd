/** A metric as data: what it is called, what it counts, and the labels that every one of its series has. */
export interface MetricDefinition<Label extends string = string> {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence, in the unit that the name ends in. */
  readonly help: string;
  readonly labels: readonly Label[];
  /** Upper bounds of a histogram's buckets, rising, without +Inf. */
  readonly buckets?: readonly number[];
}

export type LabelValues<Label extends string> = Readonly<Record<Label, string>>;

/** What one histogram series holds: `counts[i]` values up to `buckets[i]` and above the one before, the last one the rest. */
export interface HistogramValue {
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface Series {
  readonly labels: readonly string[];
  readonly value: number | HistogramValue;
}

/**
 * @throws TypeError when a name breaks Prometheus' data model (https://prometheus.io/docs/concepts/data_model/) or
 * buckets do not rise
 */
export function checkDefinition(definition: MetricDefinition): void {
  const { name, labels, buckets = [] } = definition;
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new TypeError(`"${name}" is not a metric name`);
  const bad = labels.find(
    (label) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) || label.startsWith('__') || label === 'le',
  );
  if (bad !== undefined) throw new TypeError(`"${bad}" is not a label name`);
  if (buckets.some((bound, i) => i > 0 && bound <= (buckets[i - 1] ?? 0))) {
    throw new TypeError(`the buckets of ${name} do not rise`);
  }
}
