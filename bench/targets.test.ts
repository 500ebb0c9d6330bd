import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultRow } from './faults.ts';
import type { Results } from './results.ts';
import { FAULTS, WORKLOADS } from './scenarios.ts';
import { judge } from './targets.ts';
import type { Row } from './throughput.ts';

const LOAD = {
  requests: 10_000,
  durationMicros: 1e6,
  bytes: 3e6,
  p50Micros: 1000,
  p99Micros: 4000,
  statusErrors: 0,
  socketErrors: 0,
  timeouts: 0,
};

function row(contender: string, cpuMicrosPerRequest: number, copies?: number): Row {
  const sample = { load: LOAD, cpuMicrosPerRequest, busy: 1, foreign: 0, copies };
  return { contender, samples: [sample], usage: undefined, failure: undefined };
}

function faultRow(name: string, changes: Partial<typeof LOAD>, growthBytes = 0): FaultRow {
  const fault = FAULTS.find((entry) => entry.name === name);
  assert.ok(fault);
  const sample = {
    load: { ...LOAD, ...changes },
    copiesBefore: 1,
    rssBefore: 80e6,
    rssPeak: 80e6 + growthBytes,
  };
  return { contender: 'understudy', fault, samples: [sample], failure: undefined };
}

function verdicts(results: Partial<Results>): Record<string, string> {
  const none = { throughput: [], faults: [], connections: [], bodies: [], idle: [] };
  const outcomes = judge({ ...none, ...results } as unknown as Results);
  return Object.fromEntries(outcomes.map(({ target, outcome }) => [target, outcome]));
}

function throughput(mode: 'plain' | 'mirror', rows: readonly Row[]): Partial<Results> {
  const workload = WORKLOADS.find((entry) => entry.name === 'small-get');
  assert.ok(workload);
  return { throughput: [{ workload, mode, rows }] };
}

test('a ratio at its limit passes, above it fails, without a peer it is not measured', () => {
  const target = "small-get, plain: CPU per request at most 0.35 of envoy's";
  const outcome = (...rows: Row[]): string | undefined => verdicts(throughput('plain', rows))[target];
  assert.equal(outcome(row('understudy', 35), row('envoy', 100)), 'PASS');
  assert.equal(outcome(row('understudy', 36), row('envoy', 100)), 'FAIL');
  assert.equal(outcome(row('understudy', 35)), 'not measured');
});

test('a ratio does not count when requests were not copied', () => {
  const target = "small-get, mirror: CPU per request at most 0.4 of envoy's";
  const outcome = (copied: number): string | undefined =>
    verdicts(throughput('mirror', [row('understudy', 20, copied), row('envoy', 100, 1)]))[target];
  assert.equal(outcome(1), 'PASS');
  assert.equal(outcome(0.5), 'FAIL');
});

test('a contender that did not mirror everything fails', () => {
  const target = 'small-get, mirror: at least 99 % of requests copied';
  assert.equal(verdicts(throughput('mirror', [row('understudy', 20, 1)]))[target], 'PASS');
  assert.equal(verdicts(throughput('mirror', [row('understudy', 20, 0.9)]))[target], 'FAIL');
});

test('a fault may cost neither requests nor latency nor memory nor errors', () => {
  const target = 'mirror hung: requests/s and p99 as with a healthy one, memory flat';
  const outcome = (hung: FaultRow): string | undefined =>
    verdicts({ faults: [faultRow('healthy', {}), hung] })[target];
  assert.equal(outcome(faultRow('hung', {})), 'PASS');
  assert.equal(outcome(faultRow('hung', { requests: 9100, p99Micros: 5500 }, 10e6)), 'PASS');
  assert.equal(outcome(faultRow('hung', { requests: 8000 })), 'FAIL');
  assert.equal(outcome(faultRow('hung', { p99Micros: 9000 })), 'FAIL');
  assert.equal(outcome(faultRow('hung', { socketErrors: 1 })), 'FAIL');
  assert.equal(outcome(faultRow('hung', {}, 100e6)), 'FAIL');
});
