import { DEFAULT_COMPARE } from '../src/model/compare-settings.ts';
import type { Difference } from '../src/model/difference.ts';
import { HeldWrites, heldWritesBuffer } from '../src/compare/held-writes.ts';
import { RouteTable } from '../src/compare/routes/route-table.ts';
import { DEFAULT_EXAMPLES, ExampleChooser } from '../src/compare/sampling/example-chooser.ts';
import { PairCounter } from '../src/compare/tally/pair-counter.ts';
import type { SettledPair } from '../src/compare/tally/settled-pair.ts';

/**
 * What counting one pair costs: `node bench/tally.ts`. Goal: route and count of an equal pair together below 1 µs.
 */
const ROUNDS = 500_000;
const REPEATS = 5;

const table = new RouteTable(DEFAULT_COMPARE.routes);
const known = Array.from({ length: 1000 }, (_, i) => `/api/v1/orders/${10_000 + i}/items`);
// Cut out of a longer text, as paths of requests are, so that each has to be hashed.
const heads = known.map((path) => `GET ${path} HTTP/1.1`);

const counter = new PairCounter({
  policy: 'bench',
  mirror: 'v2',
  findings: DEFAULT_COMPARE.limits.findings,
  latency: DEFAULT_COMPARE.gate.latency,
});
const route = table.routeOf('GET', known[0] ?? '');

function pair(differences: readonly Difference[], control: boolean): SettledPair {
  return {
    route,
    exchangeId: 'e1',
    atMs: 1_700_000_000_000,
    primaryStatus: 200,
    mirror: { status: 200, failure: undefined },
    reference: control ? { kind: 'control', status: 200, failure: undefined } : undefined,
    mirrorDifferences: differences,
    referenceDifferences: [],
    durations: {
      primary: { firstByteMicros: 900, totalMicros: 1200 },
      mirror: { firstByteMicros: 950, totalMicros: 1300 },
      reference: control ? { firstByteMicros: 920, totalMicros: 1250 } : undefined,
      dispatchMicros: 150,
    },
    afterHeldWrite: false,
  };
}

const differences: readonly Difference[] = ['a', 'b', 'c'].map((name) => ({
  kind: 'value',
  path: `body.items[].${name}`,
  risk: 'medium',
  primary: '1',
  other: '2',
}));
const same = pair([], false);
const controlled = pair([], true);
const different = pair(differences, true);
const writes = new HeldWrites(heldWritesBuffer());
for (let id = 0; id < 1000; id++) writes.note(`/api/v1/orders/${id}`, 1_700_000_000_000);
const chooser = new ExampleChooser(DEFAULT_EXAMPLES, 0, Math.random);
const mirrors = [{ name: 'v2', differences: [] }];

let sum = 0;
measure('routeOf, a path that is remembered', (i) => {
  const head = heads[i % heads.length] ?? '';
  sum += table.routeOf('GET', head.slice(4, -9)).length;
});
measure('routeOf, a new id each time', (i) => {
  sum += table.routeOf('GET', `/api/v1/orders/${i}/items`).length;
});
measure('PairCounter, equal', () => counter.count(same));
measure('PairCounter, equal, with control', () => counter.count(controlled));
measure('PairCounter, three differences', () => counter.count(different));
measure('HeldWrites.touched', (i) => {
  if (writes.touched(known[i % known.length] ?? '', 1_700_000_000_000)) sum++;
});
measure('ExampleChooser, equal', (i) => {
  if (chooser.choose(route, mirrors, 1000, i / 30) !== undefined) sum++;
});
if (sum === 0) process.stdout.write('nothing was done\n');

function measure(name: string, run: (round: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < ROUNDS; i++) run(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / ROUNDS);
    counter.take();
  }
  process.stdout.write(`${name.padEnd(36)} ${best.toFixed(0).padStart(5)} ns\n`);
}
