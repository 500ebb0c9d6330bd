import { check } from './check.ts';
import type { Command } from './command.ts';
import { completion } from './completion.ts';
import { demo } from './demo.ts';
import { help } from './help.ts';
import { run } from './run.ts';
import { report } from './report.ts';
import { top } from './top.ts';
import { verdict } from './verdict.ts';
import { version } from './version.ts';

/** Every command, in the order of the help text. */
export const COMMANDS: readonly Command[] = [
  run,
  demo,
  check,
  verdict,
  report,
  top,
  completion,
  version,
  help,
];
