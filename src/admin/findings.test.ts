import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { exampleFinding, exampleMirrorVerdict, exampleVerdict } from '../../test/fixtures/verdict.ts';
import { RISKS } from '../model/difference.ts';
import type { Finding, Verdict } from '../model/verdict.ts';
import { findingsPage } from './findings.ts';
import { ApiProblem } from './problem.ts';

function verdictOf(policy: string, findings: readonly Finding[]): Verdict {
  return exampleVerdict({ policy, mirrors: [exampleMirrorVerdict({ findings })] });
}

const finding = fc.record({
  id: fc.uuid(),
  fails: fc.boolean(),
  established: fc.boolean(),
  risk: fc.constantFrom(...RISKS),
  eValue: fc.oneof(fc.double({ min: 0, noNaN: true }), fc.constant(Infinity)),
});

test('property: pages of any size hold every finding once, in one order', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(finding, { selector: ({ id }) => id, maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (parts, limit) => {
        const all = parts.map((part) => exampleFinding(part));
        const verdicts = [verdictOf('a', all), verdictOf('b', all.slice(0, 5))];
        const whole = findingsPage(verdicts, { limit: 500 });
        equal(whole.items.length, all.length + Math.min(all.length, 5));
        equal(whole.next, undefined);
        const paged: unknown[] = [];
        let cursor: string | undefined;
        do {
          const page = findingsPage(verdicts, { limit, cursor });
          paged.push(...page.items);
          cursor = page.next;
        } while (cursor !== undefined);
        deepEqual(paged, whole.items);
      },
    ),
  );
});

test('the worst is first: what fails, what is proven, by risk, by evidence', () => {
  const order: readonly Partial<Finding>[] = [
    { id: '1', fails: true, risk: 'high', eValue: Infinity },
    { id: '2', fails: true, risk: 'high', eValue: 10 },
    { id: '3', fails: true, risk: 'medium', eValue: 1e9 },
    { id: '4', fails: false, risk: 'high' },
    { id: '5', fails: false, established: false, risk: 'high', eValue: 15 },
    { id: '6', fails: false, established: false, risk: 'low', eValue: 16 },
  ];
  const findings = order.map((part) => exampleFinding(part)).toReversed();
  const { items } = findingsPage([verdictOf('a', findings)], { limit: 10 });
  deepEqual(
    items.map(({ id }) => id),
    ['1', '2', '3', '4', '5', '6'],
  );
});

test('filters by what is given', () => {
  const verdicts = [exampleVerdict()];
  for (const [filter, paths] of [
    [{ kind: 'missing' }, ['body.customer.email']],
    [{ established: false }, ['body.hint']],
    [{ risk: 'medium', fails: true }, ['body.total']],
    [{ cause: 'state_drift' }, ['body.stock']],
    [{ mirror: 'v3' }, []],
    [{ route: 'GET /none' }, []],
  ] as const) {
    const { items } = findingsPage(verdicts, { limit: 10, ...filter });
    deepEqual(
      items.map(({ path }) => path),
      paths,
    );
  }
});

for (const cursor of ['', 'x', 'bnVsbA', Buffer.from('[1,2,3,4,5]').toString('base64url')]) {
  test(`refuses the cursor "${cursor}"`, () => {
    throws(() => findingsPage([], { limit: 1, cursor }), ApiProblem);
  });
}
