import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  durations,
  mirrorStatus,
  observerReport,
  policyReport,
} from '../../test/fixtures/observer-report.ts';
import { createObserverCounts } from '../observe/counts.ts';
import { closeReport, mergeReports } from './reports.ts';

function counts(requests: number) {
  const all = createObserverCounts();
  all.http1Requests = requests;
  all.http2Requests = requests;
  all.http2Faults.gap = requests;
  all.exchanges = requests;
  all.incomplete.tape_gap = requests;
  all.opaque.tls = requests;
  all.resynchronised = requests;
  all.givenUp = requests;
  all.tooMany = requests;
  return all;
}

test('nothing merges to nothing', () => {
  assert.deepEqual(mergeReports([]), observerReport());
});

test('every count is the sum of all', () => {
  const sum = mergeReports([
    observerReport({ counts: counts(1), connections: 10, heapBytes: 100 }),
    observerReport({ counts: counts(2), connections: 20, heapBytes: 200 }),
  ]);
  assert.deepEqual(sum, observerReport({ counts: counts(3), connections: 30, heapBytes: 300 }));
});

function one(mirrored: number, breaker: 'closed' | 'half-open' | 'open') {
  return observerReport({
    policies: [
      policyReport('p', {
        matched: mirrored,
        sampled: mirrored,
        mirrors: [
          mirrorStatus('a', {
            mirrored,
            breaker,
            inFlight: 1,
            queued: 2,
            bufferedBytes: 3,
            pairs: { same: mirrored, different: 0, incomplete: 0 },
            truncated: 0,
          }),
        ],
        control: mirrorStatus('control', { mirrored }),
      }),
    ],
  });
}

test('policies, mirrors and controls are merged by name', () => {
  const other = observerReport({
    policies: [
      policyReport('p', { matched: 5, mirrors: [mirrorStatus('b', { mirrored: 9 })] }),
      policyReport('q', { matched: 7 }),
    ],
  });
  const { policies } = mergeReports([one(1, 'closed'), one(2, 'open'), one(4, 'half-open'), other]);
  assert.deepEqual(
    policies.map(({ name, matched, sampled }) => [name, matched, sampled]),
    [
      ['p', 12, 7],
      ['q', 7, 0],
    ],
  );
  const [a, b] = policies[0]?.mirrors ?? [];
  assert.deepEqual([a?.mirrored, a?.pairs.same, a?.breaker], [7, 7, 'open']);
  assert.deepEqual([a?.inFlight, a?.queued, a?.bufferedBytes], [3, 6, 9]);
  assert.deepEqual([b?.name, b?.mirrored], ['b', 9]);
  assert.deepEqual(policies[0]?.control?.mirrored, 7);
});

test('durations are merged by role and policy', () => {
  const merged = mergeReports([
    observerReport({ durations: [{ role: 'primary', policy: 'p', histogram: durations(2, 1000) }] }),
    observerReport({
      durations: [
        { role: 'primary', policy: 'p', histogram: durations(3, 9000) },
        { role: 'mirror', policy: 'p', histogram: durations(1, 50) },
        { role: 'primary', policy: 'q', histogram: durations(1, 50) },
      ],
    }),
  ]).durations;
  assert.deepEqual(
    merged.map(({ role, policy, histogram }) => [role, policy, histogram.count, histogram.sumMicros]),
    [
      ['primary', 'p', 5, 29_000],
      ['mirror', 'p', 1, 50],
      ['primary', 'q', 1, 50],
    ],
  );
});

test('what is merged stays as it was', () => {
  const reports = [
    observerReport({
      counts: counts(1),
      policies: [policyReport('p', { mirrors: [mirrorStatus('a', { mirrored: 1 })] })],
      durations: [{ role: 'primary', policy: 'p', histogram: durations(1, 50) }],
    }),
    observerReport({
      counts: counts(2),
      policies: [policyReport('p', { mirrors: [mirrorStatus('a', { mirrored: 2 })] })],
      durations: [{ role: 'primary', policy: 'p', histogram: durations(1, 50) }],
    }),
  ];
  const before = structuredClone(reports);
  mergeReports(reports);
  mergeReports(reports);
  assert.deepEqual(reports, before);
});

test('an observer that is gone has counted, and holds nothing any more', () => {
  const mirror = mirrorStatus('a', {
    mirrored: 5,
    breaker: 'open',
    inFlight: 1,
    queued: 2,
    bufferedBytes: 3,
  });
  const report = observerReport({
    counts: counts(4),
    connections: 10,
    heapBytes: 20,
    policies: [policyReport('p', { matched: 6, mirrors: [mirror], control: mirror })],
  });
  const closed = { ...mirror, breaker: 'closed', inFlight: 0, queued: 0, bufferedBytes: 0 };
  assert.deepEqual(closeReport(report), {
    ...report,
    connections: 0,
    heapBytes: 0,
    policies: [policyReport('p', { matched: 6, mirrors: [closed], control: closed } as object)],
  });
});
