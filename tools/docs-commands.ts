import { COMMANDS } from '../src/cli/commands.ts';
import { commandText } from '../src/cli/help-text.ts';

/** The manual's page about commands, made from their help. */
export function generate(): readonly { readonly path: string; readonly text: string }[] {
  const sections = COMMANDS.map(
    (command) => `## understudy ${command.name}\n\n\`\`\`text\n${commandText(command)}\`\`\`\n`,
  );
  const text = `# Commands

<!-- Made by \`npm run docs\` from src/cli. -->

Exit codes: 0 done, 1 failed, 2 undecided, 64 bad usage or configuration, 70 internal error. Results go to standard output, logs
to standard error. On a terminal long work shows its progress; in a pipe it is quiet. \`NO_COLOR\` is honoured.

${sections.join('\n')}`;
  return [{ path: 'docs/commands.md', text }];
}
