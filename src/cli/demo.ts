import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';
import type { Runtime } from '../model/runtime.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, valueOf } from './command.ts';
import { renderText } from '../report/text.ts';
import { FAULTS } from './demo/faults.ts';
import { introduction, loadText } from './demo/introduction.ts';
import { plantedResult, plantedText } from './demo/planted.ts';
import type { PlantedResult } from './demo/planted.ts';
import { POLICIES, demoSettings } from './demo/settings.ts';
import { Stage } from './demo/stage.ts';
import { Interruption } from './interruption.ts';
import { ProgressLine } from './progress-line.ts';
import { finalReport, terminalLogger } from './run.ts';
import { attend } from './session.ts';
import { progressText, resultText } from './status-text.ts';
import { parseUntil } from './until.ts';

/** In a pipe it ends when the verdict names every planted fault, and at the latest after this time. */
const PIPE_DURATION = '3m';
const RATE = '1000';
const RATE_LIMIT = 5000;

export const demo: Command = {
  name: 'demo',
  summary: 'Two small services, real load, copies and a verdict, on this machine',
  usage: '[--duration TIME] [--rate NUMBER]',
  description:
    'Starts an orders API and a gRPC service, new versions of both with planted faults, and controls, sends requests through Understudy, and ends with the verdict: which of the faults were found, and whether anything else was. Everything listens on free loopback ports. Goes on until Ctrl-C on a terminal; in a pipe until every fault is found.',
  options: [
    { name: 'duration', value: 'TIME', help: 'end by itself after this time: 30s' },
    { name: 'rate', value: 'NUMBER', help: `requests per second (default ${RATE})` },
  ],
  examples: [
    { what: 'until Ctrl-C', command: 'understudy demo' },
    { what: 'more load for half a minute', command: 'understudy demo --rate 2000 --duration 30s' },
  ],
  run: runDemo,
};

async function runDemo(input: Input, context: Context): Promise<number> {
  const { out, env, signals, clock, startRuntime } = context;
  const requestsPerSecond = parseRate(valueOf(input, 'rate') ?? RATE);
  const duration = valueOf(input, 'duration');
  if (duration !== undefined) parseDuration(duration);
  const untilFound = duration === undefined && !out.terminal;
  const longest = duration ?? (untilFound ? PIPE_DURATION : undefined);

  using progress = new ProgressLine(out);
  using interruption = new Interruption(signals, ['SIGINT', 'SIGTERM', 'SIGHUP'], clock);
  await using stage = await Stage.start();
  const settings = demoSettings(stage, env, env['UNDERSTUDY_LOG'] ?? 'warn');
  await using runtime = await startRuntime(settings, {
    log: terminalLogger(settings.log, context, progress),
  });
  const [orders, stock] = runtime
    .taps()
    .flatMap((tap) => (tap.kind === 'listener' ? [`http://${tap.address}`] : []));
  const targets = { orders: orders ?? '', stock: stock ?? '' };
  const ends = untilFound ? 'when the verdict names every fault' : duration && `after ${duration}`;
  out.write(introduction({ stage, targets, adminUrl: runtime.adminUrl, requestsPerSecond, ends }));
  stage.load({ ...targets, requestsPerSecond });

  const planted = (): PlantedResult =>
    plantedResult(
      FAULTS,
      POLICIES.flatMap((policy) => runtime.verdict(policy) ?? []),
    );
  const result = await attend(runtime, {
    until: longest === undefined ? undefined : parseUntil(longest),
    ...(untilFound ? { isOver: () => planted().missed.length === 0 } : {}),
    interruption,
    clock,
    onSecond: (summary) =>
      progress.update(
        `${progressText(summary)} · faults found: ${planted().found.length} of ${FAULTS.length} · users: ${loadText(stage.stats)}`,
      ),
    onEnding: () => stage.end(),
  });
  progress[Symbol.dispose]();
  out.write(`\n${resultText(result)}users: ${loadText(stage.stats)}\n\n`);
  out.write(renderText(await finalReport(runtime, result, context), out));
  out.write(`\n${plantedText(planted())}`);
  return exitCodeOf(stage, runtime, planted(), untilFound && result.ended === 'until');
}

/** The demo proves itself: every user was answered, there were copies, and what was found had been planted. */
function exitCodeOf(
  { stats }: Stage,
  runtime: Runtime,
  { missed, unplanted }: PlantedResult,
  allWanted: boolean,
): number {
  const unharmed = stats.answered > 0 && stats.failed === 0 && runtime.summary().mirrored > 0;
  const right = unplanted.length === 0 && (missed.length === 0 || !allWanted);
  return unharmed && right ? EXIT.done : EXIT.fail;
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (/^\d+$/.test(text) && rate > 0 && rate <= RATE_LIMIT) return rate;
  throw new UserError(`"${text}" is no rate`, {
    where: '--rate',
    hint: `write requests per second, 1 to ${RATE_LIMIT}: --rate ${RATE}`,
  });
}
