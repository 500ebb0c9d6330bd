import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createTapeTrack, TapeWriter } from '../../src/live/tape-writer.ts';
import type { TapeTrack } from '../../src/live/tape-writer.ts';
import { totalOf } from '../../src/kit/counts.ts';
import { COUNTER, createTape, FROM_CLIENT, viewTape } from '../../src/model/tape.ts';
import type { LiveExchange } from '../../src/observe/exchange.ts';
import { TapObserver } from '../../src/observe/tap-observer.ts';
import { TapeReader } from '../../src/observe/tape-reader.ts';
import type { TapeEvents } from '../../src/observe/tape-reader.ts';
import { RecordingSink } from '../fixtures/observed-tap.ts';
import type { SeenExchange } from '../fixtures/observed-tap.ts';
import { Random, traffic } from './tape-traffic.ts';
import type { Step, TrueExchange } from './tape-traffic.ts';

/** UNDERSTUDY_FUZZ_SEED and UNDERSTUDY_FUZZ_MS (for all properties together) look elsewhere and longer. */
const SEED = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 9112);
const TOTAL_MS = Number(process.env['UNDERSTUDY_FUZZ_MS'] ?? 10_000);
const RING = 256 * 1024;
const SLOTS = 6;
const NOTE = {
  sourceIp: '10.0.0.1',
  sourcePort: 4000,
  destinationIp: '10.0.0.2',
  destinationPort: 80,
  tls: false,
  principal: '',
};

/** Follows some bodies, by the exchange's own token, and none of others. */
class ChoosySink extends RecordingSink {
  override request(exchange: LiveExchange): void {
    super.request(exchange);
    const choice = exchange.request.target.length % 3;
    exchange.followRequest = choice !== 1;
    exchange.followResponse = choice !== 2;
  }
}

type Truth = ReadonlyMap<string, TrueExchange & { readonly connection: number }>;

/** What came of all runs: a run in which nothing is lost proves little of losses. */
interface Tally {
  runs: number;
  exchanges: number;
  whole: number;
  lost: number;
  leftOut: number;
  takenIn: number;
  skippedBytes: number;
  resynchronised: number;
  givenUp: number;
}

interface Run {
  readonly seed: number;
  readonly connections: number;
  /** How often the observer reads, per step of the live worker. */
  readonly reads: number;
  readonly pipelining: number;
  readonly large: number;
}

interface Open {
  readonly track: TapeTrack;
  readonly steps: Step[];
}

function simulate(run: Run, tally: Tally) {
  const random = new Random(run.seed);
  const tape = createTape(1, RING, SLOTS);
  const writer = new TapeWriter(tape);
  const reader = new TapeReader(tape);
  const sink = new ChoosySink();
  const observer = new TapObserver({
    tap: 'test',
    sink,
    limits: { headBytes: 4096, trailerBytes: 1024 },
    connections: SLOTS,
    idPrefix: 't',
    answers: reader,
  });
  // Connections whose client may have pipelined unseen.
  const unseen = new Set<number>();
  const events: TapeEvents = {
    open(id, midstream, note) {
      if (midstream) unseen.add(id);
      observer.open(id, midstream, note);
    },
    data: (id, direction, chunk, at) => observer.data(id, direction, chunk, at),
    gap(id, direction, bytes, lost, at) {
      if (lost && direction === FROM_CLIENT) unseen.add(id);
      observer.gap(id, direction, bytes, lost, at);
    },
    end: (id, direction, at) => observer.end(id, direction, at),
    close: (id, failed) => observer.close(id, failed),
    leave: (id) => observer.leave(id),
  };
  const truth = new Map<string, TrueExchange & { readonly connection: number }>();
  const open: Open[] = [];
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  // Connection numbers decide who is left out first.
  let nextId = 1 + random.below(1000);
  let left = run.connections;
  let micros = 0;
  while (open.length > 0 || left > 0) {
    if (left > 0 && slots.length > 0 && (open.length === 0 || random.chance(0.1))) {
      left--;
      const id = nextId++;
      const { steps, exchanges } = traffic(random, `c${id}`, run);
      for (const one of exchanges) truth.set(one.token, { ...one, connection: id });
      const track = createTapeTrack(id, slots.pop() ?? 0, () => NOTE);
      writer.open(track, micros);
      open.push({ track, steps });
    }
    const at = random.below(open.length);
    const one = open[at];
    if (one !== undefined) {
      const step = one.steps.shift();
      micros++;
      if (step?.kind === 'data')
        writer.data(one.track, step.direction, Buffer.from(step.bytes, 'latin1'), micros);
      else if (step?.kind === 'end') writer.end(one.track, step.direction, micros);
      else {
        writer.close(one.track, step?.failed, micros);
        slots.push(one.track.slot);
        open.splice(at, 1);
      }
    }
    if (random.chance(run.reads)) reader.read(events, 1 + random.below(RING / 2));
  }
  while (reader.read(events, RING));
  const following = observer.connections;
  observer.abandon();
  const { counters } = viewTape(tape);
  tally.runs++;
  tally.exchanges += truth.size;
  tally.whole += sink.seen.filter(({ exchange }) => exchange.incomplete === undefined).length;
  tally.lost += counters[COUNTER.droppedBytes] ?? 0;
  tally.leftOut += counters[COUNTER.leftOut] ?? 0;
  tally.takenIn += counters[COUNTER.takenIn] ?? 0;
  tally.skippedBytes += counters[COUNTER.skippedBytes] ?? 0;
  tally.resynchronised += observer.counts.resynchronised;
  tally.givenUp += observer.counts.givenUp;
  return { sink, observer, truth, unseen, following, dropped: counters[COUNTER.droppedBytes] ?? 0 };
}

function checkExchange(seen: SeenExchange, truth: Truth): void {
  const { exchange } = seen;
  const token = exchange.request.header('x-token') ?? '';
  const real = truth.get(token);
  assert.ok(real !== undefined, `there was no request ${exchange.request.target}`);
  assert.equal(exchange.request.target, `/${token}`);
  assert.equal(exchange.request.method, real.method);
  assert.equal(exchange.connection.id, real.connection);
  assert.ok(seen.done, `${token} never ends`);
  if (exchange.response !== undefined) {
    assert.equal(exchange.response.header('x-token'), token, `${token} is paired with another one's answer`);
    assert.equal(exchange.response.status, real.status);
  }
  if (exchange.incomplete !== undefined) return;
  assert.equal(exchange.requestBodyBytes, real.requestBody.length);
  assert.equal(exchange.responseBodyBytes, real.responseBody.length);
  if (exchange.followRequest) assert.ok(seen.requestBody === real.requestBody, `${token}: request body`);
  if (exchange.followResponse) assert.ok(seen.responseBody === real.responseBody, `${token}: answer body`);
  assert.deepEqual(seen.trailers ?? [], real.trailers);
  const { requestStart, requestEnd, responseStart, responseEnd } = exchange.times;
  assert.ok(
    0 < requestStart && requestStart <= requestEnd && requestStart <= responseStart,
    `${token}: times`,
  );
  assert.ok(responseStart <= responseEnd, `${token}: times`);
}

function check(run: Run, tally: Tally): ReturnType<typeof simulate> {
  const result = simulate(run, tally);
  const { sink, observer, truth, unseen } = result;
  for (const seen of sink.seen) {
    // Of a client that pipelined where nobody saw it, nobody can tell which answers are still due.
    if (run.pipelining > 0 && unseen.has(seen.exchange.connection.id)) continue;
    checkExchange(seen, truth);
  }
  const tokens = sink.seen.map(({ exchange }) => exchange.request.target);
  assert.equal(new Set(tokens).size, tokens.length, 'a request is seen twice');
  const { counts } = observer;
  const incomplete = sink.seen.filter(({ exchange }) => exchange.incomplete !== undefined);
  // Ambiguous requests are counted, and have no exchange.
  const refused = sink.ambiguities.length;
  assert.equal(counts.http1Requests, sink.seen.length + refused);
  assert.equal(counts.exchanges, sink.seen.length + refused);
  assert.equal(totalOf(counts.incomplete), incomplete.length + refused);
  if (run.pipelining === 0 || unseen.size === 0)
    assert.equal(counts.incomplete.ambiguous + counts.incomplete.too_large, 0);
  assert.deepEqual([observer.connections, counts.tooMany, totalOf(counts.opaque)], [0, 0, 0]);
  return result;
}

function property(
  name: string,
  part: Partial<Record<keyof Run, fc.Arbitrary<number>>>,
  more: (result: ReturnType<typeof simulate>, run: Run) => void,
  enough: (tally: Tally) => boolean,
): void {
  test(name, { timeout: 120_000 }, (t) => {
    const tally: Tally = {
      runs: 0,
      exchanges: 0,
      whole: 0,
      lost: 0,
      leftOut: 0,
      takenIn: 0,
      skippedBytes: 0,
      resynchronised: 0,
      givenUp: 0,
    };
    const runs = fc.record<Run>({
      seed: fc.integer(),
      connections: fc.integer({ min: 1, max: 30 }),
      reads: fc.constantFrom(0.01, 0.05, 0.2, 1),
      pipelining: fc.constant(0),
      large: fc.constantFrom(0, 0.1, 0.5),
      ...part,
    });
    t.diagnostic(`seed ${SEED}`);
    fc.assert(
      fc.property(runs, (run) => more(check(run, tally), run)),
      { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: TOTAL_MS / 3 },
    );
    t.diagnostic(JSON.stringify(tally));
    assert.ok(enough(tally), 'the runs did not show enough');
  });
}

property(
  'when the observer keeps up, every exchange is seen, whole as it was',
  { reads: fc.constant(1), large: fc.constantFrom(0, 0.1), pipelining: fc.constant(0.3) },
  ({ observer, truth, dropped, following }) => {
    assert.equal(dropped, 0);
    assert.equal(following, 0);
    assert.equal(observer.counts.incomplete.tape_gap, 0);
    assert.ok(observer.counts.http1Requests <= truth.size);
  },
  ({ runs, exchanges, whole, skippedBytes }) => runs > 50 && whole > exchanges * 0.7 && skippedBytes > 0,
);

property(
  'whatever the tape loses, what is called whole is whole, and no answer is paired with another request',
  {},
  () => {},
  ({ lost, leftOut, takenIn, resynchronised, whole }) =>
    lost > 0 && leftOut > 0 && takenIn > 0 && resynchronised > 0 && whole > 0,
);

property(
  'clients that pipeline',
  { pipelining: fc.constant(1) },
  () => {},
  ({ lost, givenUp, whole }) => lost > 0 && givenUp > 0 && whole > 0,
);
