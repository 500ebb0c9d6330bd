import { nearest } from '../config/suggestion.ts';
import { UserError } from '../kit/errors.ts';
import { readArguments } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { EXIT } from './command.ts';
import { commandText, overviewText } from './help-text.ts';

/**
 * Runs the command that was typed and says what went wrong, if anything did.
 *
 * @param args the arguments after the program's name
 * @returns the exit code
 */
export async function dispatch(args: readonly string[], context: Context): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === undefined) {
      context.err.write(overviewText(context.commands));
      return EXIT.usage;
    }
    if (name === '--help' || name === '-h') {
      context.out.write(overviewText(context.commands));
      return EXIT.done;
    }
    const command = findCommand(name === '--version' || name === '-v' ? 'version' : name, context.commands);
    if (asksForHelp(rest)) {
      context.out.write(commandText(command));
      return EXIT.done;
    }
    return await command.run(readArguments(command, rest), context);
  } catch (error) {
    context.err.write(errorText(error));
    return error instanceof UserError ? EXIT.usage : EXIT.internal;
  }
}

/** @throws UserError when there is no such command */
export function findCommand(name: string, commands: readonly Command[]): Command {
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) return command;
  const names = commands.map((one) => one.name);
  const meant = nearest(name, names);
  throw new UserError(`there is no command "${name}"`, {
    hint: meant === undefined ? `there are ${names.join(', ')}` : `did you mean: understudy ${meant}?`,
  });
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

/** What the user can mend is said in a few lines; what only we can mend comes with its stack. */
function errorText(error: unknown): string {
  if (error instanceof UserError) {
    const where = error.where === undefined || error.message.includes(error.where) ? '' : `${error.where}: `;
    return `understudy: ${where}${error.message}\n${error.hint === undefined ? '' : `  hint: ${error.hint}\n`}`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `understudy: internal error, please report it\n${stack}\n`;
}
