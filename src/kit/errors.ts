/** A mistake that the person at the keyboard can mend. Printed without a stack: what is wrong, where, and how to mend it. */
export class UserError extends Error {
  readonly code: 'usage' | 'config' | 'unavailable';
  /** Where the mistake is: a file with line and column, a flag, an address. */
  readonly where: string | undefined;
  /** One sentence that says how to mend it. */
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: {
      code?: 'usage' | 'config' | 'unavailable';
      where?: string;
      hint?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.code = options.code ?? 'usage';
    this.where = options.where;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
