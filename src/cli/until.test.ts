import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { exampleSummary } from '../../test/fixtures/status.ts';
import { UserError } from '../kit/errors.ts';
import type { Until } from './until.ts';
import { isReached, parseUntil } from './until.ts';

const cases: readonly (readonly [string, Until])[] = [
  ['end', { kind: 'end' }],
  ['10000-pairs', { kind: 'pairs', count: 10_000 }],
  ['1-requests', { kind: 'requests', count: 1 }],
  ['30m', { kind: 'time', ms: 1_800_000 }],
  ['1m30s', { kind: 'time', ms: 90_000 }],
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
  'verdict',
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
  equal(isReached({ kind: 'pairs', count: 9 }, summary, 0), true);
  equal(isReached({ kind: 'pairs', count: 10 }, summary, 0), false);
  equal(isReached({ kind: 'requests', count: 7 }, summary, 0), true);
  equal(isReached({ kind: 'requests', count: 8 }, summary, 0), false);
  equal(isReached({ kind: 'time', ms: 5 }, summary, 4), false);
  equal(isReached({ kind: 'time', ms: 5 }, summary, 5), true);
  equal(isReached({ kind: 'end' }, summary, 1e9), false);
});
