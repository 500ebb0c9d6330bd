import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createHistogram, record } from '../kit/histogram.ts';
import type { Histogram } from '../kit/histogram.ts';
import { createStopSwitch } from './stop-when.ts';
import type { StopDecision, StopReport, StopSwitch } from './stop-when.ts';

const SECOND = 1_000;
const errors = { mirrorErrors: 0.5, primaryLatencyRise: undefined, windowMs: 10_000, minimum: 20 };
const rise = { mirrorErrors: undefined, primaryLatencyRise: 0.2, windowMs: 10_000, minimum: 20 };

function report(copies: number, failures = 0, serverErrors = 0, primary = createHistogram()): StopReport {
  return { copies, failures, serverErrors, primary };
}

/** Durations spread evenly over ±50 % around a median, µs. */
function spread(medianMicros: number, count: number): Histogram {
  const histogram = createHistogram();
  for (let i = 0; i < count; i++) record(histogram, medianMicros * (0.5 + (i + 0.5) / count));
  return histogram;
}

/** A switch whose baseline is measured. */
function measured(medianMicros: number): StopSwitch {
  const stop = createStopSwitch(rise);
  equal(stop.report(report(0, 0, 0, spread(medianMicros, 1_000)), 0).kind, 'run');
  return stop;
}

function reasonOf(decision: StopDecision): string | undefined {
  return decision.kind === 'stop' ? decision.reason : undefined;
}

test('runs while the mirror answers', () => {
  const stop = createStopSwitch(errors);
  for (let second = 0; second < 100; second++) equal(stop.report(report(10, 4), second * SECOND).kind, 'run');
});

test('stops at the share of failures and 5xx together, and says why', () => {
  const stop = createStopSwitch(errors);
  equal(stop.report(report(10, 5, 0), 0).kind, 'run');
  equal(
    reasonOf(stop.report(report(10, 2, 3), SECOND)),
    '50 % of 20 copies failed (7) or were answered with 5xx (3) over 10s',
  );
});

test('does not decide on fewer copies than the minimum', () => {
  equal(createStopSwitch(errors).report(report(19, 19), 0).kind, 'run');
});

test('forgets what is older than the window', () => {
  const stop = createStopSwitch(errors);
  stop.report(report(19, 19), 0);
  equal(stop.report(report(1, 0), 10 * SECOND).kind, 'run');
  equal(stop.report(report(30, 10), 11 * SECOND).kind, 'run');
});

test('a limit of 0 needs at least one failure', () => {
  const stop = createStopSwitch({ ...errors, mirrorErrors: 0 });
  equal(stop.report(report(100), 0).kind, 'run');
  equal(stop.report(report(100, 1), SECOND).kind, 'stop');
});

test('without limits it never stops', () => {
  const stop = createStopSwitch({ ...errors, mirrorErrors: undefined });
  equal(stop.report(report(100, 100), 0).kind, 'run');
});

test('measures the primary before copies begin', () => {
  const stop = createStopSwitch(rise);
  equal(stop.report(report(0, 0, 0, spread(1_000, 19)), 0).kind, 'measure');
  equal(stop.report(report(5, 0, 0, spread(90_000, 1_000)), 0).kind, 'measure');
  equal(stop.report(report(0, 0, 0, spread(1_000, 1)), 0).kind, 'run');
});

test('stops when the median of the primary rises', () => {
  const stop = measured(10_000);
  const decision = stop.report(report(500, 0, 0, spread(15_000, 500)), SECOND);
  equal(
    reasonOf(decision)?.replace(
      /rose by [\d.]+ %, from [\d.]+ ms to [\d.]+ ms/,
      'rose by P %, from A ms to B ms',
    ),
    "the primary's median latency rose by P %, from A ms to B ms over 10s",
  );
});

const QUIET = [
  ['the same latency', spread(10_000, 500)],
  ['a rise within the limit', spread(11_500, 500)],
  ['a fall', spread(2_000, 500)],
  ['a rise in too few requests to be sure', spread(14_000, 20)],
] as const;

for (const [what, latencies] of QUIET) {
  test(`${what} does not stop it`, () => {
    equal(measured(10_000).report(report(500, 0, 0, latencies), SECOND).kind, 'run');
  });
}

test('a few very slow answers do not stop it', () => {
  const latencies = spread(10_000, 900);
  for (let i = 0; i < 100; i++) record(latencies, 5_000_000);
  equal(measured(10_000).report(report(1_000, 0, 0, latencies), SECOND).kind, 'run');
});

test('random windows of few requests around the same median do not stop it in a day', () => {
  const stop = measured(10_000);
  let random = 1;
  const stops: string[] = [];
  for (let second = 1; second <= 86_400; second += 10) {
    const latencies = createHistogram();
    for (let i = 0; i < 30; i++) {
      random = (random * 48_271) % 2_147_483_647;
      record(latencies, -Math.log(random / 2_147_483_647) * 14_427);
    }
    const reason = reasonOf(stop.report(report(30, 0, 0, latencies), second * SECOND));
    if (reason !== undefined) stops.push(reason);
  }
  deepEqual(stops, []);
});

test('a reset measures again', () => {
  const stop = measured(10_000);
  stop.reset();
  equal(stop.report(report(0, 0, 0, spread(50_000, 10)), 0).kind, 'measure');
  equal(stop.report(report(0, 0, 0, spread(50_000, 10)), 0).kind, 'run');
  equal(stop.report(report(500, 0, 0, spread(50_000, 500)), 0).kind, 'run');
});
