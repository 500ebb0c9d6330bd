import type { Command } from './command.ts';
import { EXIT } from './command.ts';

export const version: Command = {
  name: 'version',
  summary: 'Print the version',
  usage: '',
  options: [],
  examples: [],
  async run(_input, context) {
    context.out.write(`understudy ${context.version} (Node ${process.versions.node})\n`);
    return EXIT.done;
  },
};
