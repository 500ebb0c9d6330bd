import { UserError } from '../kit/errors.ts';
import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import { SHELLS, completionScript } from './completion-script.ts';

export const completion: Command = {
  name: 'completion',
  summary: 'Print a script that completes commands and options in a shell',
  usage: SHELLS.join('|'),
  options: [],
  operands: SHELLS,
  examples: [
    { what: 'in bash, for this session', command: 'source <(understudy completion bash)' },
    {
      what: 'in zsh, for good',
      command: 'understudy completion zsh > "${fpath[1]}/_understudy"',
    },
    {
      what: 'in fish, for good',
      command: 'understudy completion fish > ~/.config/fish/completions/understudy.fish',
    },
  ],
  async run({ operands: [name] }, { commands, out }) {
    const shell = SHELLS.find((one) => one === name);
    if (shell === undefined) {
      throw new UserError(name === undefined ? 'which shell?' : `there is no completion for "${name}"`, {
        hint: `name one of ${SHELLS.join(', ')}`,
      });
    }
    out.write(completionScript(shell, commands));
    return EXIT.done;
  },
};
