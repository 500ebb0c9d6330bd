import { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { addressText, isLocal } from '../model/address.ts';
import type { AdminSettings, LogSettings } from '../model/settings.ts';
import { parseAddress } from './address.ts';
import { checkToken } from './checks.ts';
import type { Surroundings } from './surroundings.ts';
import { attempt, choice, section, text, typeText } from './value.ts';

export function adminSchema(surroundings: Surroundings): z.ZodType<AdminSettings> {
  const secret = section({
    env: text(
      'text',
      {
        description: 'Name of an environment variable that holds the token.',
        examples: ['UNDERSTUDY_ADMIN_TOKEN'],
      },
      (name) => name,
    ).optional(),
    file: text(
      'file',
      {
        description: 'A file that holds the token, such as a mounted secret.',
        examples: ['/run/secrets/admin-token'],
      },
      (path) => path,
    ).optional(),
  }).transform(({ env, file }, context): string => {
    if ((env === undefined) === (file === undefined)) {
      context.issues.push({
        code: 'custom',
        input: env,
        message: 'either env or file is wanted\nwrite token: { env: UNDERSTUDY_ADMIN_TOKEN }',
        path: [],
      });
      return z.NEVER;
    }
    return attempt(env ?? file, context, () => checkToken(readToken(surroundings, env, file)), [
      env === undefined ? 'file' : 'env',
    ]);
  });
  const literal = text(
    'token',
    {
      description: 'The token itself. `check` warns of it: configuration files are copied and shown around.',
      examples: ['dcbd6b0e6c2a4a3f'],
      secret: true,
    },
    checkToken,
  );
  return section({
    listen: text(
      'address',
      {
        description:
          'Where the admin API listens, or `off`. On other addresses than loopback and Unix sockets it needs a token.',
        examples: ['127.0.0.1:9900', 'off'],
      },
      (value) => (value === 'off' ? undefined : parseAddress(value)),
    ).prefault('127.0.0.1:9900'),
    token: z
      .union([literal, secret], {
        error: ({ input }) =>
          `a token is wanted, this is ${typeText(input)}\nwrite token: { env: UNDERSTUDY_ADMIN_TOKEN }`,
      })
      .optional()
      .meta({
        description:
          'Bearer token that every request to the admin API has to carry; `/healthz` and `/readyz` excepted.',
      }),
  }).transform(({ listen, token }, context): AdminSettings => {
    if (listen !== undefined && !isLocal(listen) && token === undefined) {
      context.issues.push({
        code: 'custom',
        input: listen,
        message: `${addressText(listen)} can be reached from other machines, and there is no token\nset admin.token, or listen on 127.0.0.1`,
        path: ['listen'],
      });
    }
    return { listen, token };
  });
}

function readToken(surroundings: Surroundings, env: string | undefined, file: string | undefined): string {
  if (file !== undefined) return surroundings.readText(file).trim();
  const value = surroundings.env[env ?? ''];
  if (value === undefined || value === '') {
    throw new UserError(`the environment variable ${env} is not set`, {
      hint: 'set it where Understudy is started',
    });
  }
  return value;
}

export function logSchema(): z.ZodType<LogSettings> {
  return section({
    level: choice({ description: 'The least important line that is written.' }, [
      'debug',
      'info',
      'warn',
      'error',
    ]).prefault('info'),
    format: choice({ description: '`auto` is `text` on a terminal and `json` elsewhere.' }, [
      'auto',
      'json',
      'text',
    ]).prefault('auto'),
  }).transform(({ level, format }): LogSettings => ({ level, format }));
}
