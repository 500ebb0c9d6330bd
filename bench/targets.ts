import { spreadOf, noiseOf, type Spread } from './statistics.ts';
import type { FaultRow } from './faults.ts';
import type { Results } from './results.ts';
import type { Mode } from './scenarios.ts';
import type { Sample } from './throughput.ts';

/** One promise of the project, and whether this run kept it. */
export interface Outcome {
  readonly target: string;
  readonly outcome: 'PASS' | 'FAIL' | 'not measured';
  readonly measured: string;
}

const US = 'understudy';
/** Below this share a mirroring contender is not compared: it is fast because it leaves work out. */
const LEAST_COPIES = 0.99;
const MIB = 1024 ** 2;
/** Rounds of a healthy run differ by at least this much on a shared machine, whatever two rounds show. */
const LEAST_NOISE = { requests: 0.1, p99: 0.25 } as const;
/** With more, nothing can be said. */
const MOST_NOISE = 0.25;
/** Latencies are counted on a grid of the scheduler, not below it. */
const P99_GRAIN_MICROS = 1000;
/** What a heap may take between two collections without being a leak. */
const FLAT_BYTES = 48 * MIB;
const FLAT_BODY_BYTES = 16 * MIB;

/** CPU per request against a peer's in the same scenario; the limits are those of "How good". */
const RATIOS: readonly (readonly [workload: string, mode: Mode, peer: string, limit: number])[] = [
  ['small-get', 'plain', 'envoy', 0.35],
  ['small-get', 'plain', 'nginx', 1.25],
  ['connection', 'plain', 'envoy', 1],
  ['connection', 'mirror', 'envoy', 1],
  ['tls', 'plain', 'envoy', 0.45],
  ['tls', 'plain', 'nginx', 1.4],
  ['small-get', 'mirror', 'envoy', 0.4],
  ['small-get', 'mirror', 'nginx', 0.65],
  ['small-get-held', 'mirror', 'envoy', 0.4],
  ['small-get-held', 'mirror', 'nginx', 0.65],
  ['http2', 'plain', 'envoy', 0.3],
  ['http2', 'mirror', 'envoy', 0.6],
  ['http2-paced', 'mirror', 'envoy', 0.6],
];

export function judge(results: Results): readonly Outcome[] {
  return [...ratios(results), ...copies(results), ...faults(results), ...memory(results), ...idle(results)];
}

function ratios(results: Results): readonly Outcome[] {
  return RATIOS.map(([workload, mode, peer, limit]) => {
    const target = `${workload}, ${mode}: CPU per request at most ${limit} of ${peer}'s`;
    const ratio = cpuOf(results, workload, mode, US) / cpuOf(results, workload, mode, peer);
    if (Number.isNaN(ratio)) return outcome(target, undefined, '');
    const copied = mode === 'plain' ? 1 : copiesOf(results, workload);
    const caveat = copied < LEAST_COPIES ? `, but only ${(copied * 100).toFixed(1)} % copied` : '';
    return outcome(target, ratio <= limit && caveat === '', `${ratio.toFixed(2)}${caveat}`);
  });
}

function cpuOf(results: Results, workload: string, mode: Mode, contender: string): number {
  const samples = samplesOf(results, workload, mode, contender);
  return spreadOf(samples.map((sample) => sample.cpuMicrosPerRequest ?? Number.NaN)).median;
}

function copiesOf(results: Results, workload: string): number {
  const samples = samplesOf(results, workload, 'mirror', US);
  return spreadOf(samples.map((sample) => sample.copies ?? Number.NaN)).median;
}

function samplesOf(results: Results, workload: string, mode: Mode, contender: string): readonly Sample[] {
  const scenario = results.throughput.find(
    (entry) => entry.workload.name === workload && entry.mode === mode,
  );
  const row = scenario?.rows.find((entry) => entry.contender === contender && entry.failure === undefined);
  return row?.samples ?? [];
}

/** Nobody is fast by not mirroring. */
function copies(results: Results): readonly Outcome[] {
  return results.throughput
    .filter((scenario) => scenario.mode === 'mirror')
    .map(({ workload }) => {
      const copied = copiesOf(results, workload.name);
      const target = `${workload.name}, mirror: at least ${LEAST_COPIES * 100} % of requests copied`;
      const holds = Number.isNaN(copied) ? undefined : copied >= LEAST_COPIES;
      return outcome(target, holds, `${(copied * 100).toFixed(2)} %`);
    });
}

function faults(results: Results): readonly Outcome[] {
  const ours = results.faults.filter((row) => row.contender === US);
  const healthy = ours.find((row) => row.fault.name === 'healthy');
  return ours
    .filter((row) => row !== healthy)
    .map((row) => {
      const target = `mirror ${row.fault.name}: requests/s and p99 as with a healthy one, memory flat`;
      if (healthy === undefined || row.samples.length === 0) return outcome(target, undefined, '');
      return judgeFault(target, row, healthy);
    });
}

function judgeFault(target: string, row: FaultRow, healthy: FaultRow): Outcome {
  const rate = [spreadOf(row.samples.map(rateOf)), spreadOf(healthy.samples.map(rateOf))] as const;
  const p99 = [row, healthy].map((one) => spreadOf(one.samples.map((sample) => sample.load.p99Micros)));
  const [ours, theirs] = p99 as [Spread, Spread];
  const slower = rate[0].median / rate[1].median;
  const growth = Math.max(...row.samples.map((sample) => sample.rssPeak - sample.rssBefore));
  const rateHolds = slower >= 1 - Math.max(LEAST_NOISE.requests, noiseOf(rate[1]));
  const p99Holds =
    ours.median <= theirs.median * (1 + Math.max(LEAST_NOISE.p99, noiseOf(theirs))) + P99_GRAIN_MICROS;
  const errors = row.samples.some(({ load }) => load.statusErrors + load.socketErrors + load.timeouts > 0);
  const measured =
    `requests/s × ${slower.toFixed(2)}, p99 ${(ours.median / 1000).toFixed(1)} ms against ` +
    `${(theirs.median / 1000).toFixed(1)} ms, memory +${(growth / MIB).toFixed(0)} MiB` +
    `${errors ? ', live errors' : ''}`;
  const noise = noiseOf(rate[1]);
  if (noise > MOST_NOISE) {
    const rounds = `healthy rounds differ by ± ${(noise * 100).toFixed(0)} %`;
    return { target, outcome: 'not measured', measured: `${rounds}; repeat on a quiet machine` };
  }
  const whole = row.failure === undefined && !errors;
  return outcome(target, whole && rateHolds && p99Holds && growth <= FLAT_BYTES, measured);
}

export function rateOf(sample: { readonly load: { requests: number; durationMicros: number } }): number {
  return (sample.load.requests * 1e6) / sample.load.durationMicros;
}

function memory(results: Results): readonly Outcome[] {
  const open = results.connections.find((row) => row.contender === US);
  const outcomes = [];
  if (open !== undefined) {
    const held = open.failure === undefined && open.alive === open.connections;
    const measured = open.failure ?? `${(open.rssOpen / 1e6).toFixed(0)} MB with ${open.connections}`;
    const target = `${open.connections} open keep-alive connections: under 250 MB in all`;
    outcomes.push(outcome(target, held && open.rssOpen < 250e6, measured));
  }
  for (const row of results.bodies.filter((entry) => entry.contender === US)) {
    const growth = row.rssPeak - row.warmPeak;
    const measured = row.failure ?? `+${(growth / MIB).toFixed(0)} MiB after the first 256 MiB`;
    const target = `1 GiB ${row.direction}: streams with flat memory`;
    outcomes.push(outcome(target, row.failure === undefined && growth <= FLAT_BODY_BYTES, measured));
  }
  return outcomes;
}

function idle(results: Results): readonly Outcome[] {
  return results.idle
    .filter((row) => row.contender === US)
    .map((row) =>
      outcome('idle: less than 0.5 % of a core', row.share < 0.005, `${(row.share * 100).toFixed(2)} %`),
    );
}

function outcome(target: string, holds: boolean | undefined, measured: string): Outcome {
  if (holds === undefined) return { target, outcome: 'not measured', measured: '' };
  return { target, outcome: holds ? 'PASS' : 'FAIL', measured };
}
