/**
 * Whether an observer's judge and main's verdicts stay small under traffic that is made to make them grow: 100,000 distinct
 * paths, 10,000 places that differ, bodies of 1 MiB. Heap after a collection; time advances by a second each 1,000 pairs.
 *
 *   node --expose-gc bench/judge-memory.ts [--rounds 3]
 *
 * Exits with 1 when the heap still grows from the second round on.
 */
import { parseArgs } from 'node:util';
import { HeldWrites, heldWritesBuffer } from '../src/compare/held-writes.ts';
import { silentLogger } from '../src/kit/log.ts';
import type { ResponseHead } from '../src/model/exchange.ts';
import { testConnection, testPolicy } from '../src/model/fixtures.ts';
import { requestHead } from '../src/model/request-head.ts';
import { LiveExchange } from '../src/observe/exchange.ts';
import { createTargetCounts } from '../src/observe/policy-runner.ts';
import { AnswerJudge } from '../src/workers/answer-judge.ts';
import { VerdictKeeper } from '../src/workers/verdict-keeper.ts';

const PATHS = 100_000;
const PLACES = 10_000;
const LARGE_BODIES = 300;
const LARGE_BYTES = 2 ** 20;
const PAIRS_PER_SECOND = 1000;
/** What a heap that does not grow may differ by between two rounds, MiB: tables are filled by other names. */
const STEADY_MIB = 4;

const collect = globalThis.gc;
if (collect === undefined) throw new Error('run it with: node --expose-gc bench/judge-memory.ts');

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const endpoint = {
  url: 'http://127.0.0.1:1',
  address: { kind: 'tcp', host: '127.0.0.1', port: 1 },
  protocol: 'http1',
  tls: false,
} as const;
const policy = testPolicy({ name: 'bench', mirrors: [{ name: 'v2', endpoint, tls: undefined }] });
let now = 1_800_000_000_000;
const judge = new AnswerJudge({
  policy,
  heldWrites: new HeldWrites(heldWritesBuffer()),
  recordedBytes: 64 * 1024,
  now: () => now,
  random: Math.random,
});
const keeper = new VerdictKeeper({ saved: [], log: silentLogger, now: () => now });
keeper.setPolicies([policy]);

const FIELDS = [['content-type', 'application/json']] as const;
const head: ResponseHead = {
  status: 200,
  header: (name) => FIELDS.find(([field]) => field === name)?.[1],
  headers: () => FIELDS,
};
const running = {
  target: { name: 'v2', copy: () => 'paused' as const },
  role: 'mirror' as const,
  wants: undefined,
  counts: createTargetCounts(),
};

let pairs = 0;
let kept = 0;
function pair(path: string, primary: Buffer, mirror: Buffer): void {
  const exchange = new LiveExchange(`x-${++pairs}`, testConnection(), requestHead('GET', path), 'none', 0);
  exchange.response = head;
  exchange.responseBodyBytes = primary.length;
  Object.assign(exchange.times, { requestStart: 1000, responseStart: 1500, responseEnd: 1800 });
  const times = { startMicros: 2000, firstByteMicros: 3000, endMicros: 4000 };
  const answer = { head, body: [mirror], bodyBytes: mirror.length, ...times };
  judge.settled(exchange, [primary], false, [{ running, outcome: { kind: 'answered', answer } }]);
  if (pairs % PAIRS_PER_SECOND === 0) second();
}

/** What an observer and main do each second; the examples would go to the store. */
function second(): void {
  now += 1000;
  const judged = judge.take();
  if (judged !== undefined) keeper.add(judged);
  keeper.verdict('bench');
  kept += keeper.take(true).exchanges.length;
}

/** A word of its own for each number, and no id by its form. */
function word(number: number): string {
  let text = '';
  for (let rest = number + 1; rest > 0; rest = Math.floor(rest / 20))
    text += 'bcdfghjklmnpqrstvwxz'[rest % 20];
  return text;
}

const SMALL = Buffer.from('{"id":1}');

const LOADS: readonly (readonly [name: string, run: (round: number) => void])[] = [
  [
    'paths',
    (round) => {
      for (let i = 0; i < PATHS; i++)
        pair(`/${word(round * PATHS + i)}/${word(i % 317)}/${word(i % 1009)}`, SMALL, SMALL);
    },
  ],
  [
    // Few enough values on each level that they are taken for names, and more routes than are told apart.
    'routes',
    (round) => {
      for (let i = 0; i < PATHS; i++)
        pair(`/api/${word(i % 19)}/${word((i + round) % 17)}/${word(Math.floor(i / 19) % 13)}`, SMALL, SMALL);
    },
  ],
  [
    'places',
    (round) => {
      for (let i = 0; i < 5 * PLACES; i++) {
        const name = word(round * PLACES + (i % PLACES));
        pair(`/orders/${i}`, Buffer.from(`{"${name}":1}`), Buffer.from(`{"${name}":2}`));
      }
    },
  ],
  [
    'large',
    (round) => {
      for (let i = 0; i < LARGE_BODIES; i++) {
        const text = JSON.stringify({ round, i, text: 'x'.repeat(LARGE_BYTES - 100), n: i });
        pair(`/files/${i}`, Buffer.from(text), Buffer.from(text.replace(/\d+\}$/, '-1}')));
      }
      second();
    },
  ],
];

function heapMib(): number {
  // Twice: what holds memory outside the heap is freed after the first.
  collect?.();
  collect?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

const start = heapMib();
let before = 0;
let steady = true;
process.stdout.write(`${'round'.padEnd(14)} ${'heap, MiB'.padStart(9)} ${'pairs/s'.padStart(9)}\n`);
process.stdout.write(`${'at the start'.padEnd(14)} ${start.toFixed(1).padStart(9)}\n`);
for (let round = 0; round < Number(values.rounds); round++) {
  let heap = 0;
  for (const [name, run] of LOADS) {
    const from = performance.now();
    const pairsBefore = pairs;
    run(round);
    const perSecond = ((pairs - pairsBefore) / (performance.now() - from)) * 1000;
    heap = heapMib();
    process.stdout.write(
      `${`${round + 1} ${name}`.padEnd(14)} ${heap.toFixed(1).padStart(9)} ${perSecond.toFixed(0).padStart(9)}\n`,
    );
  }
  if (round > 1 && heap > before + STEADY_MIB) steady = false;
  before = heap;
}
const [mirror] = keeper.verdict('bench')?.mirrors ?? [];
process.stdout.write(
  `\n${pairs} pairs, ${kept} examples given away; ${mirror?.routes.length} routes, ${mirror?.findings.length} findings; ` +
    `turned away: ${mirror?.turnedAway.routes} pairs of routes, ${mirror?.turnedAway.findings} differences\n`,
);
process.exitCode = steady ? 0 : 1;
