import { settingsFromFlags } from '../config/flags.ts';
import { renderProblems } from '../config/problem.ts';
import { parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';
import { createLogger } from '../kit/log.ts';
import type { Logger } from '../kit/log.ts';
import type { Runtime } from '../model/runtime.ts';
import type { LogSettings, Settings } from '../model/settings.ts';
import type { ReportInput } from '../report/report-input.ts';
import { renderText } from '../report/text.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, isGiven, valueOf } from './command.ts';
import { CONFIG_OPTIONS, configFlags } from './config-options.ts';
import { ConfigReload } from './config-reload.ts';
import { Interruption } from './interruption.ts';
import { ProgressLine } from './progress-line.ts';
import { prepareFolder, writeReport, writeSummary } from './report-folder.ts';
import { resultJson } from './run-result.ts';
import type { RunResult } from './run-result.ts';
import { attend } from './session.ts';
import { progressText, resultText, startText } from './status-text.ts';
import { parseUntil, waitsForVerdict } from './until.ts';
import { exitCodeOf } from './verdict-exit.ts';
import { gatherReport, ownVerdicts } from './verdict-source.ts';

export const run: Command = {
  name: 'run',
  summary: 'Stand in front of a service, or listen in on its packets, and copy its requests to mirrors',
  usage:
    '(--config FILE | --listen ADDRESS --primary URL [--mirror URL]… | --capture SOURCE… [--mirror URL]…) [options]',
  description:
    'Relays the connections of clients to the primary, byte for byte, and copies the requests that the policies select to the mirrors. With --capture it reads packets instead: of an interface, of mirror sessions, or of files, and a run of nothing but files ends with them. Ends at SIGINT or SIGTERM, or when --until says so; open connections may finish, a second signal ends at once. Exits with 0, or by the verdict with --gate or --until verdict.',
  options: [
    ...CONFIG_OPTIONS,
    {
      name: 'until',
      value: 'END',
      help: 'end by itself: 10000-pairs, 10000-requests, 30m, verdict (every policy passed or failed) or end (of all captures, which ends a run of nothing but files anyway); verdict,30m is whichever comes first',
    },
    { name: 'drain', value: 'TIME', help: 'how long open connections may finish at the end (default 30s)' },
    {
      name: 'report',
      value: 'DIR',
      help: 'write the report there at the end, in every format, with summary.json',
    },
    {
      name: 'gate',
      help: 'exit with 0 pass, 1 fail, 2 undecided, as the verdict says; the same when --until waits for it',
    },
    { name: 'json', help: 'print the result as one line of JSON at the end, and nothing else' },
  ],
  examples: [
    {
      what: 'copy every safe request to a new version',
      command:
        'understudy run --listen 127.0.0.1:8080 --primary http://127.0.0.1:3000 --mirror http://127.0.0.1:3001',
    },
    {
      what: 'what is in a capture file: requests, exchanges, and what is missing',
      command: 'understudy run --capture monday.pcapng --json',
    },
    {
      what: 'copy what passes an interface to a new version, without a live path at all',
      command:
        "understudy run --capture eth0 --capture-filter 'tcp port 8080' --mirror http://127.0.0.1:3001",
    },
    {
      what: 'packets from another machine',
      command:
        "ssh web1 tcpdump -U -i any -w - 'tcp port 8080' | understudy run --capture - --mirror http://127.0.0.1:3001",
    },
    { what: 'everything from a file', command: 'understudy run --config understudy.yaml' },
    {
      what: 'in a pipeline: 10,000 pairs, then the result as JSON',
      command: 'understudy run --config understudy.yaml --until 10000-pairs --json',
    },
    {
      what: 'a gate: ends with the decision, at the latest after half an hour, and exits by it',
      command: 'understudy run --config understudy.yaml --until verdict,30m --report out/',
    },
  ],
  run: runCommand,
};

async function runCommand(input: Input, context: Context): Promise<number> {
  const { out, err, signals, clock, startRuntime } = context;
  const untilText = valueOf(input, 'until');
  const until = untilText === undefined ? undefined : parseUntil(untilText);
  const gated = isGiven(input, 'gate') || waitsForVerdict(until);
  const reportFolder = valueOf(input, 'report');
  const json = isGiven(input, 'json');
  const file = valueOf(input, 'config');
  const load = (): Settings => loadSettings(input, context);
  const readAt = Date.now();
  const settings = load();
  if (gated) requireMirror(settings);
  if (reportFolder !== undefined) await prepareFolder(reportFolder, '--report');

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
  const report =
    reportFolder === undefined && !shown ? undefined : await finalReport(runtime, result, context);
  if (reportFolder !== undefined) {
    await writeSummary(reportFolder, '--report', result);
    if (report !== undefined) await writeReport(reportFolder, '--report', report);
  }
  if (json) out.write(`${resultJson(result)}\n`);
  else if (out.terminal) {
    out.write(resultText(result));
    if (report !== undefined && report.verdicts.length > 0) out.write(`\n${renderText(report, out)}`);
  }
  if (err.terminal && reportFolder !== undefined && !json) err.write(`The report is in ${reportFolder}.\n`);
  return gated ? exitCodeOf(result.verdicts) : EXIT.done;
}

/** @throws UserError when nothing is compared, so that there is nothing to decide */
function requireMirror({ policies }: Settings): void {
  if (policies.length > 0) return;
  throw new UserError('there is nothing to decide: no policy copies requests to a mirror', {
    hint: 'name a mirror with --mirror URL, or a policy in the configuration',
  });
}

/** The verdicts of the result, so that summary and report say the same, with examples of what was found. */
export async function finalReport(
  runtime: Runtime,
  result: RunResult,
  { version, clock }: Context,
): Promise<ReportInput> {
  const own = ownVerdicts(runtime);
  const { verdicts } = result;
  if (verdicts.length === 0) {
    return { version, at: clock.now(), verdicts, summary: runtime.summary(), examples: new Map() };
  }
  return gatherReport({ ...own, verdicts: async () => verdicts }, { policy: undefined, version, clock });
}

function logStart(runtime: Runtime, log: Logger): void {
  for (const tap of runtime.taps()) {
    if (tap.kind === 'capture') log.info('capturing', { tap: tap.name, source: tap.source });
    else {
      const { name, address, endpoints } = tap;
      log.info('listening', { tap: name, address, primary: endpoints.map(({ url }) => url) });
    }
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
