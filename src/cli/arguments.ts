import { parseArgs } from 'node:util';
import { nearest } from '../config/suggestion.ts';
import { UserError } from '../kit/errors.ts';
import type { Command, Input, Option } from './command.ts';

/**
 * Reads what was typed after a command's name: `--name value`, `--name=value`, operands, and `--` before operands that
 * begin with a dash.
 *
 * @throws UserError for an option or operand that the command does not have, with the nearest one it has
 */
export function readArguments(command: Command, args: readonly string[]): Input {
  const { tokens } = parseArgs({
    args: [...args],
    // What is wrong is said below, with a suggestion.
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      command.options.map((option) => [
        option.name,
        { type: option.value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
      ]),
    ),
  });
  const options: Record<string, string[]> = {};
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const option = command.options.find(({ name }) => name === token.name && token.rawName.startsWith('--'));
    if (option === undefined) throw unknownOption(command, token.rawName);
    // The parser takes whatever comes next as a value; another option is none.
    const swallowed = token.inlineValue === false && /^--./.test(token.value);
    (options[option.name] ??= []).push(checkedValue(option, swallowed ? undefined : token.value));
  }
  for (const option of command.options) {
    if (option.many !== true && (options[option.name]?.length ?? 0) > 1) {
      throw new UserError(`--${option.name} is given more than once`, { where: `--${option.name}` });
    }
  }
  if (operands[0] !== undefined && command.operands === undefined) {
    throw new UserError(`"${operands[0]}" is not expected here`, {
      hint: `understudy ${command.name} takes options only; see: understudy help ${command.name}`,
    });
  }
  return { options, operands };
}

function checkedValue(option: Option, value: string | undefined): string {
  const where = `--${option.name}`;
  if (option.value === undefined) {
    if (value !== undefined) throw new UserError(`${where} takes no value`, { where });
    return '';
  }
  if (value === undefined) {
    throw new UserError(`${where} needs a value`, { where, hint: `write it as ${where} ${option.value}` });
  }
  if (option.values !== undefined && !option.values.includes(value)) {
    const meant = nearest(value, option.values);
    throw new UserError(`"${value}" is not a value of ${where}`, {
      where,
      hint: `${meant === undefined ? '' : `did you mean ${meant}? `}it takes ${option.values.join(', ')}`,
    });
  }
  return value;
}

function unknownOption(command: Command, typed: string): UserError {
  const names = command.options.map(({ name }) => name);
  const meant = nearest(typed.replace(/^-+/, ''), names);
  return new UserError(`there is no option ${typed}`, {
    where: typed,
    hint: meant === undefined ? `see: understudy help ${command.name}` : `did you mean --${meant}?`,
  });
}
