import { parseArgs } from 'node:util';
import { bernoulliInterval } from '../src/compare/statistics/bernoulli-interval.ts';
import type { Interval } from '../src/compare/statistics/bernoulli-interval.ts';
import { excessInterval } from '../src/compare/statistics/excess-interval.ts';
import type { ExcessCounts } from '../src/compare/statistics/excess-interval.ts';
import { rankBand } from '../src/compare/statistics/quantile-band.ts';
import type { RankBand } from '../src/compare/statistics/quantile-band.ts';
import { COIN, findingTest } from '../src/compare/verdict/evidence.ts';
import { noDiscordance } from '../src/compare/verdict/route-counts.ts';
import {
  EvalueMemo,
  excessExcluded,
  failsAnyTime,
  medianOf,
  pairsToEstablish,
  passesAnyTime,
  quantileMissed,
  randomFrom,
  rateExcluded,
} from '../src/compare/verdict/simulation-fixture.ts';
import type { Noise } from '../src/compare/verdict/simulation-fixture.ts';
import { VerdictState } from '../src/compare/verdict/state.ts';
import {
  testFinding,
  testLatency,
  testOptions,
  testRoute,
  testTally,
} from '../src/compare/verdict/tally-fixture.ts';

/**
 * The figures of docs/verdict.md: how often the verdict errs, how soon it finds, how wide its intervals are and what it
 * costs. `node bench/verdict-simulation.ts [--runs 2000]`, some minutes.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '2000' } } });
const RUNS = Number(values.runs);
const ALPHA = 0.05;

function shareOf(runs: number, happens: (random: () => number) => boolean): string {
  let count = 0;
  for (let seed = 0; seed < runs; seed++) if (happens(randomFrom(seed + 1_000_000))) count++;
  return `${((100 * count) / runs).toFixed(2)} % of ${runs} runs`;
}

function line(...cells: readonly (string | number)[]): void {
  process.stdout.write(`${cells.join(' | ')}\n`);
}

const NOISY: readonly Noise[] = Array.from({ length: 20 }, (_, i) => {
  const chance = 0.5 * (i / 19) ** 2;
  return { mirror: chance, reference: chance };
});

function falseAlarms(): void {
  line('false alarms, 20 findings, looked at after every pair');
  for (const [findings, pairs] of [
    [20, 1500],
    [20, 5000],
    [1000, 5000],
  ] as const) {
    const options = testOptions('control', {}, { findings });
    const memo = new EvalueMemo(COIN);
    const share = shareOf(RUNS, (random) => failsAnyTime(random, NOISY, pairs, options, memo));
    line('control', `m = ${findings}`, `${pairs} pairs`, share);
  }
  const noise = Array.from({ length: 20 }, (_, i) => ({ mirror: (0.02 * (i + 6)) / 25, reference: 0 }));
  const options = {
    ...testOptions('assumed', {}, { findings: 20 }),
    noise: { source: 'assumed' as const, assumed: 0.02 },
  };
  const memo = new EvalueMemo(findingTest(options));
  line(
    'assumed 2 %',
    'm = 20',
    '5000 pairs',
    shareOf(RUNS, (random) => failsAnyTime(random, noise, 5000, options, memo)),
  );
}

function power(): void {
  line('pairs until established, α 5 %, m = 1,000: median, 90 % of the runs');
  const options = testOptions('control');
  const memo = new EvalueMemo(COIN);
  for (const [name, noise, runs] of [
    ['100 %, quiet', { mirror: 1, reference: 0 }, RUNS],
    ['10 %, quiet', { mirror: 0.1, reference: 0 }, RUNS],
    ['1 %, quiet', { mirror: 0.01, reference: 0 }, RUNS],
    ['0.1 %, quiet', { mirror: 0.001, reference: 0 }, RUNS],
    ['10 % beside 5 %', { mirror: 1 - 0.95 * 0.9, reference: 0.05 }, RUNS],
    ['1 % beside 0.1 %', { mirror: 0.011, reference: 0.001 }, RUNS],
    ['1 % beside 5 %', { mirror: 1 - 0.95 * 0.99, reference: 0.05 }, Math.min(RUNS, 500)],
  ] as const) {
    const pairs = Array.from({ length: runs }, (_, seed) =>
      pairsToEstablish(randomFrom(seed), noise, options, memo),
    );
    const most = pairs.toSorted((a, b) => a - b)[Math.floor(runs * 0.9)] ?? 0;
    line(name, medianOf(pairs), most);
  }
}

function coverage(): void {
  line('intervals that ever miss the truth in 2,000 pairs, α 5 %');
  const runs = Math.min(RUNS, 1000);
  for (const mirror of [0.002, 0.05, 0.5]) {
    const noise = { mirror, reference: 0.03 };
    line(
      mirror,
      'rate',
      shareOf(runs, (random) => rateExcluded({ random, noise, pairs: 2000 }, ALPHA)),
      'excess',
      shareOf(runs, (random) => excessExcluded({ random, noise, pairs: 2000 }, ALPHA)),
    );
  }
  for (const share of [0.5, 0.9, 0.99]) {
    const known: (readonly RankBand[])[] = [];
    const ranks = (count: number): readonly RankBand[] => (known[count] ??= [rankBand(count, share, ALPHA)]);
    line(
      `quantile ${share}`,
      shareOf(runs, (random) => quantileMissed(random, 2000, [share], ranks)),
    );
  }
  line('a mirror at 0.11 % where 0.1 % is allowed passes within 200,000 pairs');
  const options = testOptions('control');
  const noise = { mirror: 0.0011, reference: 0 };
  line(shareOf(RUNS, (random) => passesAnyTime({ random, noise, pairs: 200_000 }, options)));
}

function excessAt(share: number, side: number): number {
  return share * (2 * side - 1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(4)} %`;
}

/** The other valid ways to bound the excess from the three counts. */
const CONSTRUCTIONS: Readonly<Record<string, (counts: ExcessCounts) => Interval>> = {
  betting: (counts) => excessInterval(counts, ALPHA),
  'difference of two rates': ({ mirrorOnly, referenceOnly, pairs }) => {
    const left = bernoulliInterval(mirrorOnly, pairs, ALPHA / 2);
    const right = bernoulliInterval(referenceOnly, pairs, ALPHA / 2);
    return { lower: left.lower - right.upper, upper: left.upper - right.lower };
  },
  'share of discordant pairs and its split': ({ mirrorOnly, referenceOnly, pairs }) => {
    const either = bernoulliInterval(mirrorOnly + referenceOnly, pairs, ALPHA / 2);
    const split = bernoulliInterval(mirrorOnly, mirrorOnly + referenceOnly, ALPHA / 2);
    return {
      lower: Math.min(excessAt(either.lower, split.lower), excessAt(either.upper, split.lower)),
      upper: Math.max(excessAt(either.lower, split.upper), excessAt(either.upper, split.upper)),
    };
  },
};

function constructions(): void {
  line('bounds of the excess at expected counts, lower … upper');
  for (const [mirror, reference, pairs] of [
    [0, 0, 5000],
    [0.001, 0, 20_000],
    [0.01, 0.01, 20_000],
    [0.0565, 0.047, 50_000],
    [0.25, 0.25, 50_000],
    [0.0565, 0.047, 1e6],
  ] as const) {
    const counts = { mirrorOnly: mirror * pairs, referenceOnly: reference * pairs, pairs };
    for (const [name, interval] of Object.entries(CONSTRUCTIONS)) {
      const { lower, upper } = interval(counts);
      line(`${mirror} against ${reference}, ${pairs} pairs`, name, `${percent(lower)} … ${percent(upper)}`);
    }
  }
}

/** 500 routes with full histograms and 1,000 findings, all of which change between two looks. */
function cost(): void {
  const random = randomFrom(1);
  const some = (limit: number): number => Math.floor(random() * limit);
  for (const [name, fault] of [
    ['undecided', 0],
    ['fail', 30],
  ] as const) {
    const state = new VerdictState(testOptions('control'));
    const times: number[] = [];
    for (let look = 0; look < 20; look++) {
      const routes = Array.from({ length: 500 }, (_, route) =>
        testRoute(1000 + route, {
          route: `GET /r${route}`,
          latency: testLatency(
            some(700),
            1000 + route,
            Array.from({ length: 93 }, () => some(30)),
          ),
          worst: { low: noDiscordance(), medium: noDiscordance(), high: { mirrorOnly: 5, referenceOnly: 5 } },
          findings: ['a', 'b'].map((path) =>
            testFinding({ path, mirrorOnly: some(20) + fault, referenceOnly: some(20) }),
          ),
        }),
      );
      state.add(testTally(routes));
      const before = process.cpuUsage();
      state.verdict(look);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
    }
    line(
      `verdict(), ${name}: ms of CPU`,
      `median ${medianOf(times).toFixed(1)}`,
      `most ${Math.max(...times).toFixed(1)}`,
    );
    line(
      'saved, MB',
      (state.save().length / 1e6).toFixed(1),
      'heap, MB',
      (process.memoryUsage().heapUsed / 1e6).toFixed(0),
    );
  }
}

cost();
power();
constructions();
coverage();
falseAlarms();
