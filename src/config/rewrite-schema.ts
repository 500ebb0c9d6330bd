import { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import type { Redaction, Rewrite } from '../model/policy.ts';
import { isHost, parseAddress } from './address.ts';
import { checkHeaderValue, checkPath, checkValue, checkWritableHeader } from './checks.ts';
import { ALWAYS, attempt, choice, isSection, list, metaOf, section, text, wrongType } from './value.ts';

/** `Rewrite` without the prefix that `ReplacePrefixMatch` replaces, which only the policy's matches know. */
export interface WrittenRewrite extends Omit<Rewrite, 'path'> {
  readonly path:
    | { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
    | { readonly type: 'ReplacePrefixMatch'; readonly replacePrefixMatch: string }
    | undefined;
}

export function rewriteSchema(): z.ZodType<WrittenRewrite> {
  return section({
    host: text(
      'host name',
      {
        description:
          'The Host header of copies: `preserve` sends what the client sent, anything else is sent instead.',
        examples: ['orders-v2.internal', 'orders-v2:8080'],
      },
      checkHost,
    ).prefault('preserve'),
    path: pathSchema()
      .optional()
      .meta({ description: 'Changes the path of copies (Gateway API `HTTPPathModifier`).' }),
    headers: headersSchema().prefault({}).meta({
      description: 'Changes the headers of copies (Gateway API `HTTPHeaderFilter`).',
    }),
    redact: redactSchema()
      .prefault({})
      .meta({ description: 'What is made unreadable before a copy leaves the process.' }),
  }).transform(({ host, path, headers, redact }): WrittenRewrite => ({ host, path, headers, redact }));
}

function replacement(description: string): z.ZodOptional<z.ZodType<string, string>> {
  return text('path', { description, examples: ['/v2'] }, checkPath).optional();
}

function pathSchema(): z.ZodType<NonNullable<WrittenRewrite['path']>> {
  return section({
    type: choice(
      {
        description:
          'Whether the whole path is replaced, or the prefix that the policy’s matches have in common.',
      },
      ['ReplaceFullPath', 'ReplacePrefixMatch'],
    ),
    replaceFullPath: replacement('With `ReplaceFullPath`: the new path. The query stays.'),
    replacePrefixMatch: replacement('With `ReplacePrefixMatch`: what stands in place of the prefix.'),
  }).transform((path, context) => {
    const { type, replaceFullPath, replacePrefixMatch } = path;
    const [key, value, other] =
      type === 'ReplaceFullPath'
        ? (['replaceFullPath', replaceFullPath, replacePrefixMatch] as const)
        : (['replacePrefixMatch', replacePrefixMatch, replaceFullPath] as const);
    if (value === undefined || other !== undefined) {
      context.issues.push({
        code: 'custom',
        input: path,
        message: `type ${type} goes with ${key}\ngive that key and not the other`,
        path: [],
      });
    }
    return type === 'ReplaceFullPath'
      ? { type, replaceFullPath: value ?? '/' }
      : { type, replacePrefixMatch: value ?? '/' };
  });
}

const MAX_HEADERS = 64;

function headerValues(
  description: string,
  examples: readonly unknown[],
): z.ZodPrefault<z.ZodType<Readonly<Record<string, string>>>> {
  return z
    .record(z.string(), text('text', { description: 'The value.', secret: true }, checkHeaderValue), {
      error: wrongType('a section of headers', 'x-env: shadow'),
    })
    .superRefine((headers: unknown, context) => {
      if (isSection(headers)) checkHeaderNames(Object.keys(headers), context);
    }, ALWAYS)
    .transform((headers): Readonly<Record<string, string>> =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    )
    .meta(metaOf({ description, examples }, 'headers'))
    .prefault({});
}

function headersSchema(): z.ZodType<Rewrite['headers']> {
  return section({
    set: headerValues('Headers that replace what the client sent.', [{ 'x-env': 'shadow' }]),
    add: headerValues('Headers that are added to what the client sent.', [{ 'x-rehearsal': 'yes' }]),
    remove: list(
      text('header name', { description: 'A header.', examples: ['authorization'] }, checkWritableHeader),
      { description: 'Headers that copies do not have.', examples: [['authorization']] },
      { min: 0, max: MAX_HEADERS },
    ).prefault([]),
  }).transform((headers, context): Rewrite['headers'] => {
    for (const [index, name] of headers.remove.entries()) {
      if (!Object.hasOwn(headers.set, name) && !Object.hasOwn(headers.add, name)) continue;
      context.issues.push({
        code: 'custom',
        input: name,
        message: `${name} is set or added, and removed\ndecide for one`,
        path: ['remove', index],
      });
    }
    return { set: headers.set, add: headers.add, remove: headers.remove };
  });
}

function checkHeaderNames(names: readonly string[], context: z.core.$RefinementCtx): void {
  const seen = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    attempt(name, context, () => checkWritableHeader(name), [name], 'key');
    if (seen.has(lower)) {
      context.addIssue({
        code: 'custom',
        message: `${lower} is here a second time\nthe case of letters makes no difference`,
        path: [name],
        params: { part: 'key' },
      });
    }
    seen.add(lower);
  }
  if (names.length > MAX_HEADERS) {
    context.addIssue({
      code: 'custom',
      message: `${names.length} headers, at most ${MAX_HEADERS} are allowed`,
    });
  }
}

function redactSchema(): z.ZodType<Redaction> {
  return section({
    headers: list(
      text('header name', { description: 'A header.', examples: ['authorization'] }, checkWritableHeader),
      { description: 'Headers whose values are replaced.', examples: [['authorization', 'cookie']] },
      { min: 0, max: MAX_HEADERS },
    ).prefault([]),
    queryParams: list(
      text('text', { description: 'A query parameter.', examples: ['token'] }, checkValue),
      { description: 'Query parameters whose values are replaced.', examples: [['token']] },
      { min: 0, max: 64 },
    ).prefault([]),
    jsonFields: list(
      text(
        'field path',
        { description: 'A path of keys.', examples: ['user.email', 'items.*.card'] },
        checkFieldPath,
      ),
      {
        description:
          'Fields of JSON bodies whose values are replaced: keys with dots between them, `*` for any key or index. Also of Protobuf messages, by the names of `compare.protobuf`.',
        examples: [['user.email', 'items.*.card']],
      },
      { min: 0, max: 64 },
    ).prefault([]),
    unknownMessages: choice(
      {
        description:
          'With `jsonFields`: whether Protobuf messages whose fields have no known names are held back (`redaction_failed`), or copied as they are.',
      },
      ['hold', 'copy'],
    ).prefault('hold'),
  }).transform(({ headers, queryParams, jsonFields, unknownMessages }): Redaction => ({
    headers,
    queryParams,
    jsonFields,
    unknownMessages,
  }));
}

function checkHost(host: string): string {
  if (host === 'preserve' || isHost(host)) return host;
  try {
    const address = parseAddress(host);
    if (address.kind === 'tcp') return host;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  throw new UserError(`"${host.slice(0, 80)}" is not a host`, {
    hint: 'write preserve, orders-v2.internal or orders-v2:8080',
  });
}

function checkFieldPath(path: string): string {
  const keys = path.split('.');
  if (keys.every((key) => key !== '') && keys.length <= 32 && path.length <= 512) return path;
  throw new UserError(`"${path.slice(0, 80)}" is not a path of keys`, {
    hint: 'write it like user.email or items.*.card',
  });
}
