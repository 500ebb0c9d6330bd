import { UserError, messageOf } from '../kit/errors.ts';
import type { ReportInput } from '../report/report-input.ts';
import type { ReportFormat } from '../report/report.ts';
import { REPORT_FORMATS, renderReport } from '../report/report.ts';
import { verdictLine } from '../report/text.ts';
import type { Command, Context, Input } from './command.ts';
import { isGiven, valueOf } from './command.ts';
import { DEFAULT_INTERVAL, intervalOf, keepAlive } from './interval.ts';
import { Interruption } from './interruption.ts';
import { formatOf } from './report.ts';
import { SOURCE_OPTIONS, sourceOf } from './source-options.ts';
import { exitCodeOf, isDecided } from './verdict-exit.ts';
import type { VerdictSource } from './verdict-source.ts';
import { gatherReport } from './verdict-source.ts';

/** Cursor home and clear to the end of the screen (ECMA-48: CUP, ED). */
const REDRAW = '\u001B[H\u001B[J';
const CLEAR_ALL = '\u001B[2J';

export const verdict: Command = {
  name: 'verdict',
  summary: 'Say whether the new version is ready, and exit by it',
  usage: '[--admin URL | --store FILE] [--policy NAME] [--watch] [--format FORMAT]',
  description:
    'Asks a running instance, or reads a store file, and prints the verdict with its evidence. Exits with 0 when every policy has passed, 1 when one has failed, 2 while it is undecided. With --watch it goes on until every policy has passed or failed, or Ctrl-C.',
  options: [
    ...SOURCE_OPTIONS,
    {
      name: 'format',
      value: 'FORMAT',
      values: REPORT_FORMATS,
      help: 'text (default), json, junit, markdown or html',
    },
    { name: 'json', help: 'the same as --format json' },
    { name: 'watch', help: 'look again and again until it is decided' },
    {
      name: 'interval',
      value: 'TIME',
      help: `time between two looks of --watch (default ${DEFAULT_INTERVAL})`,
    },
  ],
  examples: [
    { what: 'of the instance on this machine', command: 'understudy verdict' },
    {
      what: 'in a script: wait for the decision, then act on it',
      command: 'understudy verdict --watch --policy orders-v2 && ./promote.sh',
    },
    { what: 'of a run that is over', command: 'understudy verdict --store understudy.db --json' },
  ],
  run: runVerdict,
};

async function runVerdict(input: Input, context: Context): Promise<number> {
  const format = isGiven(input, 'json') ? 'json' : formatOf(input);
  if (isGiven(input, 'json') && isGiven(input, 'format') && formatOf(input) !== 'json') {
    throw new UserError('--json and --format ask for two formats', { where: '--json', hint: 'give one' });
  }
  const intervalMs = intervalOf(valueOf(input, 'interval') ?? DEFAULT_INTERVAL);
  const source = sourceOf(input, context);
  const look = (): Promise<ReportInput> => gather(source, input, context);
  const report = isGiven(input, 'watch') ? await watch(look, { format, intervalMs }, context) : await look();
  context.out.write(renderReport(format, report, context.out));
  return exitCodeOf(report.verdicts);
}

function gather(source: VerdictSource, input: Input, { version, clock }: Context): Promise<ReportInput> {
  return gatherReport(source, { policy: valueOf(input, 'policy'), version, clock });
}

interface WatchOptions {
  readonly format: ReportFormat;
  readonly intervalMs: number;
}

/**
 * Looks until everything is decided or a signal comes. Text is drawn anew on a terminal; in a pipe a line tells each
 * change. An instance that goes away, as a run that has reached its end does, leaves what it said last.
 *
 * @returns what was seen last
 */
async function watch(
  look: () => Promise<ReportInput>,
  { format, intervalMs }: WatchOptions,
  { out, err, signals, clock }: Context,
): Promise<ReportInput> {
  using interruption = new Interruption(signals, ['SIGINT', 'SIGTERM', 'SIGHUP'], clock);
  using _alive = keepAlive();
  const stopped = interruption.next().then(() => true);
  const drawn = format === 'text' && out.terminal;
  let last = await look();
  let told = '';
  if (drawn) out.write(CLEAR_ALL);
  while (!isDecided(last.verdicts)) {
    const lines = last.verdicts
      .flatMap((one) => one.mirrors.map((mirror) => verdictLine(one, mirror, out.columns)))
      .join('\n');
    if (drawn) out.write(REDRAW + topOf(renderReport(format, last, out), out.rows));
    else if (lines !== told && format === 'text') out.write(`${lines}\n`);
    told = lines;
    const waited = new Promise<boolean>((resolve) => {
      clock.after(intervalMs, () => resolve(false));
    });
    if (await Promise.race([waited, stopped])) break;
    try {
      last = await look();
    } catch (error) {
      err.write(`understudy: this is what it said last: ${messageOf(error)}\n`);
      break;
    }
  }
  if (drawn) out.write(REDRAW);
  return last;
}

/** What fits on the screen: a longer text would move it at each look. */
function topOf(text: string, rows: number): string {
  const lines = text.split('\n');
  return lines.length <= rows ? text : `${lines.slice(0, rows - 1).join('\n')}\n…`;
}
