import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ExampleRuntime } from '../../test/fixtures/runtime.ts';
import { exampleMirror, examplePolicy, exampleSummary } from '../../test/fixtures/status.ts';
import { runResult } from './run-result.ts';
import { progressText, resultText, startText } from './status-text.ts';

test('a result shows held writes beside what was copied, and every reason', () => {
  const result = {
    ...runResult(new ExampleRuntime(), 'until'),
    policies: [
      { ...examplePolicy, control: { ...exampleMirror, name: 'control', url: 'http://127.0.0.1:3002' } },
    ],
    tapeDroppedBytes: 4096,
  };
  equal(
    resultText(result),
    `1m1s: 120 requests on 17 connections, 119 exchanges, of them incomplete: 1 (ambiguous 1)
policy orders-v2: 110 matched, 110 in the sample
  v2 http://127.0.0.1:3001: 90 copied, 20 writes held back, not copied: 10 (not_matched 10)
    answers: 85 2xx, 3 5xx; failed: 2 (timeout 2)
  control http://127.0.0.1:3002: 90 copied, 20 writes held back, not copied: 10 (not_matched 10)
    answers: 85 2xx, 3 5xx; failed: 2 (timeout 2)
pairs: 80 same, 7 different, 1 incomplete
4,096 bytes were not seen: the tape was full
connections relayed whose requests were not all seen: 2 (opaque_tls 2)
observers replaced: 1
`,
  );
});

test('the start shows endpoints, a fraction as written, a control and a pause', () => {
  const source = new ExampleRuntime();
  source.policies = () => [
    {
      ...examplePolicy,
      percent: 0.1,
      taps: ['orders'],
      writes: 'mirror',
      control: { ...exampleMirror, url: 'http://127.0.0.1:3002' },
      state: { kind: 'paused', by: 'operator', reason: 'deploy', since: 0 },
    },
  ];
  equal(
    startText(source, undefined),
    `orders: 127.0.0.1:8080 → http://127.0.0.1:3000, http://127.0.0.1:3009
policy orders-v2: 0.1 % of what it matches of orders → v2 (http://127.0.0.1:3001), control http://127.0.0.1:3002; writes are copied too; paused: deploy
`,
  );
});

test('the progress line fits in one line', () => {
  equal(
    progressText(exampleSummary),
    '1m1s · 120 requests · 90 copied · 20 writes held · 2 failed · 80 same, 7 different',
  );
});
