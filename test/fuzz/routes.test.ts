import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { HeldWrites, heldWritesBuffer } from '../../src/compare/held-writes.ts';
import { RouteTable } from '../../src/compare/routes/route-table.ts';
import { PairCounter } from '../../src/compare/tally/pair-counter.ts';
import type { PairTally } from '../../src/model/tally.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9110);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 5_000);
const RUN = { seed: SEED, interruptAfterTimeLimit: TOTAL_MS / 5, numRuns: 10_000 };

/** Few words, so that places of the tree meet again, and many of them, so that they fold. */
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('1', '2024-01-31', 'x.js', 'y.js', '', '.', '..', '**', '{segment}'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('%00', '%2F', '%', '%zz', ';a=1', '\ud800', 'z'.repeat(2000)) },
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join('/')}`);
const hostilePath = fc.oneof(
  path,
  fc.string({ unit: 'binary' }),
  fc.tuple(path, fc.nat(3000)).map(([text, times]) => text.repeat(times).slice(0, 100_000)),
);
const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST') },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const request = fc.tuple(method, path);
const settings = fc.record({
  templates: fc.array(fc.constantFrom('/a/{id}', '/a/b', 'POST /{x}/c', '/b/**'), { maxLength: 3 }),
  limit: fc.integer({ min: 1, max: 60 }),
  segmentValues: fc.integer({ min: 0, max: 6 }),
});

/** Counts by route, moved when routes are folded. */
class Counts {
  readonly byRoute = new Map<string, number>();

  add(route: string, count: number): void {
    this.byRoute.set(route, (this.byRoute.get(route) ?? 0) + count);
  }

  readonly fold = (from: readonly string[], to: string): void => {
    for (const route of from) {
      const count = this.byRoute.get(route);
      this.byRoute.delete(route);
      if (count !== undefined) this.add(to, count);
    }
  };

  get total(): number {
    let total = 0;
    for (const count of this.byRoute.values()) total += count;
    return total;
  }
}

test('whatever comes in whatever order, each request stays counted under one route that is in use', () => {
  fc.assert(
    fc.property(settings, fc.array(request, { maxLength: 200 }), (part, requests) => {
      const counts = new Counts();
      const table = new RouteTable(part, counts.fold);
      for (const [verb, text] of requests) counts.add(table.routeOf(verb, text), 1);
      assert.equal(counts.total, requests.length);
      assert.ok(table.size <= part.limit);
      for (const route of counts.byRoute.keys()) assert.equal(table.adopt(route), route, 'it is in use');
    }),
    RUN,
  );
});

test('what observers learned apart adds up on main, however their reports mix', () => {
  const reports = fc.array(fc.tuple(fc.nat(2), fc.array(request, { maxLength: 20 })), { maxLength: 20 });
  fc.assert(
    fc.property(settings, reports, (part, batches) => {
      const sum = new Counts();
      const main = new RouteTable(part, sum.fold);
      const observers = [0, 1, 2].map(() => {
        const counts = new Counts();
        return { counts, table: new RouteTable(part, counts.fold) };
      });
      let total = 0;
      for (const [at, requests] of batches) {
        const observer = observers[at];
        if (observer === undefined) continue;
        for (const [verb, text] of requests) observer.counts.add(observer.table.routeOf(verb, text), 1);
        for (const [route, count] of observer.counts.byRoute) {
          sum.add(main.adopt(route, count), count);
          total += count;
        }
        observer.counts.byRoute.clear();
      }
      assert.equal(sum.total, total);
      assert.ok(main.size <= part.limit);
      for (const route of sum.byRoute.keys())
        assert.equal(main.adopt(route), route, 'it is what it is called here');
    }),
    RUN,
  );
});

function pairsOf(tally: PairTally | undefined): readonly number[] {
  let pairs = 0;
  let findings = 0;
  for (const route of tally?.routes ?? []) {
    pairs += route.pairs;
    for (const { mirrorOnly } of route.findings) findings += mirrorOnly;
  }
  return [pairs, findings];
}

test('a counter that follows the folds loses no pair and no finding', () => {
  fc.assert(
    fc.property(settings, fc.array(request, { maxLength: 100 }), (part, requests) => {
      const counter = new PairCounter({ policy: 'p', mirror: 'm', findings: 1000, latency: undefined });
      const table = new RouteTable(part, (from, to) => counter.fold(from, to));
      for (const [at, [verb, text]] of requests.entries()) {
        counter.count({
          route: table.routeOf(verb, text),
          exchangeId: `e${at}`,
          atMs: at,
          primaryStatus: 200,
          mirror: { status: 200, failure: undefined },
          reference: undefined,
          mirrorDifferences: [{ kind: 'value', path: `f${at % 3}`, risk: 'low', primary: '1', other: '2' }],
          referenceDifferences: [],
          durations: {
            primary: { firstByteMicros: 1, totalMicros: 1 },
            mirror: undefined,
            reference: undefined,
            dispatchMicros: undefined,
          },
          afterHeldWrite: false,
        });
      }
      assert.deepEqual(pairsOf(counter.take()), [requests.length, requests.length]);
    }),
    RUN,
  );
});

test('hostile paths give a route of printable characters and bounded length', () => {
  fc.assert(
    fc.property(method, hostilePath, (verb, text) => {
      const table = new RouteTable({ templates: ['/a/{id}'], limit: 5, segmentValues: 2 });
      const route = table.routeOf(verb, text);
      assert.match(route, /^[A-Z][A-Z-]{0,15} (?:\/[!-~]*|\(other\)|\(no path\))$/);
      assert.ok(route.length < 1200, `${route.length}`);
      assert.equal(table.adopt(route), route);
    }),
    RUN,
  );
});

test('a held write is seen by a read of the same path, whatever the path', () => {
  fc.assert(
    fc.property(hostilePath, (text) => {
      const buffer = heldWritesBuffer(4096);
      new HeldWrites(buffer).note(text, 1000);
      const deep = (text.match(/\//g)?.length ?? 0) > 15;
      assert.ok(deep || new HeldWrites(buffer).touched(text, 2000));
    }),
    RUN,
  );
});

test('100,000 paths of each kind stay within bounds', () => {
  const kinds: readonly ((n: number) => string)[] = [
    (n) => `/p${n}`,
    (n) => `/api/u${n}/x${n}/y${n}`,
    (n) => `/a${n % 20}/b${Math.floor(n / 20) % 20}/c${Math.floor(n / 400) % 20}/d${Math.floor(n / 8000)}`,
    (n) => `/${'x'.repeat(n % 300)}/${n}`,
    (n) => `/a${'/b'.repeat(n % 40)}/w${n}`,
    (n) => `/f${n}.js`,
  ];
  for (const kind of kinds) {
    const counts = new Counts();
    const table = new RouteTable({ templates: [], limit: 500, segmentValues: 20 }, counts.fold);
    for (let n = 0; n < 100_000; n++) counts.add(table.routeOf('GET', kind(n)), 1);
    assert.equal(counts.total, 100_000);
    assert.ok(table.size <= 500, `${table.size} routes for ${kind(1)}`);
    assert.ok(counts.byRoute.size <= 501, `${counts.byRoute.size} names for ${kind(1)}`);
  }
});

test('what is remembered of 100,000 long paths is a few megabytes', () => {
  const table = new RouteTable({ templates: [], limit: 500, segmentValues: 20 });
  const before = heapBytes();
  for (let n = 0; n < 100_000; n++) {
    // A path is a slice of its head.
    const head = `GET /api/u${n}/${'x'.repeat(40)}${n} HTTP/1.1\r\n${'h'.repeat(8000)}`;
    table.routeOf('GET', head.slice(4, head.indexOf(' HTTP')));
  }
  const grown = heapBytes() - before;
  assert.ok(grown < 8 * 1024 * 1024, `${grown} bytes`);
  assert.ok(table.size > 0);
});

/** Bytes in use after a collection, which a program may ask for only with this flag. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
