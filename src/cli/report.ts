import type { ReportFormat } from '../report/report.ts';
import { REPORT_FORMATS, renderReport } from '../report/report.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, valueOf } from './command.ts';
import { prepareFolder, writeReport } from './report-folder.ts';
import { SOURCE_OPTIONS, sourceOf } from './source-options.ts';
import { gatherReport } from './verdict-source.ts';

export const report: Command = {
  name: 'report',
  summary: 'Render the verdict with its evidence, from a running instance or a store file',
  usage: '[--store FILE | --admin URL] [--policy NAME] [--format FORMAT | --out DIR]',
  description:
    'Prints one format, or writes all of them into a folder: report.txt for people, report.json (its schema is docs/report.schema.json), junit.xml for pipelines, report.md for a pull request, report.html to look around in. Exits with 0 whatever the verdict says; `understudy verdict` is the gate.',
  options: [
    ...SOURCE_OPTIONS,
    {
      name: 'format',
      value: 'FORMAT',
      values: REPORT_FORMATS,
      help: 'text (default), json, junit, markdown or html, to standard output',
    },
    { name: 'out', value: 'DIR', help: 'write every format there; the folder is made' },
  ],
  examples: [
    {
      what: 'one page with everything, from what a run has stored',
      command: 'understudy report --store understudy.db --format html > report.html',
    },
    { what: 'every format, from the instance on this machine', command: 'understudy report --out report/' },
    {
      what: 'a comment for a pull request',
      command: 'understudy report --admin http://10.0.0.7:9900 --token-file token --format markdown',
    },
  ],
  run: runReport,
};

async function runReport(input: Input, context: Context): Promise<number> {
  const { out, err, version, clock } = context;
  const folder = valueOf(input, 'out');
  const format = formatOf(input);
  const source = sourceOf(input, context);
  const gathered = await gatherReport(source, {
    policy: valueOf(input, 'policy'),
    version,
    clock,
  });
  if (folder !== undefined) {
    await prepareFolder(folder, '--out');
    await writeReport(folder, '--out', gathered);
    if (err.terminal) err.write(`The report is in ${folder}.\n`);
  }
  if (folder === undefined || valueOf(input, 'format') !== undefined) {
    out.write(renderReport(format, gathered, out));
  }
  return EXIT.done;
}

/** The format that was asked for; text when none was. */
export function formatOf(input: Input): ReportFormat {
  const written = valueOf(input, 'format');
  return REPORT_FORMATS.find((format) => format === written) ?? 'text';
}
