import { UserError } from '../kit/errors.ts';

/** Something that is wrong, or unwise, in what the user configured. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** Where it is written: `understudy.yaml:12:9`, `--primary`, `UNDERSTUDY_LOG`. */
  readonly where: string;
  /** The key: `policies[0].mirrors[1].url`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  /** How to mend it. */
  readonly hint: string | undefined;
  /** The line of the file; undefined where there is none, or where it could hold a secret. */
  readonly excerpt: Excerpt | undefined;
}

export interface Excerpt {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
  /** Where in `text` the mistake begins, counted from 0, and how many characters it has. */
  readonly start: number;
  readonly length: number;
}

/** A configuration that cannot be used. Its message is the rendered list of everything that is wrong with it. */
export class ConfigError extends UserError {
  readonly problems: readonly Problem[];

  /** @param subject what was read: a file's name, `the flags` */
  constructor(subject: string, problems: readonly Problem[]) {
    const [first] = problems;
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(`${subject} has ${count}\n\n${renderProblems(problems)}`, {
      code: 'config',
      ...(first === undefined ? {} : { where: first.where }),
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Problems shown; a file that is no configuration at all can have thousands. */
const MAX_SHOWN = 50;
/** Characters of a line that are shown. */
const MAX_WIDTH = 110;

/**
 * The text of problems, as compilers write them: place, key and what is wrong on one line, then the line of the file with
 * the mistake underlined, then how to mend it. Control characters of the file do not reach the terminal.
 */
export function renderProblems(problems: readonly Problem[]): string {
  const blocks = problems.slice(0, MAX_SHOWN).map(renderProblem);
  if (problems.length > MAX_SHOWN) blocks.push(`… and ${problems.length - MAX_SHOWN} more`);
  return blocks.join('\n\n');
}

function renderProblem({ severity, where, path, message, hint, excerpt }: Problem): string {
  const lines = [
    `${where}: ${path === '' ? '' : `${path}: `}${severity === 'warning' ? 'warning: ' : ''}${message}`,
  ];
  if (excerpt !== undefined) lines.push(...renderExcerpt(excerpt));
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.map(printable).join('\n');
}

function renderExcerpt({ line, text, start, length }: Excerpt): readonly string[] {
  const from = start + length > MAX_WIDTH ? Math.max(0, start - 20) : 0;
  const shown = text.slice(from, from + MAX_WIDTH);
  const underline = Math.max(1, Math.min(length, shown.length - (start - from)));
  const margin = String(line).padStart(6);
  return [
    `${margin} | ${from > 0 ? '…' : ''}${shown}${from + MAX_WIDTH < text.length ? '…' : ''}`,
    `${' '.repeat(margin.length)} | ${' '.repeat(start - from + (from > 0 ? 1 : 0))}${'^'.repeat(underline)}`,
  ];
}

/** Text without what a terminal would act on. */
function printable(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

/** The text of a path: `policies[0].mirrors[1].url`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]+$/.test(String(part))) text += `[${JSON.stringify(String(part))}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
