import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { BINS, grows, makeRoom, spread } from './growth.ts';
import { medianOf, randomFrom } from './simulation-fixture.ts';

function emptyBins(): number[] {
  return Array.from({ length: BINS }, () => 0);
}

test('events keep their number and place when bins are put together', () => {
  const bins = emptyBins();
  const scale = { from: 100, width: 1 };
  makeRoom(scale, 116, [bins]);
  spread(bins, scale, 100, 116, 32);
  deepEqual(
    bins,
    Array.from({ length: BINS }, () => 2),
  );
  makeRoom(scale, 117, [bins]);
  equal(scale.width, 2);
  deepEqual(bins, [...Array.from({ length: 8 }, () => 4), ...Array.from({ length: 8 }, () => 0)]);
});

test('a jump over many bins ends in bounded time', () => {
  const bins = emptyBins();
  bins[3] = 7;
  const scale = { from: 0, width: 1 };
  makeRoom(scale, 1e15, [bins]);
  ok(1e15 <= scale.width * BINS);
  equal(bins[0], 7);
});

/** After how many events growth is seen, when looked at after each report of 100 pairs; undefined when it never is. */
function eventsUntilSeen(seed: number, rate: (pair: number) => number): number | undefined {
  const random = randomFrom(seed);
  const bins = emptyBins();
  const scale = { from: 0, width: 1 };
  let events = 0;
  for (let before = 0; before < 50_000; before += 100) {
    let found = 0;
    for (let pair = before; pair < before + 100; pair++) if (random() < rate(pair)) found++;
    events += found;
    makeRoom(scale, before + 100, [bins]);
    spread(bins, scale, before, before + 100, found);
    if (grows(bins, scale, before + 100)) return events;
  }
  return undefined;
}

const RUNS = 100;
const steady: readonly (readonly [string, (pair: number) => number])[] = [
  ['is steady at 1 %', () => 0.01],
  ['is steady at 50 %', () => 0.5],
  ['begins early', (pair) => (pair < 6500 ? 0 : 0.1)],
  ['begins late', (pair) => (pair < 20_000 ? 0 : 0.1)],
  ['doubles once', (pair) => (pair < 12_000 ? 0.02 : 0.05)],
];
for (const [name, rate] of steady) {
  test(`a fault that ${name} is hardly ever taken for drift`, () => {
    const seen = Array.from({ length: RUNS }, (_, seed) => eventsUntilSeen(seed, rate));
    ok(seen.filter((events) => events !== undefined).length <= RUNS / 50);
  });
}

test('growth in a straight line is seen after some 600 events', () => {
  const seen = Array.from({ length: RUNS }, (_, seed) => eventsUntilSeen(seed, (pair) => pair / 500_000));
  const median = medianOf(seen.map((events) => events ?? Number.POSITIVE_INFINITY));
  ok(median > 300 && median < 900, `${median}`);
});
