import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Difference, Risk } from '../../model/difference.ts';
import type { FindingTally, PairTally, RouteTally } from '../../model/tally.ts';
import { PairCounter } from './pair-counter.ts';
import type { PairCounterOptions } from './pair-counter.ts';
import type { SettledPair } from './settled-pair.ts';

const OK = { status: 200, failure: undefined };
const CONTROL = { kind: 'control', ...OK } as const;
const TIMEOUT = { status: undefined, failure: 'timeout' } as const;

function openCounter(part: Partial<PairCounterOptions> = {}): PairCounter {
  return new PairCounter({
    policy: 'p',
    mirror: 'm',
    findings: 100,
    latency: { rise: 0.2, floorMs: 10 },
    ...part,
  });
}

function pair(part: Partial<SettledPair> = {}): SettledPair {
  return {
    route: 'GET /a',
    exchangeId: 'e1',
    atMs: 1000,
    primaryStatus: 200,
    mirror: OK,
    reference: undefined,
    mirrorDifferences: [],
    referenceDifferences: [],
    durations: {
      primary: { firstByteMicros: 1000, totalMicros: 2000 },
      mirror: { firstByteMicros: 1000, totalMicros: 2000 },
      reference: undefined,
      dispatchMicros: 100,
    },
    afterHeldWrite: false,
    ...part,
  };
}

function value(path: string, risk: Risk = 'medium'): Difference {
  return { kind: 'value', path, risk, primary: '1', other: '2' };
}

function taken(counter: PairCounter): PairTally {
  const tally = counter.take();
  ok(tally !== undefined, 'something was counted');
  return tally;
}

function only(counter: PairCounter): RouteTally {
  const { routes } = taken(counter);
  const [route] = routes;
  ok(route !== undefined && routes.length === 1, 'one route');
  return route;
}

function sides({ findings }: RouteTally): Record<string, readonly number[]> {
  return Object.fromEntries(
    findings.map(({ path, mirrorOnly, referenceOnly, both }) => [path, [mirrorOnly, referenceOnly, both]]),
  );
}

test('nothing counted is nothing to report, also after a report', () => {
  const counter = openCounter();
  equal(counter.take(), undefined);
  counter.count(pair());
  equal(only(counter).pairs, 1);
  equal(counter.take(), undefined);
});

function duration(totalMicros: number): { firstByteMicros: number; totalMicros: number } {
  return { firstByteMicros: 1000, totalMicros };
}

/** `worst` as mirrorOnly and referenceOnly of low, medium, high. */
const pairs: readonly (readonly [
  what: string,
  part: Partial<SettledPair>,
  expected: {
    readonly same?: number;
    readonly referenced?: number;
    readonly sides?: Readonly<Record<string, readonly number[]>>;
    readonly worst?: readonly number[];
    readonly failures?: readonly number[];
    readonly statuses: Readonly<Record<string, number>>;
  },
])[] = [
  ['two equal answers', {}, { same: 1, statuses: { '2xx>2xx': 1 } }],
  ['three equal answers', { reference: CONTROL }, { same: 1, referenced: 1, statuses: { '2xx>2xx': 1 } }],
  [
    'a difference of the mirror without reference',
    { mirrorDifferences: [value('x')] },
    { sides: { x: [1, 0, 0] }, worst: [0, 0, 1, 0, 0, 0], statuses: { '2xx>2xx': 1 } },
  ],
  [
    'a difference of the mirror only',
    { reference: CONTROL, mirrorDifferences: [value('x', 'high')] },
    { referenced: 1, sides: { x: [1, 0, 0] }, worst: [0, 0, 0, 0, 1, 0], statuses: { '2xx>2xx': 1 } },
  ],
  [
    'a difference of the reference only',
    { reference: CONTROL, referenceDifferences: [value('x', 'low')] },
    {
      same: 1,
      referenced: 1,
      sides: { x: [0, 1, 0] },
      worst: [0, 1, 0, 0, 0, 0],
      statuses: { '2xx>2xx': 1 },
    },
  ],
  [
    'noise on both sides, and more on each',
    {
      reference: CONTROL,
      mirrorDifferences: [value('x', 'high'), value('y'), value('z', 'low')],
      referenceDifferences: [value('w', 'low'), value('x', 'high')],
    },
    {
      referenced: 1,
      sides: { x: [0, 0, 1], y: [1, 0, 0], z: [1, 0, 0], w: [0, 1, 0] },
      worst: [0, 1, 1, 0, 0, 0],
      statuses: { '2xx>2xx': 1 },
    },
  ],
  [
    'the same path twice counts once, with its worst risk',
    {
      reference: CONTROL,
      mirrorDifferences: [value('x', 'low'), value('x', 'high')],
      referenceDifferences: [value('y', 'low'), value('y')],
    },
    {
      referenced: 1,
      sides: { x: [1, 0, 0], y: [0, 1, 0] },
      worst: [0, 0, 0, 1, 1, 0],
      statuses: { '2xx>2xx': 1 },
    },
  ],
  [
    'a mirror that failed',
    { mirror: TIMEOUT, reference: CONTROL, referenceDifferences: [value('x')] },
    {
      referenced: 1,
      sides: { 'failure.timeout': [1, 0, 0], x: [0, 1, 0] },
      worst: [0, 0, 0, 1, 0, 0],
      failures: [1, 0],
      statuses: { '2xx>failed': 1 },
    },
  ],
  [
    'a mirror that failed, without reference',
    { mirror: TIMEOUT },
    { sides: { 'failure.timeout': [1, 0, 0] }, failures: [1, 0], statuses: { '2xx>failed': 1 } },
  ],
  [
    'a reference that failed',
    { reference: { kind: 'repeat', ...TIMEOUT } },
    {
      same: 1,
      referenced: 1,
      sides: { 'failure.timeout': [0, 1, 0] },
      failures: [0, 1],
      statuses: { '2xx>2xx': 1 },
    },
  ],
  [
    'both failed alike',
    { mirror: TIMEOUT, reference: { kind: 'control', ...TIMEOUT }, primaryStatus: 503 },
    { referenced: 1, sides: { 'failure.timeout': [0, 0, 1] }, statuses: { '5xx>failed': 1 } },
  ],
  [
    'another class of status',
    { mirror: { status: 404, failure: undefined } },
    { same: 1, statuses: { '2xx>4xx': 1 } },
  ],
  ['a status that is none', { primaryStatus: 999 }, { same: 1, statuses: { 'none>2xx': 1 } }],
];

for (const [what, part, expected] of pairs) {
  test(`counts ${what}`, () => {
    const counter = openCounter();
    counter.count(pair(part));
    const route = only(counter);
    const { low, medium, high } = route.worst;
    deepEqual(
      {
        pairs: route.pairs,
        same: route.same,
        referenced: route.referenced,
        sides: sides(route),
        worst: [low, medium, high].flatMap((risk) => [risk.mirrorOnly, risk.referenceOnly]),
        failures: [route.failures.mirrorOnly, route.failures.referenceOnly],
        statuses: route.statuses,
      },
      {
        pairs: 1,
        same: 0,
        referenced: 0,
        sides: {},
        worst: [0, 0, 0, 0, 0, 0],
        failures: [0, 0],
        ...expected,
      },
    );
  });
}

test('kinds at one path are findings of their own', () => {
  const counter = openCounter();
  const missing: Difference = { kind: 'missing', path: 'x', risk: 'high', primary: '1', other: undefined };
  counter.count(
    pair({ reference: CONTROL, mirrorDifferences: [value('x')], referenceDifferences: [missing] }),
  );
  counter.count(pair({ mirrorDifferences: [missing] }));
  deepEqual(
    only(counter)
      .findings.map(({ kind, risk, mirrorOnly, referenceOnly }) => [kind, risk, mirrorOnly, referenceOnly])
      .toSorted(),
    [
      ['missing', 'high', 1, 1],
      ['value', 'medium', 1, 0],
    ],
  );
});

test('a finding keeps its times, held writes, highest risk and a sample of the mirror', () => {
  const counter = openCounter();
  const reference = { ...value('x'), other: 'of the control' };
  counter.count(pair({ exchangeId: 'e1', atMs: 10, reference: CONTROL, referenceDifferences: [reference] }));
  counter.count(pair({ exchangeId: 'e2', atMs: 20, mirrorDifferences: [value('x')], afterHeldWrite: true }));
  counter.count(pair({ exchangeId: 'e3', atMs: 30, mirrorDifferences: [value('x', 'high')] }));
  deepEqual(only(counter).findings, [
    {
      path: 'x',
      kind: 'value',
      risk: 'high',
      mirrorOnly: 2,
      referenceOnly: 1,
      both: 0,
      unreferenced: 2,
      afterHeldWrite: 1,
      firstSeen: 10,
      lastSeen: 30,
      sample: { exchange: 'e2', primary: '1', other: '2' },
    },
  ] satisfies FindingTally[]);
});

test('a report holds only what came since the one before', () => {
  const counter = openCounter();
  counter.count(pair({ atMs: 10, mirrorDifferences: [value('x'), value('y')] }));
  counter.take();
  counter.count(pair({ atMs: 20, exchangeId: 'e2', mirrorDifferences: [value('x')] }));
  const route = only(counter);
  deepEqual(sides(route), { x: [1, 0, 0] });
  deepEqual([route.findings[0]?.firstSeen, route.findings[0]?.sample.exchange], [20, 'e2']);
});

test('incomplete pairs and held writes are counted apart', () => {
  const counter = openCounter();
  counter.incomplete('GET /a', 'tape_gap');
  counter.incomplete('GET /a', 'tape_gap');
  counter.incomplete('GET /a', 'body_cut');
  counter.heldWrite();
  const { heldWrites, routes } = taken(counter);
  equal(heldWrites, 1);
  deepEqual([routes[0]?.pairs, routes[0]?.incomplete], [0, { tape_gap: 2, body_cut: 1 }]);
  counter.heldWrite();
  equal(counter.take()?.heldWrites, 1);
});

test('requests of catch-all routes are counted as turned away', () => {
  const counter = openCounter();
  counter.count(pair({ route: 'GET (other)' }));
  counter.incomplete('GET (other)', 'tape_gap');
  counter.count(pair());
  equal(taken(counter).routesTurnedAway, 2);
});

test('findings past the limit are turned away over all routes, and count in the rates', () => {
  const counter = openCounter({ findings: 2 });
  counter.count(pair({ mirrorDifferences: [value('x')] }));
  counter.count(pair({ route: 'GET /b', mirrorDifferences: [value('x')] }));
  const crowd = { reference: CONTROL, route: 'GET /c' };
  counter.count(pair({ ...crowd, mirrorDifferences: [value('y', 'high')] }));
  counter.count(
    pair({ ...crowd, mirrorDifferences: [value('y', 'high')], referenceDifferences: [value('y', 'high')] }),
  );
  const tally = taken(counter);
  equal(tally.findingsTurnedAway, 3);
  deepEqual(tally.routes[2]?.findings, []);
  deepEqual(tally.routes[2]?.worst.high, { mirrorOnly: 1, referenceOnly: 0 });
});

test('a finding that is gone for long makes room, one that stays does not', () => {
  const counter = openCounter({ findings: 2 });
  counter.count(pair({ mirrorDifferences: [value('x'), value('gone')] }));
  for (let report = 0; report < 100; report++) {
    counter.take();
    counter.count(pair({ mirrorDifferences: [value('x'), value('new')] }));
  }
  deepEqual(sides(only(counter)), { x: [1, 0, 0], new: [1, 0, 0] });
});

const latencies: readonly (readonly [
  what: string,
  mirror: number,
  reference: number | undefined,
  slower: number,
])[] = [
  ['as fast as the primary', 20_000, undefined, 0],
  ['at the edge', 34_000, undefined, 0],
  ['above the edge', 34_001, undefined, 1],
  ['slow beside the primary, not beside the control', 60_000, 50_000, 0],
  ['fast beside the primary, slow beside the control', 20_000, 5_000, 1],
];
for (const [what, mirror, reference, slower] of latencies) {
  test(`latency: ${what}`, () => {
    const counter = openCounter();
    counter.count(
      pair({
        reference: reference === undefined ? undefined : CONTROL,
        durations: {
          primary: duration(20_000),
          mirror: duration(mirror),
          reference: reference === undefined ? undefined : duration(reference),
          dispatchMicros: 100,
        },
      }),
    );
    const { total, firstByte, dispatch } = only(counter).latency;
    deepEqual([total.slower, total.compared, firstByte.slower], [slower, 1, 0]);
    deepEqual(
      [total.primary.sumMicros, total.reference.sumMicros, total.mirror.sumMicros, dispatch.sumMicros],
      [20_000, reference ?? 20_000, mirror, 100],
    );
  });
}

test('latency: where some pairs have a reference, each is counted against its own', () => {
  const counter = openCounter();
  const durations = pair().durations;
  counter.count(pair());
  counter.count(
    pair({
      reference: CONTROL,
      durations: { ...durations, reference: { firstByteMicros: 1, totalMicros: 500 } },
    }),
  );
  counter.count(pair());
  const { reference, primary } = only(counter).latency.total;
  deepEqual([reference.count, reference.sumMicros, primary.sumMicros], [3, 4500, 6000]);
});

test('latency: not of failed answers, and without a gate nothing is slow', () => {
  const counter = openCounter({ latency: undefined });
  counter.count(pair({ mirror: TIMEOUT, durations: { ...pair().durations, mirror: undefined } }));
  const none = only(counter).latency;
  deepEqual([none.total.primary.buckets.length, none.dispatch.count], [0, 0]);
  counter.count(pair());
  const { total } = only(counter).latency;
  deepEqual([total.compared, total.slower, total.mirror.count], [0, 0, 1]);
});

test('folded routes are one with the sum of both', () => {
  const counter = openCounter({ findings: 3 });
  counter.count(pair({ route: 'GET /u/ann', mirrorDifferences: [value('x')], atMs: 5 }));
  counter.count(pair({ route: 'GET /u/bob', mirrorDifferences: [value('x', 'high'), value('y')], atMs: 9 }));
  counter.incomplete('GET /u/bob', 'tape_gap');
  counter.fold(['GET /u/ann', 'GET /u/bob', 'GET /u/none'], 'GET /u/{segment}');
  counter.count(pair({ route: 'GET /u/{segment}', mirrorDifferences: [value('z')] }));
  const tally = taken(counter);
  const [route] = tally.routes;
  ok(route !== undefined && tally.routes.length === 1);
  deepEqual([route.route, route.pairs, route.incomplete], ['GET /u/{segment}', 3, { tape_gap: 1 }]);
  deepEqual(sides(route), { x: [2, 0, 0], y: [1, 0, 0], z: [1, 0, 0] });
  deepEqual(
    [route.findings[0]?.risk, route.findings[0]?.firstSeen, route.findings[0]?.lastSeen],
    ['high', 5, 9],
  );
  deepEqual([route.worst.medium.mirrorOnly, route.worst.high.mirrorOnly], [2, 1]);
  deepEqual([route.statuses, route.latency.total.compared], [{ '2xx>2xx': 3 }, 3]);
  equal(tally.findingsTurnedAway, 0);
});

function sorted(tally: PairTally): PairTally {
  const routes = tally.routes.map((route) => ({
    ...route,
    findings: route.findings.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  }));
  return { ...tally, routes: routes.toSorted((a, b) => (a.route < b.route ? -1 : 1)) };
}

test('tallies of several counters add up, in any order', () => {
  const sources = [1, 2, 3].map((n) => {
    const counter = openCounter();
    for (let i = 0; i < n; i++)
      counter.count(pair({ atMs: n, mirrorDifferences: [value('x'), value(`y${n}`)] }));
    counter.count(pair({ route: `GET /r${n}`, reference: CONTROL }));
    counter.heldWrite();
    return taken(counter);
  });
  const sum = (tallies: readonly PairTally[]): PairTally => {
    const counter = openCounter();
    for (const tally of tallies) counter.add(tally);
    return taken(counter);
  };
  const forwards = sorted(sum(sources));
  deepEqual(sorted(sum(sources.toReversed())), forwards);
  deepEqual([forwards.heldWrites, forwards.routes.map(({ pairs: count }) => count)], [3, [6, 1, 1, 1]]);
  deepEqual(sides(forwards.routes[0] ?? only(openCounter())), {
    x: [6, 0, 0],
    y1: [1, 0, 0],
    y2: [2, 0, 0],
    y3: [3, 0, 0],
  });
});

test('what was handed over does not change any more', () => {
  const counter = openCounter();
  counter.count(pair({ mirrorDifferences: [value('x')] }));
  const tally = taken(counter);
  const before = structuredClone(tally);
  for (let i = 0; i < 5; i++) counter.count(pair({ mirrorDifferences: [value('x')] }));
  deepEqual(tally, before);
});

test('pairs of the mirror without a reference are told apart', () => {
  const counter = openCounter();
  counter.count(pair({ mirrorDifferences: [value('x', 'high')] }));
  counter.count(pair({ reference: CONTROL, mirrorDifferences: [value('x', 'high')] }));
  counter.count(pair({ mirror: TIMEOUT }));
  counter.count(pair({ mirror: TIMEOUT, reference: CONTROL }));
  const { findings, worst, failures } = only(counter);
  deepEqual(
    findings.map(({ mirrorOnly, unreferenced }) => [mirrorOnly, unreferenced]),
    [
      [2, 1],
      [2, 1],
    ],
  );
  deepEqual(
    [worst.high, failures],
    [
      { mirrorOnly: 2, referenceOnly: 0, unreferenced: 1 },
      { mirrorOnly: 2, referenceOnly: 0, unreferenced: 1 },
    ],
  );
});
