// Entry point of `npm run bench`: see docs/benchmarks.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { allContenders, CONTENDER_NAMES } from './contenders/all.ts';
import type { Contender } from './contenders/contender.ts';
import { measureFaults } from './faults.ts';
import { measureIdle } from './idle-cost.ts';
import { machineFacts } from './machine.ts';
import { measureBodies } from './memory-bodies.ts';
import { measureConnections } from './memory-connections.ts';
import { type Options, parseOptions, USAGE, wanted } from './options.ts';
import { reportOf } from './report.ts';
import type { Results } from './results.ts';
import { type OtherScenario, SCENARIO_NAMES, WORKLOADS } from './scenarios.ts';
import { openStage, type Stage } from './stage.ts';
import { measureThroughput, type ThroughputResult } from './throughput.ts';

/** Who is put through faults and memory: those that can mirror and can be compared. */
const ENDURING = new Set(['understudy', 'nginx', 'envoy']);

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(argv);
    const unknown = options.only.find((name) => ![...SCENARIO_NAMES, ...CONTENDER_NAMES].includes(name));
    if (unknown !== undefined) throw new RangeError(`--only ${unknown}: there is ${known()}`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 64;
  }
  if (options.help) {
    process.stdout.write(`${USAGE}\nnames: ${known()}\n`);
    return 0;
  }
  await using stage = await openStage();
  const results = await measure(stage, options);
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  process.stdout.write(reportOf(results));
  return 0;
}

function known(): string {
  return [...SCENARIO_NAMES, ...CONTENDER_NAMES].join(', ');
}

async function measure(stage: Stage, options: Options): Promise<Results> {
  const everyone = allContenders();
  const contenders: Contender[] = [];
  for (const entry of everyone) {
    if (!wanted(options.only, CONTENDER_NAMES, entry.name)) continue;
    if ('absent' in entry) stage.progress(`skipping ${entry.name}: ${entry.absent}`);
    else contenders.push(entry);
  }
  const enduring = contenders.filter(({ name }) => ENDURING.has(name));
  const runs = (name: OtherScenario): boolean => wanted(options.only, SCENARIO_NAMES, name);
  const machine = machineFacts(stage.cores, everyone);
  const throughput = await throughputs(stage, contenders, options);
  const faults = runs('faults') ? await measureFaults(stage, enduring, options) : [];
  const connections = runs('memory-connections') ? await measureConnections(stage, enduring) : [];
  const bodies = runs('memory-bodies') ? await measureBodies(stage, enduring) : [];
  const ours = runs('idle') ? contenders.filter(({ name }) => name === 'understudy') : [];
  const idle = await Promise.all(ours.map((contender) => measureIdle(stage, contender)));
  const { rounds, seconds } = options;
  return { machine, rounds, seconds, throughput, faults, connections, bodies, idle };
}

async function throughputs(
  stage: Stage,
  contenders: readonly Contender[],
  options: Options,
): Promise<readonly ThroughputResult[]> {
  const results: ThroughputResult[] = [];
  for (const workload of WORKLOADS) {
    if (!wanted(options.only, SCENARIO_NAMES, workload.name)) continue;
    for (const mode of ['plain', 'mirror'] as const) {
      const able = contenders.filter(
        (entry) =>
          entry.modes.includes(mode) &&
          (entry.tls || !workload.tls) &&
          (entry.http2 || workload.streams === 0),
      );
      results.push(await measureThroughput(stage, able, workload, mode, options));
    }
  }
  return results;
}
