import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import { findCommand } from './dispatch.ts';
import { commandText, overviewText } from './help-text.ts';

export const help: Command = {
  name: 'help',
  summary: 'Say what a command does and which options it has',
  usage: '[command]',
  options: [],
  operands: [],
  examples: [{ what: 'every option of run', command: 'understudy help run' }],
  async run({ operands: [name] }, { commands, out }) {
    out.write(name === undefined ? overviewText(commands) : commandText(findCommand(name, commands)));
    return EXIT.done;
  },
};
