import { settingsFromFlags } from '../config/flags.ts';
import { renderProblems } from '../config/problem.ts';
import { parseDuration } from '../kit/duration.ts';
import { createLogger } from '../kit/log.ts';
import type { Logger } from '../kit/log.ts';
import type { Runtime } from '../model/runtime.ts';
import type { LogSettings, Settings } from '../model/settings.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, isGiven, valueOf } from './command.ts';
import { CONFIG_OPTIONS, configFlags } from './config-options.ts';
import { ConfigReload } from './config-reload.ts';
import { Interruption } from './interruption.ts';
import { ProgressLine } from './progress-line.ts';
import { prepareReport, writeReport } from './report.ts';
import { attend } from './session.ts';
import { progressText, resultText, startText } from './status-text.ts';
import { parseUntil } from './until.ts';

export const run: Command = {
  name: 'run',
  summary: 'Stand in front of a service and copy its requests to mirrors',
  usage: '(--config FILE | --listen ADDRESS --primary URL [--mirror URL]…) [options]',
  description:
    'Relays the connections of clients to the primary, byte for byte, and copies the requests that the policies select to the mirrors. Ends at SIGINT or SIGTERM, or when --until says so; open connections may finish, a second signal ends at once.',
  options: [
    ...CONFIG_OPTIONS,
    {
      name: 'until',
      value: 'END',
      help: 'end by itself: 10000-pairs, 10000-requests, 30m, or end (of a recording)',
    },
    { name: 'drain', value: 'TIME', help: 'how long open connections may finish at the end (default 30s)' },
    { name: 'report', value: 'DIR', help: 'write summary.json and summary.txt there at the end' },
    { name: 'json', help: 'print the result as one line of JSON at the end, and nothing else' },
  ],
  examples: [
    {
      what: 'copy every safe request to a new version',
      command:
        'understudy run --listen 127.0.0.1:8080 --primary http://127.0.0.1:3000 --mirror http://127.0.0.1:3001',
    },
    { what: 'everything from a file', command: 'understudy run --config understudy.yaml' },
    {
      what: 'in a pipeline: 10,000 pairs, then the result as JSON',
      command: 'understudy run --config understudy.yaml --until 10000-pairs --json',
    },
  ],
  run: runCommand,
};

async function runCommand(input: Input, context: Context): Promise<number> {
  const { out, err, signals, clock, startRuntime } = context;
  const untilText = valueOf(input, 'until');
  const until = untilText === undefined ? undefined : parseUntil(untilText);
  const reportFolder = valueOf(input, 'report');
  const json = isGiven(input, 'json');
  const file = valueOf(input, 'config');
  const load = (): Settings => loadSettings(input, context);
  const readAt = Date.now();
  const settings = load();
  if (reportFolder !== undefined) await prepareReport(reportFolder);

  const shown = out.terminal && !json;
  using progress = new ProgressLine(out, shown);
  const log = terminalLogger(settings.log, context, progress);
  // SIGHUP asks for the file to be read again; without one it says that the terminal is gone.
  using interruption = new Interruption(
    signals,
    file === undefined ? ['SIGINT', 'SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM'],
    clock,
  );
  await using runtime = await startRuntime(settings, { log });
  using _reload =
    file === undefined ? undefined : await ConfigReload.start({ file, readAt, load, runtime, signals, log });
  if (shown) out.write(`${startText(runtime, runtime.adminUrl)}Ctrl-C ends it.\n`);
  else logStart(runtime, log);

  const result = await attend(runtime, {
    until,
    interruption,
    clock,
    onSecond: (summary) => progress.update(progressText(summary)),
    onEnding: (ending) =>
      log.info('ending: open connections may finish', { because: ending, drainMs: settings.drainMs }),
  });
  progress[Symbol.dispose]();
  if (reportFolder !== undefined) await writeReport(reportFolder, result);
  if (json) out.write(`${JSON.stringify(result)}\n`);
  else if (out.terminal) out.write(resultText(result));
  if (err.terminal && reportFolder !== undefined && !json) err.write(`The report is in ${reportFolder}.\n`);
  return EXIT.done;
}

function logStart(runtime: Runtime, log: Logger): void {
  for (const { name, address, endpoints } of runtime.taps()) {
    log.info('listening', { tap: name, address, primary: endpoints.map(({ url }) => url) });
  }
  if (runtime.adminUrl !== undefined) log.info('admin API listening', { url: runtime.adminUrl });
}

function loadSettings(input: Input, { env, err }: Context): Settings {
  const { settings, warnings } = settingsFromFlags(configFlags(input), env, process.cwd());
  if (warnings.length > 0) err.write(`${renderProblems(warnings)}\n`);
  const drain = valueOf(input, 'drain');
  return drain === undefined ? settings : { ...settings, drainMs: parseDuration(drain) };
}

/** Logs go to standard error, above the progress line when both are the same terminal. */
export function terminalLogger(settings: LogSettings, { err }: Context, progress: ProgressLine): Logger {
  return createLogger({
    ...settings,
    terminal: err.terminal,
    colour: err.colour,
    write: (line) => progress.above(() => err.write(line)),
  });
}
