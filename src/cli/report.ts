import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, messageOf } from '../kit/errors.ts';
import type { RunResult } from './run-result.ts';
import { resultText } from './status-text.ts';

/**
 * Makes the folder of a report, so that a run of hours does not end without a place for its result.
 *
 * @throws UserError when it cannot be made
 */
export async function prepareReport(folder: string): Promise<void> {
  await orUserError(folder, mkdir(folder, { recursive: true }));
}

/** Writes `summary.json` and `summary.txt`. */
export async function writeReport(folder: string, result: RunResult): Promise<void> {
  await orUserError(
    folder,
    writeFile(join(folder, 'summary.json'), `${JSON.stringify(result, undefined, 2)}\n`),
  );
  await orUserError(folder, writeFile(join(folder, 'summary.txt'), resultText(result)));
}

async function orUserError(folder: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new UserError(`the report cannot be written: ${messageOf(error)}`, {
      where: '--report',
      hint: `is ${folder} a folder that may be written to?`,
      cause: error,
    });
  }
}
