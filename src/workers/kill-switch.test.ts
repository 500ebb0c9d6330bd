import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  durations,
  mirrorStatus,
  observerReport,
  policyReport,
} from '../../test/fixtures/observer-report.ts';
import { addHistogram, createHistogram } from '../kit/histogram.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Policy, StopWhen } from '../model/policy.ts';
import { KillSwitch } from './kill-switch.ts';

const NEVER: StopWhen = {
  mirrorErrors: undefined,
  primaryLatencyRise: undefined,
  windowMs: 60_000,
  minimum: 20,
};
const ERRORS: StopWhen = { ...NEVER, mirrorErrors: 0.5 };
const LATENCY: StopWhen = { ...NEVER, primaryLatencyRise: 0.5 };

/** A kill switch that is fed totals as observers report them. */
function setUp(stopWhen: StopWhen) {
  const calls: string[] = [];
  const killSwitch = new KillSwitch({
    measure: (policy) => calls.push(`measure ${policy}`),
    measured: (policy) => calls.push(`measured ${policy}`),
    stop: (policy) => calls.push(`stop ${policy}`),
  });
  const totals = { answered: 0, failed: 0, primary: createHistogram() };
  let policies: readonly Policy[] = [testPolicy({ name: 'p', stopWhen })];
  return {
    killSwitch,
    setPolicies(...changed: readonly Policy[]) {
      policies = changed;
    },
    /** A second in which this much is added to the totals; what it leads to. */
    second(part: { answered?: number; failed?: number; primary?: number; micros?: number }, stopped = false) {
      totals.answered += part.answered ?? 0;
      totals.failed += part.failed ?? 0;
      addHistogram(totals.primary, durations(part.primary ?? 0, part.micros ?? 1000));
      const mirror = mirrorStatus('m', {
        responses: { '1xx': 0, '2xx': totals.answered, '3xx': 0, '4xx': 0, '5xx': 0 },
        failures: { ...mirrorStatus('m').failures, reset: totals.failed },
      });
      const report = observerReport({
        policies: [policyReport('p', { mirrors: [mirror] })],
        durations: [{ role: 'primary', policy: 'p', histogram: structuredClone(totals.primary) }],
      });
      killSwitch.observe(policies, report, new Set(stopped ? ['p'] : []));
      return calls.splice(0);
    },
    /** As when an observer was lost and with it what it had not reported. */
    loseCounts() {
      totals.answered = 0;
      totals.failed = 0;
      totals.primary = createHistogram();
    },
  };
}

test('a policy without a kill switch is never stopped', () => {
  const { second } = setUp(NEVER);
  second({ failed: 100 });
  assert.deepEqual(second({ failed: 1000 }), []);
});

test('what was counted before the switch began does not count', () => {
  const { second } = setUp(ERRORS);
  assert.deepEqual(second({ failed: 1000 }), []);
  assert.deepEqual(second({ answered: 30 }), []);
});

test('too many failures stop the policy, and only the share since it was resumed stops it again', () => {
  const { second, killSwitch } = setUp(ERRORS);
  second({});
  assert.deepEqual(second({ answered: 15, failed: 5 }), []);
  assert.deepEqual(second({ failed: 30 }), ['stop p']);
  assert.deepEqual(second({ failed: 30 }, true), [], 'while it is stopped');
  killSwitch.forget('p');
  assert.deepEqual(second({}), []);
  assert.deepEqual(second({ answered: 15, failed: 6 }), []);
  assert.deepEqual(second({ failed: 20 }), ['stop p']);
});

test('latency is measured first, without copies, and then watched', () => {
  const { second } = setUp(LATENCY);
  assert.deepEqual(second({ primary: 5 }), ['measure p']);
  assert.deepEqual(second({ primary: 15 }), [], 'not enough yet');
  assert.deepEqual(second({ primary: 5 }), ['measured p']);
  assert.deepEqual(second({ primary: 50, answered: 50 }), []);
  assert.deepEqual(second({ primary: 200, answered: 200, micros: 5000 }), ['stop p']);
});

test('a policy that an operator pauses while it is measured stays paused', () => {
  const { second, killSwitch } = setUp(LATENCY);
  assert.deepEqual(second({ primary: 5 }), ['measure p']);
  assert.deepEqual(second({ primary: 100 }, true), []);
  assert.deepEqual(second({ primary: 100 }, true), []);
  killSwitch.forget('p');
  assert.deepEqual(second({}), ['measure p'], 'resumed, it is measured anew');
});

test('one whose kill switch is taken away while it is measured goes on', () => {
  const { second, setPolicies } = setUp(LATENCY);
  assert.deepEqual(second({ primary: 5 }), ['measure p']);
  setPolicies(testPolicy({ name: 'p', stopWhen: NEVER }));
  assert.deepEqual(second({}), ['measured p']);
  assert.deepEqual(second({}), []);
});

test('one that is to be stopped by errors only, from now on, goes on too', () => {
  const { second, setPolicies } = setUp(LATENCY);
  assert.deepEqual(second({ primary: 5 }), ['measure p']);
  setPolicies(testPolicy({ name: 'p', stopWhen: ERRORS }));
  assert.deepEqual(second({}), ['measured p']);
});

test('a policy that is gone is forgotten', () => {
  const { second, setPolicies } = setUp(LATENCY);
  assert.deepEqual(second({ primary: 5 }), ['measure p']);
  setPolicies();
  assert.deepEqual(second({}), []);
  setPolicies(testPolicy({ name: 'p', stopWhen: LATENCY }));
  assert.deepEqual(second({}), ['measure p']);
});

test('counts that went back, as when an observer was lost, stop nothing', () => {
  const { second, loseCounts } = setUp({ ...ERRORS, primaryLatencyRise: 0.5 });
  second({ primary: 5 });
  assert.deepEqual(second({ primary: 30 }), ['measured p']);
  second({ answered: 100, primary: 100 });
  loseCounts();
  assert.deepEqual(second({}), []);
  assert.deepEqual(second({ answered: 30, primary: 30 }), []);
});
