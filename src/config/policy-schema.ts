import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import type { Fraction, Match, MirrorSettings, PathRewrite, Policy, SampleBy } from '../model/policy.ts';
import type { ClientTls } from '../model/settings.ts';
import { checkCookieName, checkHeaderName, checkName } from './checks.ts';
import { compareSchema } from './compare-schema.ts';
import { limitsSchema, stopWhenSchema } from './limits-schema.ts';
import { endpointTls, urlSchema } from './listener-schema.ts';
import { matchSchema } from './match-schema.ts';
import type { Surroundings } from './surroundings.ts';
import { rewriteSchema } from './rewrite-schema.ts';
import type { WrittenRewrite } from './rewrite-schema.ts';
import { ALWAYS, choice, integer, isSection, list, metaOf, nameOf, number, section, text } from './value.ts';

const MAX_INT32 = 2_147_483_647;

export function policySchema(surroundings: Surroundings, clientTls: z.ZodType<ClientTls>): z.ZodType<Policy> {
  const match = matchSchema();
  const mirror = mirrorSchema(clientTls, undefined);
  return section({
    name: text(
      'name',
      {
        description: 'The name of the policy, in metrics, the dashboard and the marker of copies.',
        examples: ['orders-v2'],
      },
      checkName,
    ),
    taps: list(
      text('name', { description: 'A listener or capture.', examples: ['orders'] }, checkName),
      {
        description: 'Names of listeners and captures whose requests are copied.',
        otherwise: 'all',
        examples: [['orders']],
      },
      { min: 0, max: 256 },
    ).prefault([]),
    matches: list(
      match,
      {
        description: 'Requests that fit any of these are copied.',
        otherwise: 'everything',
        examples: [[{ path: { type: 'PathPrefix', value: '/api' } }]],
      },
      { min: 0, max: 128 },
    ).prefault([]),
    exclude: list(
      match,
      {
        description: 'Requests that fit any of these are not copied, whatever `matches` says.',
        examples: [[{ path: { type: 'Exact', value: '/healthz' } }]],
      },
      { min: 0, max: 128 },
    ).prefault([]),
    percent: number(
      {
        description: 'Share of the matched requests that is copied, any number from 0 to 100. Or `fraction`.',
        otherwise: '`100`',
        examples: [0.01, 5],
      },
      { min: 0, max: 100 },
    ).optional(),
    fraction: fractionSchema()
      .optional()
      .meta(
        metaOf({
          description: 'The same share as a fraction, instead of `percent`.',
          examples: [{ numerator: 1, denominator: 1000 }],
        }),
      ),
    sampleBy: text(
      'sample key',
      {
        description:
          'What decides which requests are in the share: `random`, `source-ip`, `header:x-user-id` or `cookie:session`. The same key is always in or always out, in every policy, worker and after restarts; a smaller share takes a part of the keys of a larger one. Without the header or cookie the source address decides.',
        examples: ['random', 'source-ip', 'header:x-user-id', 'cookie:session'],
      },
      parseSampleBy,
    ).prefault('random'),
    mirrors: list(
      mirror,
      {
        description: 'Services that get copies. What they answer never reaches a user.',
        examples: [[{ name: 'v2', url: 'http://orders-v2:3000' }]],
      },
      { min: 1, max: 16 },
    ),
    control: mirrorSchema(clientTls, 'control').optional().meta({
      description:
        'A second instance of the primary’s version. It shows how much answers differ by themselves.',
    }),
    order: choice(
      {
        description:
          '`connection` sends the copies of one client connection one after another, in the order of the live requests; `none` sends them as they come.',
      },
      ['none', 'connection'],
    ).prefault('none'),
    writes: choice(
      {
        description:
          '`hold` copies only requests with safe methods (GET, HEAD, OPTIONS, TRACE: RFC 9110 §9.2.1) and counts the others. `mirror` copies all: the mirror then needs data of its own.',
      },
      ['hold', 'mirror'],
    ).prefault('hold'),
    upgrade: choice(
      {
        description:
          '`mirror` copies WebSocket connections: the upgrade, and then each message of the client as it comes. Messages may write, whatever `writes` says: the mirror then needs data of its own. `ignore` leaves them out (`upgrade`).',
      },
      ['ignore', 'mirror'],
    ).prefault('ignore'),
    rewrite: rewriteSchema().prefault({}).meta({ description: 'What is changed in copies.' }),
    limits: limitsSchema()
      .prefault({})
      .meta({ description: 'What copies may cost. Past a limit a request is not copied, and counted.' }),
    stopWhen: stopWhenSchema()
      .prefault({})
      .meta({ description: 'The kill switch: pauses the policy by itself. Nothing is set by default.' }),
    compare: compareSchema(surroundings, clientTls)
      .prefault({})
      .meta({ description: 'How answers are compared, and when the policy has passed or failed.' }),
  })
    .superRefine((policy: unknown, context) => {
      checkMirrorNames(policy, context);
    }, ALWAYS)
    .transform((policy, context): Policy => {
      const { percent, fraction, rewrite } = policy;
      if (percent !== undefined && fraction !== undefined) {
        context.issues.push({
          code: 'custom',
          input: policy,
          message: 'percent and fraction are both given\nkeep one of them',
          path: ['fraction'],
        });
      }
      if (policy.control !== undefined && policy.compare.noise.repeat !== undefined) {
        context.issues.push({
          code: 'custom',
          input: policy,
          message: 'there is a control, which shows the noise already\nleave repeat out, or the control',
          path: ['compare', 'noise', 'repeat'],
        });
      }
      const share: Fraction = fraction ?? { numerator: percent ?? 100, denominator: 100 };
      return {
        name: policy.name,
        taps: policy.taps,
        matches: policy.matches,
        exclude: policy.exclude,
        fraction: share,
        sampleBy: policy.sampleBy,
        mirrors: policy.mirrors,
        control: policy.control,
        order: policy.order,
        writes: policy.writes,
        upgrade: policy.upgrade,
        rewrite: { ...rewrite, path: pathRewrite(rewrite.path, policy.matches, context) },
        limits: policy.limits,
        stopWhen: policy.stopWhen,
        compare: policy.compare,
      };
    });
}

function fractionSchema(): z.ZodType<Fraction> {
  return section({
    numerator: integer({ description: 'How many …', examples: [1] }, { min: 0, max: MAX_INT32 }),
    denominator: integer(
      { description: '… of how many.', examples: [1000] },
      { min: 1, max: MAX_INT32 },
    ).prefault(100),
  }).transform((fraction, context): Fraction => {
    if (fraction.numerator > fraction.denominator) {
      context.issues.push({
        code: 'custom',
        input: fraction,
        message: `${fraction.numerator} of ${fraction.denominator} is more than all\nthe numerator is at most the denominator`,
        path: ['numerator'],
      });
    }
    return fraction;
  });
}

/** @param defaultName the name of one that needs none */
function mirrorSchema(
  clientTls: z.ZodType<ClientTls>,
  defaultName: string | undefined,
): z.ZodType<MirrorSettings> {
  const name = text(
    'name',
    {
      description: 'Its name, in metrics, the dashboard and the marker of copies.',
      examples: [defaultName ?? 'v2'],
    },
    checkName,
  );
  return section({
    name: defaultName === undefined ? name : name.prefault(defaultName),
    url: urlSchema(
      'Where copies go: `http://` and `unix:/path` (HTTP/1.1), `https://` (HTTP/2 or HTTP/1.1, which the mirror chooses by ALPN), `h2c://` (HTTP/2 without TLS). What clients speak makes no difference.',
      ['http://orders-v2:3000', 'https://orders-v2:3443', 'h2c://orders-v2:3000', 'unix:/run/orders-v2.sock'],
    ),
    tls: clientTls.optional().meta({ description: 'How it is reached over TLS; for `https://` URLs.' }),
  }).transform((mirror, context): MirrorSettings => {
    return { name: mirror.name, endpoint: mirror.url, tls: endpointTls(mirror.url, mirror.tls, context) };
  });
}

function parseSampleBy(key: string): SampleBy {
  if (key === 'random' || key === 'source-ip') return { kind: key };
  if (key.startsWith('header:'))
    return { kind: 'header', name: checkHeaderName(key.slice('header:'.length).trim()) };
  if (key.startsWith('cookie:'))
    return { kind: 'cookie', name: checkCookieName(key.slice('cookie:'.length).trim()) };
  throw new UserError(`"${key.slice(0, 80)}" is not known here`, {
    hint: 'one of: random, source-ip, header:x-user-id, cookie:session',
  });
}

/** Looks at names only, whatever else is wrong with the policy. */
function checkMirrorNames(policy: unknown, context: z.core.$RefinementCtx): void {
  if (!isSection(policy)) return;
  const { mirrors, control } = policy;
  const seen = new Set<string>();
  const check = (mirror: unknown, path: readonly PropertyKey[]): void => {
    const name = nameOf(mirror);
    if (name === undefined) return;
    if (seen.has(name)) {
      context.addIssue({
        code: 'custom',
        message: `"${name}" is the name of another mirror of this policy\nnames are unique in a policy`,
        path: [...path, 'name'],
      });
    }
    seen.add(name);
  };
  if (Array.isArray(mirrors))
    for (const [index, mirror] of mirrors.entries()) check(mirror, ['mirrors', index]);
  check(control, ['control']);
}

/**
 * The path rewriting with the prefix that it replaces: that of the matches. A match without a path has the prefix `/`, as
 * in Gateway API.
 */
function pathRewrite(
  path: WrittenRewrite['path'],
  matches: readonly Match[],
  context: z.core.$RefinementCtx,
): PathRewrite | undefined {
  if (path?.type !== 'ReplacePrefixMatch') return path;
  const prefixes = new Set<string>();
  for (const [index, match] of matches.entries()) {
    if (match.path === undefined || match.path.type === 'PathPrefix') {
      prefixes.add(match.path?.value ?? '/');
      continue;
    }
    context.issues.push({
      code: 'custom',
      input: path,
      message: `ReplacePrefixMatch needs matches by PathPrefix, and matches[${index}] is ${match.path.type}\nuse ReplaceFullPath, or a policy of its own for that match`,
      path: ['rewrite', 'path', 'type'],
    });
    return undefined;
  }
  const [prefix = '/', second] = prefixes;
  if (second !== undefined) {
    context.issues.push({
      code: 'custom',
      input: path,
      message: `not yet: the matches have several prefixes (${prefix}, ${second}), and one is replaced\nmake a policy for each of them`,
      path: ['rewrite', 'path', 'type'],
    });
  }
  return { ...path, prefix };
}
