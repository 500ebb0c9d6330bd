import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { createHistogram } from '../kit/histogram.ts';
import type { Logger } from '../kit/log.ts';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import type { SavedVerdict } from '../model/recording.ts';
import type { FindingTally, PairTally } from '../model/tally.ts';
import { comparisonBasis } from './comparison-basis.ts';
import { ignoreText } from './ignore-text.ts';
import { VerdictKeeper } from './verdict-keeper.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
const NOW = Date.UTC(2026, 10, 22, 12, 0, 30);

function mirrorAt(url: string) {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  return { name: 'v2', endpoint: { url, address, protocol: 'http1', tls: false }, tls: undefined } as const;
}

const POLICY = testPolicy({
  name: 'p',
  mirrors: [mirrorAt('http://v2')],
  control: { ...mirrorAt('http://c'), name: 'c' },
});

const BASIS = comparisonBasis(POLICY);

function open(policy: Policy = POLICY, saved: readonly SavedVerdict[] = []): VerdictKeeper {
  const keeper = new VerdictKeeper({ saved, log: silent, now: () => NOW });
  keeper.setPolicies([policy]);
  return keeper;
}

const NONE = { mirrorOnly: 0, referenceOnly: 0 };
const CURRENCY: FindingTally = {
  path: 'body.currency',
  kind: 'missing',
  risk: 'high',
  mirrorOnly: 1,
  referenceOnly: 0,
  both: 0,
  afterHeldWrite: 0,
  firstSeen: NOW,
  lastSeen: NOW,
  sample: { exchange: 'x-1', primary: '"EUR"' },
};

function tally(route: string, pairs: number, findings: readonly FindingTally[] = []): PairTally {
  const durations = { primary: createHistogram(), reference: createHistogram(), mirror: createHistogram() };
  const mirrorOnly = findings.reduce((sum, finding) => sum + finding.mirrorOnly, 0);
  const latency = { ...durations, slower: 0, compared: 0 };
  return {
    policy: 'p',
    mirror: 'v2',
    heldWrites: 0,
    findingsTurnedAway: 0,
    routesTurnedAway: 0,
    routes: [
      {
        route,
        pairs,
        same: pairs - mirrorOnly,
        referenced: pairs,
        incomplete: {},
        worst: { low: NONE, medium: NONE, high: { mirrorOnly, referenceOnly: 0 } },
        failures: NONE,
        statuses: { '2xx>2xx': pairs },
        findings,
        latency: { firstByte: latency, total: latency, dispatch: createHistogram() },
      },
    ],
  };
}

function feed(keeper: VerdictKeeper, times: number): void {
  for (let i = 0; i < times; i++)
    keeper.add({ basis: BASIS, tallies: [tally('GET /orders/{id}', 10, [CURRENCY])], exchanges: [] });
}

test('what observers count makes the verdict', () => {
  const keeper = open();
  equal(keeper.verdict('other'), undefined);
  equal(keeper.verdict('p')?.state, 'undecided');
  feed(keeper, 100);
  const verdict = keeper.verdict('p');
  deepEqual([verdict?.state, verdict?.mirrors[0]?.pairs.compared], ['fail', 1000]);
  match(verdict?.mirrors[0]?.reasons[0] ?? '', /body\.currency/);
});

test('a restart goes on where it stopped', () => {
  const before = open();
  feed(before, 100);
  const { verdicts } = before.take(true);
  deepEqual(before.take(true).verdicts, [], 'what is saved is not saved again');
  const after = open(POLICY, verdicts);
  equal(after.verdict('p')?.mirrors[0]?.pairs.compared, 1000);
  feed(after, 1);
  equal(after.verdict('p')?.mirrors[0]?.pairs.compared, 1010);
});

const changes: readonly (readonly [what: string, change: Partial<Policy>, pairs: number])[] = [
  ['another mirror', { mirrors: [mirrorAt('http://v3')] }, 0],
  ['another rule', { compare: { ...DEFAULT_COMPARE, unordered: ['body.a'] } }, 0],
  ['no control', { control: undefined }, 0],
  ['another gate', { compare: { ...DEFAULT_COMPARE, gate: { ...DEFAULT_COMPARE.gate, rate: 0.5 } } }, 10],
  ['other limits of copies', { limits: { ...POLICY.limits, concurrency: 1 } }, 10],
];
for (const [what, change, pairs] of changes) {
  test(`${what}: the verdict ${pairs === 0 ? 'begins anew' : 'goes on'}`, () => {
    const keeper = open();
    feed(keeper, 1);
    keeper.setPolicies([{ ...POLICY, ...change }]);
    equal(keeper.verdict('p')?.mirrors[0]?.pairs.compared, pairs);
  });
}

test('another gate judges what was counted before', () => {
  const keeper = open();
  feed(keeper, 100);
  equal(keeper.verdict('p')?.state, 'fail');
  const gate = { ...DEFAULT_COMPARE.gate, minimumPairs: 7 };
  keeper.setPolicies([{ ...POLICY, compare: { ...DEFAULT_COMPARE, gate } }]);
  const [mirror] = keeper.verdict('p')?.mirrors ?? [];
  deepEqual([mirror?.gate.minimumPairs, mirror?.pairs.compared], [7, 1000]);
  equal(keeper.take(true).verdicts[0]?.verdict.mirrors[0]?.gate.minimumPairs, 7, 'and is stored so');
});

test('what was compared before a change does not count after it', () => {
  const ignore = [{ path: 'body.currency', kinds: [], route: undefined }];
  const keeper = open();
  feed(keeper, 1);
  keeper.setPolicies([{ ...POLICY, compare: { ...DEFAULT_COMPARE, ignore } }]);
  keeper.take(true);
  feed(keeper, 1);
  deepEqual(keeper.verdict('p')?.mirrors[0]?.findings, []);
  deepEqual(keeper.take(true), { exchanges: [], minutes: [], verdicts: [] });
});

test('what was saved is taken up once, and not again after a change and back', () => {
  const before = open();
  feed(before, 1);
  const keeper = open(POLICY, before.take(true).verdicts);
  equal(keeper.verdict('p')?.mirrors[0]?.pairs.compared, 10);
  keeper.setPolicies([{ ...POLICY, control: undefined }]);
  keeper.setPolicies([POLICY]);
  equal(keeper.verdict('p')?.mirrors[0]?.pairs.compared, 0);
});

function count(keeper: VerdictKeeper, policy: Policy): void {
  keeper.add({ basis: comparisonBasis(policy), tallies: [tally('GET /a', 10)], exchanges: [] });
}

test('what was counted by descriptors waits in the store until a server has told them again', () => {
  const settings = { files: 1, bytes: 1, timeoutMs: 1, refreshMs: 1 };
  const protobuf = { ...DEFAULT_COMPARE.protobuf, reflection: { from: 'primary', ...settings } } as const;
  const waiting = { ...POLICY, compare: { ...DEFAULT_COMPARE, protobuf } };
  const told = {
    ...waiting,
    compare: { ...waiting.compare, protobuf: { ...protobuf, descriptors: 'AA==' } },
  };
  const before = open(told);
  count(before, told);
  const keeper = open(waiting, before.take(true).verdicts);
  count(keeper, waiting);
  deepEqual(keeper.take(true).verdicts, [], 'and is not written over');
  keeper.setPolicies([told]);
  count(keeper, waiting);
  count(keeper, told);
  equal(keeper.verdict('p')?.mirrors[0]?.pairs.compared, 20);
  equal(keeper.take(true).verdicts.length, 1);
});

for (const state of ['', '{}', 'null', '{"basis":1}', '{"basis":"x","since":1,"counts":"{"}']) {
  test(`what cannot be read is left: ${state}`, () => {
    const good = open();
    feed(good, 1);
    const saved = good.take(true).verdicts.map((verdict) => ({ ...verdict, state }));
    equal(open(POLICY, saved).verdict('p')?.mirrors[0]?.pairs.compared, 0);
  });
}

test('minutes add up', () => {
  const keeper = open();
  keeper.add({
    basis: BASIS,
    tallies: [tally('GET /a', 10), tally('GET /b', 5, [CURRENCY])],
    exchanges: [],
  });
  const [minute] = keeper.take(false).minutes;
  deepEqual(minute, {
    at: NOW - 30_000,
    policy: 'p',
    mirror: 'v2',
    pairs: 15,
    same: 14,
    different: 1,
    failures: 0,
  });
  deepEqual(keeper.take(false).minutes, []);
});

test('a finding has the rule that ignores it', () => {
  const keeper = open();
  feed(keeper, 2);
  const finding = keeper.verdict('p')?.mirrors[0]?.findings[0]?.id ?? '';
  const rule = keeper.ruleFor('p', finding);
  deepEqual(rule, { path: 'body.currency', kinds: ['missing'], route: 'GET /orders/{id}' });
  equal(keeper.ruleFor('p', 'none'), undefined);
  equal(keeper.ruleFor('none', finding), undefined);
  match(
    ignoreText('p', { path: 'body["a b"]', kinds: ['value'], route: 'GET /a' }),
    /- \{ path: "body\[\\"a b\\"\]", kinds: \[value\], route: "GET \/a" \}/,
  );
});

test('for a failure there is no rule, but a gate', () => {
  const keeper = open();
  const failure = { ...CURRENCY, path: 'failure.timeout', kind: 'failure' } as const;
  keeper.add({ basis: BASIS, tallies: [tally('GET /a', 10, [failure])], exchanges: [] });
  const finding = keeper.verdict('p')?.mirrors[0]?.findings[0]?.id ?? '';
  throws(() => keeper.ruleFor('p', finding), { name: 'UserError' });
});
