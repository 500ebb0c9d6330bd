import type { FaultRow } from './faults.ts';
import type { IdleRow } from './idle-cost.ts';
import type { BodiesRow } from './memory-bodies.ts';
import type { ConnectionsRow } from './memory-connections.ts';
import type { Results } from './results.ts';
import { FAULTS } from './scenarios.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { table } from './table.ts';
import { judge, rateOf } from './targets.ts';
import type { Row, Sample, ThroughputResult } from './throughput.ts';

type Columns<R> = readonly (readonly [title: string, cell: (row: R) => string])[];

interface Subject {
  readonly contender: string;
  readonly failure?: string | undefined;
  readonly samples?: readonly unknown[];
}

const NAME = ['contender', (row: Subject) => row.contender] as const;

const FAULT_COLUMNS: Columns<FaultRow> = [
  ['mirror', (row) => row.fault.name],
  NAME,
  ['requests/s (min–max)', (row) => withRange(spreadOf(row.samples.map(rateOf)), 0)],
  ['p50 ms', (row) => ms(row.samples.map(({ load }) => load.p50Micros))],
  ['p99 ms', (row) => ms(row.samples.map(({ load }) => load.p99Micros))],
  ['peak MiB', (row) => mebibytes(Math.max(...row.samples.map((sample) => sample.rssPeak)))],
  [
    'growth MiB',
    (row) => mebibytes(Math.max(...row.samples.map((sample) => sample.rssPeak - sample.rssBefore))),
  ],
  [
    'copies/request before',
    (row) => decimals(spreadOf(row.samples.map((sample) => sample.copiesBefore)).median, 3),
  ],
  ['errors', (row) => errorsOf(row.samples)],
];

const CONNECTIONS_COLUMNS: Columns<ConnectionsRow> = [
  NAME,
  ['connections', (row) => String(row.connections)],
  ['RSS before MiB', (row) => mebibytes(row.rssBefore)],
  ['RSS open MiB', (row) => mebibytes(row.rssOpen)],
  ['peak MiB', (row) => mebibytes(row.rssPeak)],
  ['KiB/connection', (row) => decimals((row.rssOpen - row.rssBefore) / 1024 / row.connections, 1)],
  ['alive', (row) => String(row.alive)],
];

const BODIES_COLUMNS: Columns<BodiesRow> = [
  NAME,
  ['direction', (row) => row.direction],
  ['seconds', (row) => decimals(row.seconds, 1)],
  ['RSS before MiB', (row) => mebibytes(row.rssBefore)],
  ['after 256 MiB, peak MiB', (row) => mebibytes(row.warmPeak)],
  ['after 1 GiB, peak MiB', (row) => mebibytes(row.rssPeak)],
];

const IDLE_COLUMNS: Columns<IdleRow> = [
  NAME,
  ['of a core', (row) => `${(row.share * 100).toFixed(2)} %`],
  ['RSS MiB', (row) => mebibytes(row.rssBytes)],
];

/** The whole report as Markdown. */
export function reportOf(results: Results): string {
  const faults = FAULTS.flatMap((fault) => results.faults.filter((row) => row.fault.name === fault.name));
  const parts = [
    machineLines(results),
    ...results.throughput.map(throughputSection),
    section('a mirror falls ill under load: small GET, keep-alive, mirroring', FAULT_COLUMNS, faults),
    section('open keep-alive connections, mirroring', CONNECTIONS_COLUMNS, results.connections),
    section('one body of 1 GiB, mirroring', BODIES_COLUMNS, results.bodies),
    section('idle after traffic, mirroring', IDLE_COLUMNS, results.idle),
    targetLines(results),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function machineLines({ machine, rounds, seconds }: Results): string {
  const versions = Object.entries(machine.versions).filter(([, version]) => version !== '');
  return [
    `${machine.cpu}, ${machine.cores} cores (proxy on ${machine.proxyCore}, load and backends on ${machine.loadCores}), ` +
      `${Math.round(machine.memoryBytes / 1024 ** 3)} GiB, Linux ${machine.kernel}; load average ` +
      `${machine.loadAverage.toFixed(2)} at the start; ${rounds} rounds of ${seconds} s; ` +
      `commit ${machine.commit}, ${machine.date}`,
    versions.map(([name, version]) => `${name} ${version}`).join('; '),
  ].join('\n');
}

function throughputSection({ workload, mode, rows }: ThroughputResult): string {
  const cpu = (contender: string): number =>
    medianOf(rows.find((row) => row.contender === contender)?.samples ?? [], cpuOf);
  const columns: Columns<Row> = [
    NAME,
    ['µs CPU/request (min–max)', (row) => withRange(spreadOf(row.samples.map(cpuOf)), 1)],
    ['÷ envoy', (row) => decimals(cpu(row.contender) / cpu('envoy'), 2)],
    ['÷ nginx', (row) => decimals(cpu(row.contender) / cpu('nginx'), 2)],
    ['requests/s (min–max)', (row) => withRange(spreadOf(row.samples.map(rateOf)), 0)],
    ['p50 ms', (row) => ms(row.samples.map(({ load }) => load.p50Micros))],
    ['p99 ms', (row) => ms(row.samples.map(({ load }) => load.p99Micros))],
    ['RSS MiB', (row) => mebibytes(row.usage?.rssBytes)],
    ['peak MiB', (row) => mebibytes(row.usage?.peakBytes)],
    [
      'copies/request',
      (row) =>
        decimals(
          medianOf(row.samples, (sample) => sample.copies ?? Number.NaN),
          3,
        ),
    ],
    ['core used', (row) => percent(medianOf(row.samples, (sample) => sample.busy ?? Number.NaN))],
    ['by others', (row) => percent(medianOf(row.samples, (sample) => sample.foreign))],
    ['errors', (row) => errorsOf(row.samples)],
  ];
  return section(`${workload.title}: ${mode}`, columns, rows);
}

/** Empty for no rows. Whoever was not measured, or not to the end, stands below the table. */
function section<R extends Subject>(title: string, columns: Columns<R>, rows: readonly R[]): string {
  if (rows.length === 0) return '';
  const measured = rows.filter((row) => row.failure === undefined || (row.samples ?? []).length > 0);
  const body = measured.map((row) => columns.map(([, cell]) => cell(row)));
  const head = columns.map(([name]) => name);
  const failed = rows.filter((row) => row.failure !== undefined);
  const notes = failed.map((row) => `${row.contender} failed: ${row.failure}`);
  return [`## ${title}`, table(head, body), ...new Set(notes)].join('\n\n');
}

function targetLines(results: Results): string {
  const lines = judge(results).map(
    ({ outcome, target, measured }) =>
      `${outcome.padEnd(12)}  ${target}${measured === '' ? '' : `  (${measured})`}`,
  );
  return `## targets\n\n${lines.join('\n')}`;
}

function cpuOf(sample: Sample): number {
  return sample.cpuMicrosPerRequest ?? Number.NaN;
}

function medianOf(samples: readonly Sample[], figure: (sample: Sample) => number): number {
  return spreadOf(samples.map(figure)).median;
}

function errorsOf(samples: readonly Pick<Sample, 'load'>[]): string {
  const errors = samples.map(({ load }) => load.statusErrors + load.socketErrors + load.timeouts);
  return String(errors.reduce((sum, count) => sum + count, 0));
}

function withRange({ median, min, max }: Spread, digits: number): string {
  return Number.isNaN(median)
    ? '–'
    : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

function ms(micros: readonly number[]): string {
  return decimals(spreadOf(micros).median / 1000, 2);
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : (bytes / 1024 ** 2).toFixed(0);
}

function decimals(value: number, digits: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(digits);
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${Math.round(share * 100)} %`;
}
