import type { HistogramValue, MetricDefinition, Series } from './metric-definition.ts';

/** What `/metrics` says its body is. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Writes one metric in Prometheus' text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A metric without series is only declared.
 */
export function exposition(definition: MetricDefinition, series: Iterable<Series>): string {
  const { name, type, help, labels } = definition;
  let text = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
  for (const { labels: values, value } of series) {
    const pairs = labels.map((label, i) => `${label}="${escapeValue(values[i] ?? '')}"`);
    if (typeof value === 'number' && type !== 'histogram') text += line(name, pairs, value);
    else text += histogram(name, pairs, definition.buckets ?? [], value);
  }
  return text;
}

/** Buckets are cumulative on the wire, and the one for +Inf equals the count. */
function histogram(
  name: string,
  pairs: readonly string[],
  buckets: readonly number[],
  value: number | HistogramValue,
): string {
  const counts = typeof value === 'number' ? [] : value.counts;
  let text = '';
  let count = 0;
  for (const [i, bound] of [...buckets, Infinity].entries()) {
    count += counts[i] ?? 0;
    text += line(`${name}_bucket`, [...pairs, `le="${number(bound)}"`], count);
  }
  text += line(`${name}_sum`, pairs, typeof value === 'number' ? 0 : value.sum);
  return text + line(`${name}_count`, pairs, count);
}

function line(name: string, pairs: readonly string[], value: number): string {
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}\n`;
}

/** As Go's ParseFloat reads it. */
function number(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
