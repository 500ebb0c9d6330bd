import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { FindingTally, RouteTally } from '../../model/tally.ts';
import type { Finding, MirrorVerdict } from '../../model/verdict.ts';
import { policyVerdict } from './policy.ts';
import { noDiscordance } from './route-counts.ts';
import { OTHER_ROUTES, VerdictState } from './state.ts';
import { testFinding, testLatency, testOptions, testRoute, testTally } from './tally-fixture.ts';

const CONTROL = testOptions('control');
const ASSUMED = testOptions('assumed');
const AT = 10_000;

/** A route with one finding, whose pairs are the only ones that differ. */
function routeWith(
  pairs: number,
  finding: Partial<FindingTally>,
  rest: Partial<RouteTally> = {},
): RouteTally {
  const one = testFinding(finding);
  const { mirrorOnly, referenceOnly, both, unreferenced } = one;
  return testRoute(pairs, {
    same: pairs - mirrorOnly - both,
    worst: {
      low: noDiscordance(),
      medium: noDiscordance(),
      high: { mirrorOnly, referenceOnly, ...(unreferenced === undefined ? {} : { unreferenced }) },
    },
    findings: [one],
    ...rest,
  });
}

function verdictOn(routes: readonly RouteTally[], options = CONTROL, heldWrites = 0): MirrorVerdict {
  const state = new VerdictState(options);
  state.add(testTally(routes, { heldWrites }));
  return state.verdict(AT);
}

function onlyFinding(verdict: MirrorVerdict): Finding {
  equal(verdict.findings.length, 1);
  const [finding] = verdict.findings;
  if (finding === undefined) throw new Error('no finding');
  return finding;
}

test('before the first pair nothing is decided, and how much is missing cannot be told', () => {
  const verdict = new VerdictState(CONTROL).verdict(AT);
  equal(verdict.state, 'undecided');
  equal(verdict.pairsNeeded, undefined);
  deepEqual(
    verdict.rates.map(({ upper, ok: fine }) => [upper, fine]),
    [
      [1, false],
      [1, false],
    ],
  );
});

test('enough pairs without a difference pass', () => {
  for (const options of [CONTROL, ASSUMED]) {
    const verdict = verdictOn([testRoute(6000)], options);
    equal(verdict.state, 'pass');
    equal(verdict.pairsNeeded, 0);
  }
});

test('the estimate of pairs needed is what a pass takes', () => {
  const needed = verdictOn([testRoute(2000)]).pairsNeeded ?? 0;
  equal(verdictOn([testRoute(2000 + needed)]).state, 'pass');
  equal(verdictOn([testRoute(2000 + Math.floor(needed * 0.98))]).state, 'undecided');
});

/** The finding alone: nothing of it in the share of pairs that differ. */
function oneIn100(pairs: number): RouteTally {
  return testRoute(pairs, { findings: [testFinding({ mirrorOnly: Math.round(pairs / 100) })] });
}

test('the estimate of pairs needed is what a fault takes', () => {
  const before = verdictOn([oneIn100(800)]);
  equal(before.state, 'undecided');
  const needed = before.pairsNeeded ?? 0;
  ok(needed > 500 && needed < 1500, `${needed}`);
  equal(verdictOn([oneIn100(800 + needed)]).state, 'fail');
});

const diffy: readonly (readonly [
  name: string,
  pairs: number,
  finding: Partial<FindingTally>,
  established: boolean,
])[] = [
  ['4 against 2 of 100 are chance', 100, { mirrorOnly: 4, referenceOnly: 2 }, false],
  ['700 against 500 of 1,000 are not', 1000, { mirrorOnly: 350, referenceOnly: 150, both: 350 }, true],
  ['29 against 0 of 100,000 are not', 100_000, { mirrorOnly: 29 }, true],
];
for (const [name, pairs, counts, established] of diffy) {
  test(`where fixed ratios err: ${name}`, () => {
    const verdict = verdictOn([routeWith(pairs, counts)]);
    equal(onlyFinding(verdict).established, established);
    equal(verdict.state, established ? 'fail' : 'undecided');
  });
}

function shown(mirrorOnly: number): Finding {
  return onlyFinding(verdictOn([testRoute(50, { findings: [testFinding({ mirrorOnly })] })]));
}

test('the first pair that shows a finding is no evidence', () => {
  equal(shown(1).eValue, 1);
  deepEqual([shown(16).established, shown(17).established], [false, true]);
});

test('a finding below the gate is shown, established, and fails nothing', () => {
  const verdict = verdictOn([
    testRoute(6000, { findings: [testFinding({ kind: 'added', risk: 'low', mirrorOnly: 6000 })] }),
  ]);
  const finding = onlyFinding(verdict);
  deepEqual([finding.established, finding.fails, finding.eValue], [true, false, 1e300]);
  equal(verdict.state, 'pass');
});

test('without a control a path may differ as often as is assumed, and no more', () => {
  const within = verdictOn([routeWith(20_000, { mirrorOnly: 20 })], ASSUMED);
  equal(onlyFinding(within).established, false);
  const beyond = verdictOn([routeWith(20_000, { mirrorOnly: 60 })], ASSUMED);
  equal(onlyFinding(beyond).established, true);
  match(beyond.noise.text, /0\.1 % of the answers are assumed to differ/);
});

test('assumed noise of any size makes a test', () => {
  for (const assumed of [0, 1e-12, 0.5, 0.8, 1]) {
    const options = { ...ASSUMED, noise: { source: 'assumed' as const, assumed } };
    const within = Math.round(1000 * assumed);
    equal(onlyFinding(verdictOn([routeWith(1000, { mirrorOnly: within })], options)).established, false);
    ok(onlyFinding(verdictOn([routeWith(100_000, { mirrorOnly: 100_000 })], options)).eValue > 1e6);
  }
});

test('a larger assumed noise is allowed in the rate too', () => {
  const noisy = { ...ASSUMED, noise: { source: 'assumed' as const, assumed: 0.02 } };
  const verdict = verdictOn([routeWith(50_000, { mirrorOnly: 500 })], noisy);
  equal(verdict.rates[0]?.allowed, 0.02);
  equal(verdict.state, 'pass');
});

test('with repeats only pairs that have one are evidence', () => {
  const repeat = testOptions('repeat');
  const noisy = routeWith(
    10_000,
    { mirrorOnly: 990, unreferenced: 985, referenceOnly: 6 },
    { referenced: 100 },
  );
  const verdict = verdictOn([noisy], repeat);
  equal(onlyFinding(verdict).established, false);
  equal(verdict.state, 'undecided');
  const faulty = routeWith(10_000, { mirrorOnly: 4000, unreferenced: 3960 }, { referenced: 100 });
  equal(verdictOn([faulty], repeat).state, 'fail');
});

test('what follows held writes is listed and neither fails nor keeps from passing', () => {
  const verdict = verdictOn([routeWith(9000, { mirrorOnly: 900, afterHeldWrite: 900 })], CONTROL, 50);
  const finding = onlyFinding(verdict);
  deepEqual([finding.cause, finding.established, finding.fails], ['state_drift', false, false]);
  equal(verdict.state, 'pass');
  match(verdict.reasons.at(-1) ?? '', /1 finding follows from the 50 writes that were held back/);
});

test('pairs after held writes are left out of the evidence of a fault that shows without them too', () => {
  const verdict = verdictOn([routeWith(9000, { mirrorOnly: 30, afterHeldWrite: 14 })], CONTROL, 50);
  const finding = onlyFinding(verdict);
  deepEqual([finding.cause, finding.established], ['difference', false]);
  const more = verdictOn([routeWith(9000, { mirrorOnly: 30, afterHeldWrite: 13 })], CONTROL, 50);
  equal(more.state, 'fail');
});

/** Reports of 1,000 pairs each, with so many that show a finding. */
function growing(counts: readonly number[], heldWrites: number): MirrorVerdict {
  const state = new VerdictState(CONTROL);
  for (const mirrorOnly of counts) state.add(testTally([routeWith(1000, { mirrorOnly })], { heldWrites }));
  return state.verdict(AT);
}

const rising = Array.from({ length: 20 }, (_, i) => 6 * i);
const steady = Array.from({ length: 20 }, () => 20);
const deployed = Array.from({ length: 20 }, (_, i) => (i < 9 ? 0 : 40));
const growth: readonly (readonly [string, readonly number[], number, Finding['cause']])[] = [
  ['grows all the time while writes are held', rising, 5, 'state_drift'],
  ['grows all the time, and no write is held', rising, 0, 'difference'],
  ['is steady', steady, 5, 'difference'],
  ['begins at some moment and is steady then', deployed, 5, 'difference'],
];
for (const [name, counts, held, cause] of growth) {
  test(`a finding that ${name} is ${cause}`, () => equal(onlyFinding(growing(counts, held)).cause, cause));
}

test('unanswered copies count against what is allowed', () => {
  const failures = { mirrorOnly: 40, referenceOnly: 0 };
  const failing = testFinding({ kind: 'failure', path: 'failure.closed', mirrorOnly: 40 });
  const verdict = verdictOn([testRoute(6000, { failures, findings: [failing] })]);
  equal(verdict.rates.find(({ name }) => name === 'mirrorErrors')?.ok, false);
  equal(verdict.state, 'fail');
  match(verdict.reasons[0] ?? '', /the mirror gives no answer \(closed\) in 0\.67 % of 6,000 pairs/);
});

test('a mirror that differs in other places each time fails by its rate', () => {
  const options = testOptions('control', {}, { findings: 10 });
  const state = new VerdictState(options);
  for (let i = 0; i < 300; i++) state.add(testTally([routeWith(10, { path: `body.f${i}`, mirrorOnly: 1 })]));
  const verdict = state.verdict(AT);
  equal(verdict.findings.length, 10);
  equal(verdict.turnedAway.findings, 290);
  equal(verdict.state, 'fail');
  match(verdict.reasons[0] ?? '', /answers differently in at least \d/);
});

test('a route with much traffic and few comparable pairs keeps from passing', () => {
  const cut = testRoute(5, { route: 'GET /export', incomplete: { body_cut: 500 } });
  const rare = testRoute(5, { route: 'GET /rare' });
  const verdict = verdictOn([testRoute(9000), cut, rare]);
  equal(verdict.state, 'undecided');
  deepEqual(verdict.uncovered, ['GET /export']);
  match(
    verdict.reasons[0] ?? '',
    /1 route with a notable share of the traffic has fewer than 30 pairs: GET \/export/,
  );
  deepEqual(verdict.pairs.incomplete, { body_cut: 500 });
});

const BUCKETS = Array.from({ length: 60 }, (_, i) => (i === 40 ? 500 : 0));

test('a mirror that is slower in most pairs fails, where the gate watches latency', () => {
  const route = testRoute(500, { latency: testLatency(400, 500, BUCKETS) });
  const verdict = verdictOn([route]);
  equal(verdict.state, 'fail');
  deepEqual(
    verdict.findings.map(({ path, kind, established }) => [path, kind, established]),
    [
      ['latency.firstByte', 'latency', true],
      ['latency.total', 'latency', true],
    ],
  );
  equal(verdictOn([route], testOptions('control', { latency: undefined })).findings.length, 0);
  for (const source of ['repeat', 'assumed'] as const)
    equal(verdictOn([route], testOptions(source)).findings.length, 0, 'nothing waits as the mirror does');
  const slower = testRoute(500, { latency: testLatency(240, 500, BUCKETS) });
  equal(verdictOn([slower]).findings.length, 0);
});

test('latency is shown with bands', () => {
  const [route] = verdictOn([testRoute(500, { latency: testLatency(0, 500, BUCKETS) })]).routes;
  const [median] = route?.latency.total.quantiles ?? [];
  equal(median?.quantile, 0.5);
  equal(median?.mirror.estimate, median?.mirror.upper);
  ok((median?.mirror.lower ?? 0) > 0);
  ok(route?.dispatchMicros !== undefined);
});

test('findings are sorted: established before not, then by risk, then by evidence', () => {
  const findings = [
    testFinding({ path: 'a', risk: 'low', mirrorOnly: 500 }),
    testFinding({ path: 'b', risk: 'high', mirrorOnly: 3 }),
    testFinding({ path: 'c', risk: 'high', mirrorOnly: 40 }),
    testFinding({ path: 'd', risk: 'medium', mirrorOnly: 500 }),
    testFinding({ path: 'e', risk: 'high', mirrorOnly: 50 }),
  ];
  const verdict = verdictOn([testRoute(9000, { findings })]);
  deepEqual(
    verdict.findings.map(({ path }) => path),
    ['e', 'c', 'd', 'a', 'b'],
  );
});

test('the reason is a sentence with figures', () => {
  const verdict = verdictOn([routeWith(2311, { mirrorOnly: 233 }, { route: 'GET /api/orders/{id}' })]);
  match(
    verdict.reasons[0] ?? '',
    /^GET \/api\/orders\/\{id\}: field body\.currency is missing in 10\.1 % of 2,311 pairs \(at least \d\.\d %\)\.$/,
  );
});

test('tallies add up in any order', () => {
  const parts = [
    routeWith(1000, { mirrorOnly: 12, lastSeen: 5000 }),
    routeWith(2000, { mirrorOnly: 3, referenceOnly: 4, both: 2, firstSeen: 10 }),
    testRoute(500, { statuses: { '2xx>5xx': 1 }, latency: testLatency(3, 500, BUCKETS) }),
  ];
  deepEqual(verdictOn(parts), verdictOn(parts.toReversed()));
  equal(onlyFinding(verdictOn(parts)).firstSeen, 10);
});

test('routes that are put together count as if they had always been one', () => {
  const state = new VerdictState(CONTROL);
  for (let i = 0; i < 10; i++)
    state.add(
      testTally([testRoute(100, { route: `GET /orders/${i}`, findings: [testFinding({ mirrorOnly: 4 })] })]),
    );
  equal(state.verdict(AT).state, 'undecided');
  state.mergeRoutes(
    Array.from({ length: 10 }, (_, i) => `GET /orders/${i}`),
    'GET /orders/{id}',
  );
  const verdict = state.verdict(AT);
  equal(verdict.routes.length, 1);
  const finding = onlyFinding(verdict);
  deepEqual([finding.pairs, finding.mirrorOnly, finding.established], [1000, 40, true]);
  state.mergeRoutes(['unknown', 'GET /orders/{id}'], 'GET /orders/{id}');
  deepEqual(state.verdict(AT), verdict);
});

test('places of findings that were put together are free again, and reckoned with still', () => {
  const options = testOptions('control', {}, { findings: 2 });
  const state = new VerdictState(options);
  for (const route of ['a', 'b']) state.add(testTally([routeWith(100, { mirrorOnly: 1 }, { route })]));
  state.mergeRoutes(['a', 'b'], 'c');
  state.add(testTally([routeWith(100, { path: 'body.other', mirrorOnly: 1 }, { route: 'c' })]));
  const verdict = state.verdict(AT);
  equal(verdict.findings.length, 2);
  equal(verdict.turnedAway.findings, 0);
});

test('routes past the limit count as one, and are counted', () => {
  const state = new VerdictState(testOptions('control', {}, { routes: 3 }));
  for (let i = 0; i < 10; i++) state.add(testTally([testRoute(10, { route: `GET /${i}` })]));
  const verdict = state.verdict(AT);
  equal(verdict.routes.length, 4);
  equal(verdict.routes.find(({ route }) => route === OTHER_ROUTES)?.pairs, 70);
  equal(verdict.turnedAway.routes, 70);
});

test('the verdict is JSON whatever was counted', () => {
  const verdict = verdictOn([
    routeWith(
      1e12,
      { mirrorOnly: 1e12, kind: 'status', path: '__proto__' },
      { statuses: { __proto__: 1, '2xx>5xx': 1 } },
    ),
  ]);
  deepEqual(JSON.parse(JSON.stringify(verdict)), JSON.parse(JSON.stringify(verdict)));
  const numbers = JSON.stringify(verdict);
  ok(!numbers.includes('null'), 'a number that is not finite is null in JSON');
});

function worst(...mirrors: readonly MirrorVerdict[]): string {
  return policyVerdict('orders', mirrors, 0, AT).state;
}

test('a policy is as good as the worst of its mirrors', () => {
  const pass = verdictOn([testRoute(6000)]);
  const undecided = verdictOn([testRoute(10)]);
  const fail = verdictOn([routeWith(1000, { mirrorOnly: 500 })]);
  equal(worst(pass, pass), 'pass');
  equal(worst(pass, undecided), 'undecided');
  equal(worst(undecided, fail, pass), 'fail');
  equal(worst(), 'undecided');
});
