import type { MetricDefinition } from '../src/kit/metric-definition.ts';
import { METRICS } from '../src/model/metrics.ts';

/** The manual's page about metrics, made from their definitions. */
export function generate(): readonly { readonly path: string; readonly text: string }[] {
  return [{ path: 'docs/metrics.md', text: page(Object.values(METRICS)) }];
}

function page(metrics: readonly MetricDefinition[]): string {
  const rows = metrics.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', ') || '–',
    help,
  ]);
  return `# Metrics

<!-- Made by \`npm run docs\` from src/model/metrics.ts. -->

\`GET /metrics\` on the admin address answers in the text format of Prometheus, version 0.0.4. Counters run from the start of
the program and begin at zero, so that a rate is right from the first event on. What is gone after a reload (a policy, a
mirror, an endpoint) is gone from here too. No metric has more than 1000 series; \`understudy_metric_values_dropped_total\`
says how many values were left out past that.

${table([['metric', 'type', 'labels', 'meaning'], ...rows])}

## What to watch

- **The live path.** \`rate(understudy_live_connections_refused_total[5m])\` and
  \`rate(understudy_live_connections_closed_total{reason="unreachable"}[5m])\` are users turned away; \`understudy_endpoint_up\`
  says which endpoint of the primary rests.
- **What is not seen.** \`understudy_tape_dropped_bytes_total\`, \`understudy_unfollowed_connections_total\` and
  \`understudy_exchanges_incomplete_total\` are traffic that was relayed and not, or not wholly, observed.
- **What is not copied.** \`understudy_not_mirrored_total\` by \`reason\`. \`unsafe_method\` are writes held back by
  \`writes: hold\`: a rehearsal without them says nothing about writes.
- **The mirror.** \`understudy_mirror_failures_total\`, \`understudy_mirror_responses_total{class="5xx"}\`,
  \`understudy_mirror_breaker_open\` and \`understudy_policy_paused\`.
- **The verdict.** \`understudy_verdict_state{state="fail"} == 1\` is proof of a difference that the gate does not allow, and
  \`understudy_findings\` says how many there are. \`understudy_pairs_incomplete_total\` are pairs that could not be compared.
- **The store.** \`understudy_store_failing\` and \`rate(understudy_store_dropped_total[5m])\`: verdicts go on in memory, and examples
  are lost.
- **Ourselves.** \`rate(understudy_observer_restarts_total[1h]) > 0\` is a fault of ours that users did not notice.
`;
}

/** A table as the formatter leaves it: every column as wide as its widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill: string): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width, fill)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head, ' '), line([], '-'), ...body.map((row) => line(row, ' '))].join('\n');
}
