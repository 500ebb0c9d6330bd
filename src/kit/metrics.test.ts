import { equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricDefinition } from './metric-definition.ts';
import { MetricRegistry } from './metrics.ts';

const requests: MetricDefinition<'tap' | 'code'> = {
  name: 'requests_total',
  type: 'counter',
  help: 'Requests.',
  labels: ['tap', 'code'],
};
const open: MetricDefinition<never> = { name: 'open', type: 'gauge', help: 'Open.', labels: [] };
const duration: MetricDefinition<'role'> = {
  name: 'duration_seconds',
  type: 'histogram',
  help: 'Duration.',
  labels: ['role'],
  buckets: [0.1, 1],
};
const overflow: MetricDefinition<'metric'> = {
  name: 'dropped_total',
  type: 'counter',
  help: 'Dropped.',
  labels: ['metric'],
};

test('writes counters and gauges with their declaration, labels in the order of the definition', () => {
  const registry = new MetricRegistry();
  registry.metric(requests).add({ code: '200', tap: 'a' });
  registry.metric(requests).add({ code: '200', tap: 'a' }, 2);
  registry.metric(requests).set({ code: '500', tap: 'a' }, 7);
  registry.metric(open).set({}, 1.5);
  equal(
    registry.expose(),
    `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{tap="a",code="200"} 3
requests_total{tap="a",code="500"} 7
# HELP open Open.
# TYPE open gauge
open 1.5
`,
  );
});

test('writes a histogram with cumulative buckets, sum and count', () => {
  const registry = new MetricRegistry();
  // A value on a bound belongs to its bucket: le means less or equal.
  for (const value of [0.1, 0.5, 0.5, 3]) registry.metric(duration).observe({ role: 'primary' }, value);
  equal(
    registry.expose(),
    `# HELP duration_seconds Duration.
# TYPE duration_seconds histogram
duration_seconds_bucket{role="primary",le="0.1"} 1
duration_seconds_bucket{role="primary",le="1"} 3
duration_seconds_bucket{role="primary",le="+Inf"} 4
duration_seconds_sum{role="primary"} 4.1
duration_seconds_count{role="primary"} 4
`,
  );
});

test('a histogram that was counted elsewhere is written the same way', () => {
  const counted = new MetricRegistry();
  for (const value of [0.05, 0.5, 2]) counted.metric(duration).observe({ role: 'x' }, value);
  const merged = new MetricRegistry();
  merged.metric(duration).setHistogram({ role: 'x' }, { counts: [1, 1, 1], sum: 2.55 });
  equal(merged.expose(), counted.expose());
});

test('escapes help and label values', () => {
  const registry = new MetricRegistry();
  const metric = registry.metric({ name: 'm', type: 'gauge', help: 'a\\b\nc "d"', labels: ['x'] });
  metric.set({ x: 'back\\slash "quote"\nline' }, 1);
  equal(
    registry.expose(),
    '# HELP m a\\\\b\\nc "d"\n# TYPE m gauge\nm{x="back\\\\slash \\"quote\\"\\nline"} 1\n',
  );
});

const numberCases: readonly (readonly [number, string])[] = [
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
  [Number.NaN, 'NaN'],
  [1e21, '1e+21'],
  [0.000_000_1, '1e-7'],
];
for (const [value, text] of numberCases) {
  test(`writes ${value} as ${text}`, () => {
    const registry = new MetricRegistry();
    registry.metric(open).set({}, value);
    match(registry.expose(), new RegExp(`^open ${RegExp.escape(text)}$`, 'm'));
  });
}

test('series past the limit are left out and counted, known ones still move', () => {
  const registry = new MetricRegistry({ seriesLimit: 2, overflow });
  const metric = registry.metric(requests);
  for (const tap of ['a', 'b', 'c', 'd', 'a']) metric.add({ tap, code: '200' });
  equal(
    registry.expose(),
    `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{tap="a",code="200"} 2
requests_total{tap="b",code="200"} 1
# HELP dropped_total Dropped.
# TYPE dropped_total counter
dropped_total{metric="requests_total"} 2
`,
  );
});

test('label values that could run into one another stay apart', () => {
  const registry = new MetricRegistry();
  registry.metric(requests).add({ tap: 'a\u0000', code: 'b' });
  registry.metric(requests).add({ tap: 'a', code: '\u0000b' });
  equal([...registry.metric(requests).series()].length, 2);
});

test('cleared series are gone', () => {
  const registry = new MetricRegistry();
  registry.metric(open).set({}, 1);
  registry.metric(open).clear();
  equal(registry.expose(), '# HELP open Open.\n# TYPE open gauge\n');
});

const badDefinitions: readonly MetricDefinition[] = [
  { name: '9x', type: 'gauge', help: '', labels: [] },
  { name: 'a-b', type: 'gauge', help: '', labels: [] },
  { name: 'a', type: 'gauge', help: '', labels: ['x:y'] },
  { name: 'a', type: 'gauge', help: '', labels: ['__name__'] },
  { name: 'a', type: 'histogram', help: '', labels: ['le'] },
  { name: 'a', type: 'histogram', help: '', labels: [], buckets: [1, 1] },
];
for (const definition of badDefinitions) {
  test(`refuses ${JSON.stringify(definition)}`, () => {
    throws(() => new MetricRegistry().metric(definition), TypeError);
  });
}

test('one name stands for one definition', () => {
  const registry = new MetricRegistry();
  registry.metric(open);
  equal(registry.metric(open), registry.metric(open));
  throws(() => registry.metric({ ...open }), TypeError);
});
