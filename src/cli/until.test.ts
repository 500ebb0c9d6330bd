import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { exampleSummary } from '../../test/fixtures/status.ts';
import { UserError } from '../kit/errors.ts';
import type { Until } from './until.ts';
import { isReached, parseUntil, waitsForVerdict } from './until.ts';

const cases: readonly (readonly [string, Until])[] = [
  ['end', { kind: 'end' }],
  ['10000-pairs', { kind: 'pairs', count: 10_000 }],
  ['1-requests', { kind: 'requests', count: 1 }],
  ['30m', { kind: 'time', ms: 1_800_000 }],
  ['1m30s', { kind: 'time', ms: 90_000 }],
  ['verdict', { kind: 'verdict' }],
  [
    'verdict,30m',
    {
      kind: 'first',
      of: [{ kind: 'verdict' }, { kind: 'time', ms: 1_800_000 }],
    },
  ],
];
for (const [text, until] of cases) {
  test(`reads ${text}`, () => deepEqual(parseUntil(text), until));
}

for (const text of [
  '',
  '10000',
  '0-pairs',
  '-1-pairs',
  '10-pears',
  '1e3-pairs',
  '0',
  '0s',
  'verdict,',
  'verdicts',
  '9999999999999999-pairs',
]) {
  test(`refuses "${text}" and says what may stand there`, () => {
    throws(
      () => parseUntil(text),
      (error) => error instanceof UserError && error.where === '--until' && error.hint !== undefined,
    );
  });
}

test('is reached at the count, not before, and incomplete pairs do not count', () => {
  const summary = {
    ...exampleSummary,
    pairs: { same: 6, different: 3, incomplete: 5 },
    requests: { http1: 4, http2: 3 },
  };
  const reached = (until: Until, elapsedMs = 0, decided = false): boolean =>
    isReached(until, { summary, elapsedMs, decided: () => decided });
  equal(reached({ kind: 'pairs', count: 9 }), true);
  equal(reached({ kind: 'pairs', count: 10 }), false);
  equal(reached({ kind: 'requests', count: 7 }), true);
  equal(reached({ kind: 'requests', count: 8 }), false);
  equal(reached({ kind: 'time', ms: 5 }, 4), false);
  equal(reached({ kind: 'time', ms: 5 }, 5), true);
  equal(reached({ kind: 'end' }, 1e9, true), false);
  equal(reached({ kind: 'verdict' }, 1e9), false);
  equal(reached({ kind: 'verdict' }, 0, true), true);
  equal(reached(parseUntil('verdict,5s'), 4999), false);
  equal(reached(parseUntil('verdict,5s'), 5000), true);
  equal(reached(parseUntil('verdict,5s'), 0, true), true);
});

test('knows whether it waits for a verdict', () => {
  equal(waitsForVerdict(parseUntil('30m,verdict')), true);
  equal(waitsForVerdict(parseUntil('30m')), false);
  equal(waitsForVerdict(undefined), false);
});
