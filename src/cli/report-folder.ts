import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, messageOf } from '../kit/errors.ts';
import type { ReportInput } from '../report/report-input.ts';
import { REPORT_FILES, REPORT_FORMATS, renderReport } from '../report/report.ts';
import type { RunResult } from './run-result.ts';
import { resultJson } from './run-result.ts';
import { resultText } from './status-text.ts';

/** A file is read on many terminals. */
const FILE_TEXT = { columns: 120, colour: false };

/**
 * Makes the folder of a report, so that a run of hours does not end without a place for its result.
 *
 * @param option where a mistake is: the option that names the folder
 * @throws UserError when it cannot be made
 */
export async function prepareFolder(folder: string, option: string): Promise<void> {
  await orUserError(folder, option, mkdir(folder, { recursive: true }));
}

/**
 * Writes the report in every format: `report.json`, `.txt`, `.md`, `.html` and `junit.xml`.
 *
 * @throws UserError when one cannot be written
 */
export async function writeReport(folder: string, option: string, report: ReportInput): Promise<void> {
  for (const format of REPORT_FORMATS) {
    const text = renderReport(format, report, FILE_TEXT);
    await orUserError(folder, option, writeFile(join(folder, REPORT_FILES[format]), text));
  }
}

/** Writes `summary.json` and `summary.txt`: what a run did. */
export async function writeSummary(folder: string, option: string, result: RunResult): Promise<void> {
  await orUserError(folder, option, writeFile(join(folder, 'summary.json'), `${resultJson(result, 2)}\n`));
  await orUserError(folder, option, writeFile(join(folder, 'summary.txt'), resultText(result)));
}

async function orUserError(folder: string, option: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new UserError(`the report cannot be written: ${messageOf(error)}`, {
      where: option,
      hint: `is ${folder} a folder that may be written to?`,
      cause: error,
    });
  }
}
