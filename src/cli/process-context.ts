import { systemClock } from '../kit/clock.ts';
import { COMMANDS } from './commands.ts';
import type { Context, Keyboard, Output } from './command.ts';

/** What commands have of this process. */
export function processContext(own: Pick<Context, 'version' | 'startRuntime' | 'preview'>): Context {
  return {
    ...own,
    env: process.env,
    out: outputOf(process.stdout),
    err: outputOf(process.stderr),
    signals: process,
    keyboard: process.stdin.isTTY && process.stdout.isTTY ? processKeyboard : undefined,
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
    get rows() {
      return stream.rows || 24;
    },
    // NO_COLOR counts when it is there and not empty (https://no-color.org).
    colour: terminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
  };
}

const processKeyboard: Keyboard = {
  listen(listener) {
    const { stdin } = process;
    const read = (keys: Buffer): void => {
      for (const key of keys.toString('utf8')) listener(key);
    };
    stdin.setRawMode(true);
    stdin.on('data', read).resume();
    return () => {
      stdin.off('data', read).pause();
      stdin.setRawMode(false);
    };
  },
  onResize(listener) {
    process.stdout.on('resize', listener);
    return () => process.stdout.off('resize', listener);
  },
};
