import { settingsFromFlags } from '../config/flags.ts';
import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';
import type { Runtime } from '../model/runtime.ts';
import type { Settings } from '../model/settings.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, valueOf } from './command.ts';
import { introduction, loadText } from './demo/introduction.ts';
import { Stage } from './demo/stage.ts';
import { Interruption } from './interruption.ts';
import { ProgressLine } from './progress-line.ts';
import { terminalLogger } from './run.ts';
import { attend } from './session.ts';
import { progressText, resultText } from './status-text.ts';
import { parseUntil } from './until.ts';

/** How long it goes on where nobody can press Ctrl-C. */
const PIPE_DURATION = '10s';
const RATE = '200';
const RATE_LIMIT = 5000;

export const demo: Command = {
  name: 'demo',
  summary: 'Three small services, real load and copies, on this machine',
  usage: '[--duration TIME] [--rate NUMBER]',
  description:
    'Starts an orders API, a new version of it with planted faults, and a control, sends requests through Understudy, and prints where to look. Everything listens on free loopback ports. Goes on until Ctrl-C on a terminal, and for 10 seconds in a pipe.',
  options: [
    { name: 'duration', value: 'TIME', help: 'end by itself after this time: 30s' },
    { name: 'rate', value: 'NUMBER', help: `requests per second (default ${RATE})` },
  ],
  examples: [
    { what: 'until Ctrl-C', command: 'understudy demo' },
    { what: 'more load for half a minute', command: 'understudy demo --rate 1000 --duration 30s' },
  ],
  run: runDemo,
};

async function runDemo(input: Input, context: Context): Promise<number> {
  const { out, signals, clock, startRuntime } = context;
  const requestsPerSecond = parseRate(valueOf(input, 'rate') ?? RATE);
  const duration = valueOf(input, 'duration') ?? (out.terminal ? undefined : PIPE_DURATION);
  if (duration !== undefined) parseDuration(duration);
  const until = duration === undefined ? undefined : parseUntil(duration);

  using progress = new ProgressLine(out);
  using interruption = new Interruption(signals, ['SIGINT', 'SIGTERM', 'SIGHUP'], clock);
  await using stage = await Stage.start();
  const settings = settingsOf(stage, context);
  await using runtime = await startRuntime(settings, {
    log: terminalLogger(settings.log, context, progress),
  });
  const target = `http://${runtime.taps()[0]?.address ?? ''}`;
  out.write(introduction({ stage, target, adminUrl: runtime.adminUrl, requestsPerSecond, duration }));
  stage.load({ target, requestsPerSecond });

  const result = await attend(runtime, {
    until,
    interruption,
    clock,
    onSecond: (summary) => progress.update(`${progressText(summary)} · users: ${loadText(stage.stats)}`),
    onEnding: () => stage.end(),
  });
  progress[Symbol.dispose]();
  out.write(`\n${resultText(result)}users: ${loadText(stage.stats)}\n`);
  return verdictOf(stage, runtime);
}

/** The demo proves itself: every user was answered, and there were copies. */
function verdictOf({ stats }: Stage, runtime: Runtime): number {
  return stats.answered > 0 && stats.failed === 0 && runtime.summary().mirrored > 0 ? EXIT.done : EXIT.fail;
}

function settingsOf(stage: Stage, { env }: Context): Settings {
  const flags = {
    listen: '127.0.0.1:0',
    primary: [stage.primary],
    mirror: [`v2=${stage.mirror}`],
    control: stage.control,
    admin: '127.0.0.1:0',
    // What goes on is shown by the demo itself.
    log: env['UNDERSTUDY_LOG'] ?? 'warn',
  };
  return settingsFromFlags(flags, env, process.cwd()).settings;
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (/^\d+$/.test(text) && rate > 0 && rate <= RATE_LIMIT) return rate;
  throw new UserError(`"${text}" is no rate`, {
    where: '--rate',
    hint: `write requests per second, 1 to ${RATE_LIMIT}: --rate ${RATE}`,
  });
}
