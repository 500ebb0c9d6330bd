import { systemClock } from '../kit/clock.ts';
import { COMMANDS } from './commands.ts';
import type { Context, Output } from './command.ts';

/** What commands have of this process. */
export function processContext(own: Pick<Context, 'version' | 'startRuntime' | 'preview'>): Context {
  return {
    ...own,
    env: process.env,
    out: outputOf(process.stdout),
    err: outputOf(process.stderr),
    signals: process,
    clock: systemClock,
    commands: COMMANDS,
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  const terminal = stream.isTTY;
  // A reader that went away, as `head` does, is not a failure; there is nobody left to tell.
  stream.on('error', () => {});
  return {
    write: (text) => void stream.write(text),
    terminal,
    get columns() {
      // Some terminals say 0 before they know.
      return stream.columns || 80;
    },
    // NO_COLOR counts when it is there and not empty (https://no-color.org).
    colour: terminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
  };
}
