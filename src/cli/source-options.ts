import { readFileSync } from 'node:fs';
import { UserError, messageOf } from '../kit/errors.ts';
import type { AdminClient } from './admin-client.ts';
import { adminClient } from './admin-client.ts';
import type { Context, Input, Option } from './command.ts';
import { isGiven, valueOf } from './command.ts';
import { storedVerdicts } from './stored-verdicts.ts';
import type { VerdictSource } from './verdict-source.ts';
import { adminVerdicts } from './verdict-source.ts';

const DEFAULT_ADMIN = 'http://127.0.0.1:9900';
const TOKEN_VARIABLE = 'UNDERSTUDY_ADMIN_TOKEN';
const TOKEN_BYTES = 4096;

/** How a running instance is reached, the same for every command that asks one. */
export const ADMIN_OPTIONS: readonly Option[] = [
  {
    name: 'admin',
    value: 'URL',
    help: `admin API of a running instance: http://host:port or unix:/path (default ${DEFAULT_ADMIN})`,
  },
  {
    name: 'token-file',
    value: 'FILE',
    help: `file with the admin API's token; without it ${TOKEN_VARIABLE} counts`,
  },
];

export const SOURCE_OPTIONS: readonly Option[] = [
  ...ADMIN_OPTIONS,
  { name: 'store', value: 'FILE', help: 'read this store file instead, also while an instance writes it' },
  { name: 'policy', value: 'NAME', help: 'only this policy (default: all of them)' },
];

/** @throws UserError when the token cannot be read or the address is none */
export function adminOf(input: Input, { env }: Context): AdminClient {
  const token = tokenOf(valueOf(input, 'token-file'), env[TOKEN_VARIABLE]);
  return adminClient({ url: valueOf(input, 'admin') ?? DEFAULT_ADMIN, token });
}

/** @throws UserError also when both a file and an instance are named */
export function sourceOf(input: Input, context: Context): VerdictSource {
  const file = valueOf(input, 'store');
  if (file === undefined) return adminVerdicts(adminOf(input, context));
  if (isGiven(input, 'admin') || isGiven(input, 'token-file')) {
    throw new UserError('--store reads a file, --admin asks an instance', {
      where: '--store',
      hint: 'give one of the two',
    });
  }
  return storedVerdicts(file);
}

function tokenOf(file: string | undefined, fromEnv: string | undefined): string | undefined {
  if (file === undefined) return fromEnv === undefined || fromEnv === '' ? undefined : fromEnv;
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token !== '' && token.length <= TOKEN_BYTES) return token;
  } catch (error) {
    throw new UserError(`the token cannot be read: ${messageOf(error)}`, {
      where: '--token-file',
      cause: error,
    });
  }
  throw new UserError(`${file} holds no token`, { where: '--token-file', hint: 'one line, nothing else' });
}
