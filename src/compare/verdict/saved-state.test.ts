import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { noDiscordance } from './route-counts.ts';
import { SavedStateError } from './saved-value.ts';
import type { SavedStateFault } from './saved-value.ts';
import { VerdictState } from './state.ts';
import { testFinding, testLatency, testOptions, testRoute, testTally } from './tally-fixture.ts';

const CONTROL = testOptions('control');
const AT = 10_000;

function busyState(): VerdictState {
  const state = new VerdictState(CONTROL);
  for (let i = 0; i < 5; i++) {
    const findings = [
      testFinding({ mirrorOnly: 7 * i, afterHeldWrite: i, referenceOnly: 2, both: 1, unreferenced: 1 }),
      testFinding({
        path: 'status',
        kind: 'status',
        mirrorOnly: 1,
        sample: { exchange: 'e', primary: '200', other: '500' },
      }),
    ];
    state.add(
      testTally(
        [
          testRoute(500 + i, {
            findings,
            incomplete: { tape_gap: 3 },
            failures: { mirrorOnly: 1, referenceOnly: 2 },
            worst: {
              low: noDiscordance(),
              medium: noDiscordance(),
              high: { mirrorOnly: 9, referenceOnly: 3 },
            },
            latency: testLatency(400, 500, [1, 2, 0, 300, 97]),
          }),
          testRoute(3, { route: '__proto__' }),
        ],
        { heldWrites: 2, findingsTurnedAway: 1, routesTurnedAway: 4 },
      ),
    );
  }
  return state;
}

function refused(text: string, options = CONTROL): SavedStateFault | undefined {
  try {
    VerdictState.restore(text, options).verdict(AT);
    return undefined;
  } catch (error) {
    if (error instanceof SavedStateError) return error.code;
    throw error;
  }
}

test('a restored state goes on where it stopped', () => {
  const state = busyState();
  state.verdict(AT);
  const restored = VerdictState.restore(state.save(), CONTROL);
  equal(restored.save(), state.save());
  deepEqual(restored.verdict(AT), state.verdict(AT));
  const more = testTally([testRoute(100, { findings: [testFinding({ mirrorOnly: 50 })] })]);
  state.add(more);
  restored.add(more);
  deepEqual(restored.verdict(AT + 1), state.verdict(AT + 1));
});

test('another mirror, another source of noise and another version are refused', () => {
  const text = busyState().save();
  equal(refused(text, { ...CONTROL, mirror: 'v3' }), 'settings');
  equal(refused(text, testOptions('assumed')), 'settings');
  equal(refused(text.replace('"version":1', '"version":2')), 'version');
  equal(refused(text, testOptions('control', { alpha: 0.01 }, { findings: 1 })), undefined);
});

const damaged: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['half of it', busyState().save().slice(0, 500)],
  ['a list', '[]'],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['deep nesting', '['.repeat(100_000)],
  ['a negative count', busyState().save().replace('"same":', '"same":-')],
  ['a fraction', busyState().save().replace('"pairs":', '"pairs":0.')],
  ['a number too large', busyState().save().replace('"pairs":', '"pairs":1e300,"x":')],
  ['text for a number', busyState().save().replace('"heldWrites":10', '"heldWrites":"10"')],
  ['an unknown kind', busyState().save().replace('"kind":"missing"', '"kind":"constructor"')],
  ['an unknown reason', busyState().save().replace('tape_gap', 'toString')],
  ['a bucket that is not there', busyState().save().replace('"buckets":[[0,', '"buckets":[[1000000,')],
  ['a route twice', busyState().save().replace('"route":"__proto__"', '"route":"GET /orders/{id}"')],
  ['more findings than were ever watched', busyState().save().replace('"started":2', '"started":1')],
];
for (const [what, text] of damaged) {
  test(`${what} is refused`, () => equal(refused(text), 'malformed'));
}

test('whatever byte is changed, it is refused or makes a verdict', () => {
  const text = busyState().save();
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...'{}[]",:0159-eEntf\\ x'), (at, character) => {
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      const fault = refused(changed);
      ok(fault === undefined || ['malformed', 'version', 'settings'].includes(fault));
    }),
    { seed: 9, numRuns: 1500 },
  );
});

test('the error names the place', () => {
  throws(
    () => VerdictState.restore(busyState().save().replace('"kind":"missing"', '"kind":3'), CONTROL),
    /verdict\.routes\.0\.findings\.0\.kind/,
  );
});
