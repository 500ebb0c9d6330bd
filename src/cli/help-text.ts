import type { Command, Option } from './command.ts';

/** Columns of a help text. */
const WIDTH = 100;

/** The text of `understudy help`. */
export function overviewText(commands: readonly Command[]): string {
  return `Understudy rehearses a new version of a service on the live traffic of the running one.

Usage: understudy <command> [options]

Commands
${table(commands.map((command) => [command.name, command.summary]))}
Start here
  understudy demo
      three small services, real load and copies, on this machine
  understudy run --listen 127.0.0.1:8080 --primary http://127.0.0.1:3000 --mirror http://127.0.0.1:3001
      stand in front of a service and copy its requests to another one

More: understudy help <command>
`;
}

/** The text of `understudy help <command>`. */
export function commandText(command: Command): string {
  const description = wrap(command.description ?? `${command.summary}.`, WIDTH).join('\n');
  const usage = `understudy ${command.name} ${command.usage}`.trimEnd();
  const options = command.options.length === 0 ? '' : `\nOptions\n${table(command.options.map(optionRow))}`;
  const examples = command.examples.map(({ what, command: line }) => `  ${line}\n      ${what}\n`).join('');
  return `${description}\n\nUsage: ${usage}\n${options}${examples === '' ? '' : `\nExamples\n${examples}`}`;
}

function optionRow(option: Option): readonly [string, string] {
  const value = option.value === undefined ? '' : ` ${option.value}`;
  return [`--${option.name}${value}`, option.help + (option.many === true ? ' (may be repeated)' : '')];
}

/** Two columns, the second one wrapped. */
function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 2;
  const indent = ' '.repeat(left + 2);
  return rows
    .map(([name, text]) => `  ${name.padEnd(left)}${wrap(text, WIDTH - left - 2).join(`\n${indent}`)}\n`)
    .join('');
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line += line === '' ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}
