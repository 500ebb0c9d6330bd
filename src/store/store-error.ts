import { messageOf, UserError } from '../kit/errors.ts';

/** What can keep a store from its file. */
export type StoreErrorCode =
  /** The file is not ours, or of a version that we cannot read; it is left as it is. */
  | 'refused'
  | 'full'
  | 'locked'
  | 'corrupt'
  /** One row cannot be read; the others can. */
  | 'damaged'
  | 'gone'
  | 'read_only'
  /** `store.maxBytes` is too small for what always stays. */
  | 'too_small'
  /** A reader keeps the log of changes from being emptied. */
  | 'held'
  | 'internal';

/** Why the store cannot be written or read. The message says what is wrong, `hint` how to mend it. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly hint: string;

  constructor(code: StoreErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreError';
    this.code = code;
    this.hint = hint;
  }

  /** For people: what is wrong and how to mend it, in one line. */
  get text(): string {
    return `${this.message}: ${this.hint}`;
  }

  /** As commands and the API show it. */
  toUserError(where: string): UserError {
    return new UserError(this.message, { code: 'unavailable', where, hint: this.hint, cause: this });
  }
}

type Known = readonly [code: StoreErrorCode, message: string, hint: string];

const DISK_FULL: Known = [
  'full',
  'the disk is full',
  'make room on the disk, or name a file on another one',
] as const;

/** Primary result codes of SQLite, https://www.sqlite.org/rescode.html. */
const BY_RESULT_CODE: ReadonlyMap<number, Known> = new Map<number, Known>([
  [3, ['read_only', 'the file may not be written', 'let this user write the file and its folder']],
  [5, ['locked', 'another program has locked the file', 'end that program, or let it finish']],
  [6, ['locked', 'another program has locked the file', 'end that program, or let it finish']],
  [8, ['read_only', 'the file may not be written', 'let this user write the file and its folder']],
  [10, ['gone', 'the disk does not read or write', 'look at the disk, or name a file on another one']],
  [11, ['corrupt', 'the file is corrupt', 'look at the disk']],
  [13, DISK_FULL],
  [14, ['gone', 'the file cannot be opened', 'make its folder, and let this user write to it']],
  [23, ['read_only', 'the file may not be written', 'let this user write the file and its folder']],
  [26, ['corrupt', 'the file is corrupt', 'look at the disk']],
]);

const BY_SYSTEM_CODE: ReadonlyMap<string, number> = new Map([
  ['ENOSPC', 13],
  ['EDQUOT', 13],
  ['EFBIG', 13],
  ['EROFS', 8],
  ['EACCES', 8],
  ['EPERM', 8],
  ['ENOENT', 14],
  ['ENOTDIR', 14],
  ['EIO', 10],
]);

/** Names what SQLite or the file system has thrown. */
export function storeErrorOf(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const known = BY_RESULT_CODE.get(resultCodeOf(thrown));
  if (known === undefined) {
    return new StoreError('internal', messageOf(thrown), 'report it; the store is tried again', thrown);
  }
  const [code, message, hint] = known;
  return new StoreError(code, `${message} (${messageOf(thrown)})`, hint, thrown);
}

export function diskFull(cause: unknown): StoreError {
  const [code, message, hint] = DISK_FULL;
  return new StoreError(code, `${message} (${messageOf(cause)})`, hint, cause);
}

function resultCodeOf(thrown: unknown): number {
  if (!(thrown instanceof Error)) return 0;
  // Extended result codes carry the primary one in their lowest byte.
  if ('errcode' in thrown && typeof thrown.errcode === 'number') return thrown.errcode & 0xff;
  if ('code' in thrown && typeof thrown.code === 'string') return BY_SYSTEM_CODE.get(thrown.code) ?? 0;
  return 0;
}
