import { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import type { CompareSettings, IgnoreRule, NoiseSettings, ToleranceRule } from '../model/compare-settings.ts';
import { describedBy } from '../model/compare-settings.ts';
import type { ClientTls } from '../model/settings.ts';
import type { DifferenceKind } from '../model/difference.ts';
import { checkFieldName } from './checks.ts';
import { compareLimitsSchema } from './compare-limits-schema.ts';
import { gateSchema } from './gate-schema.ts';
import { checkBodyPattern, checkPathPattern } from './path-pattern.ts';
import { percentage, shareOf } from './percentage.ts';
import { checkRoute } from './route-template.ts';
import { protobufSchema } from './protobuf-schema.ts';
import { routesSchema } from './routes-schema.ts';
import type { Surroundings } from './surroundings.ts';
import {
  ALWAYS,
  attempt,
  choice,
  isSection,
  list,
  metaOf,
  section,
  text,
  typeText,
  wrongType,
} from './value.ts';

/** Kinds that a rule may be for: an answer that is missing or late is no matter of what answers hold, and has its gate. */
const IGNORED_KINDS = [
  'missing',
  'added',
  'type',
  'value',
  'order',
  'length',
  'status',
  'header',
] as const satisfies readonly DifferenceKind[];

const MAX_RULES = 256;

export function compareSchema(
  surroundings: Surroundings,
  clientTls: z.ZodType<ClientTls>,
): z.ZodType<CompareSettings> {
  return section({
    ignore: list(
      ignoreSchema(),
      {
        description:
          'Differences that say nothing: a path as findings show it, with `*` for one name and `**` for any rest, or a section.',
        examples: [['body.generatedAt', { path: 'header.x-build' }]],
      },
      { min: 0, max: MAX_RULES },
    ).prefault([]),
    unordered: list(
      text('path', { description: 'The path of an array.', examples: ['body.tags'] }, checkBodyPattern),
      { description: 'Arrays whose order says nothing.', examples: [['body.tags']] },
      { min: 0, max: MAX_RULES },
    ).prefault([]),
    keys: rules(
      text('name', { description: 'The field.', examples: ['sku'] }, checkFieldName),
      {
        description:
          'Arrays whose elements are matched by a field. Without a rule an obvious key (`id`, `key`, `name` …) is found.',
        examples: [{ 'body.items': 'sku' }],
        otherwise: 'found',
      },
      'paths and fields',
    ).transform((keys) => keys.map(([path, key]) => ({ path, key }))),
    tolerance: rules(
      toleranceSchema(),
      {
        description:
          'How much numbers may differ: a number, or a percentage of the larger of the two. The first path that fits counts.',
        examples: [{ 'body.total': 0.01, 'body.stats.**': '1%' }],
        otherwise: 'none',
      },
      'paths and numbers',
    ).transform((all) => all.map(([path, tolerance]): ToleranceRule => ({ path, ...tolerance }))),
    headers: section({
      volatile: choice(
        {
          description:
            '`presence`: headers that are volatile by nature (date, request and trace ids …) only have to be there; `value` compares them too.',
        },
        ['presence', 'value'],
      ).prefault('presence'),
    })
      .prefault({})
      .meta({ description: 'How headers are compared.' }),
    noise: noiseSchema().prefault({}).meta({
      description: 'How much the primary’s answers differ by themselves, where there is no control.',
    }),
    routes: routesSchema(surroundings).prefault({}).meta({ description: 'What requests are grouped by.' }),
    protobuf: protobufSchema(surroundings, clientTls).prefault({}).meta({
      description:
        'How Protobuf messages are read: of gRPC, gRPC-Web and Connect, and bodies of plain HTTP. Without descriptors they are compared by field numbers: `body.#3.#1`.',
    }),
    gate: gateSchema().prefault({}).meta({ description: 'When the policy has passed or failed.' }),
    limits: compareLimitsSchema().prefault({}).meta({ description: 'What a comparison may cost.' }),
  }).transform((compare): CompareSettings => {
    const { protobuf, ...rest } = compare;
    const settings = { ...rest, protobuf: protobuf.settings };
    return protobuf.descriptors === undefined ? settings : describedBy(settings, protobuf.descriptors);
  });
}

function ignoreSchema(): z.ZodType<IgnoreRule> {
  const path = text(
    'path',
    { description: 'The path, or a pattern of paths.', examples: ['body.generatedAt', 'header.*'] },
    checkPathPattern,
  );
  const rule = section({
    path,
    kinds: list(
      choice({ description: 'A kind of difference.' }, IGNORED_KINDS),
      {
        description: 'Only differences of these kinds.',
        otherwise: 'every kind',
        examples: [['order', 'value']],
      },
      { min: 1, max: IGNORED_KINDS.length },
    ).optional(),
    route: text(
      'route',
      {
        description: 'Only on this route, written as reports show it.',
        otherwise: 'every route',
        examples: ['GET /api/orders/{id}'],
      },
      checkRoute,
    ).optional(),
  }).transform(({ kinds = [], route, ...rest }): IgnoreRule => ({ path: rest.path, kinds, route }));
  return z
    .union([path.transform((only): IgnoreRule => ({ path: only, kinds: [], route: undefined })), rule], {
      error: ({ input }) =>
        `a path is wanted, this is ${typeText(input)}\nwrite body.generatedAt, or { path: body.generatedAt, kinds: [value] }`,
    })
    .meta({ description: 'A path, or a section.' });
}

/** Paths of bodies and what holds there, in the order in which they are written. */
function rules<Value>(
  value: z.ZodType<Value>,
  note: { readonly description: string; readonly examples: readonly unknown[]; readonly otherwise: string },
  kind: string,
) {
  return z
    .record(z.string(), value, { error: wrongType(`a section of ${kind}`, note.examples[0]) })
    .superRefine((written: unknown, context) => {
      if (!isSection(written)) return;
      const paths = Object.keys(written);
      for (const path of paths) attempt(path, context, () => checkBodyPattern(path), [path], 'key');
      if (paths.length > MAX_RULES) {
        context.addIssue({
          code: 'custom',
          message: `${paths.length} entries, at most ${MAX_RULES} are allowed`,
        });
      }
    }, ALWAYS)
    .transform((written) => Object.entries(written))
    .meta(metaOf(note, kind))
    .prefault({});
}

function toleranceSchema(): z.ZodType<Omit<ToleranceRule, 'path'>> {
  return z
    .union([z.number(), z.string()], { error: wrongType('a number or a percentage', '0.01 or 1%') })
    .transform((value, context) =>
      attempt(value, context, () => {
        const [absolute, relative] = typeof value === 'number' ? [value, 0] : [0, shareOf(value)];
        if (!(absolute >= 0 && absolute <= Number.MAX_VALUE))
          throw new UserError(`${absolute} is no tolerance`, { hint: 'a number from 0 on, or a percentage' });
        if (relative > 1) throw new UserError(`${value} is too much`, { hint: 'at most 100%' });
        return { absolute, relative };
      }),
    )
    .meta(
      metaOf({ description: 'A number or a percentage.', examples: [0.01, '1%'] }, 'number or percentage'),
    );
}

function noiseSchema(): z.ZodType<NoiseSettings> {
  return section({
    repeat: percentage(
      {
        description:
          'Share of the copied requests that is sent to the primary once more, so that its two answers can be compared. Only requests with safe methods, whatever `writes` says; they are real load on the primary. Not together with `control`.',
        otherwise: 'none',
        examples: ['1%'],
      },
      100,
    ).optional(),
    assumed: percentage(
      {
        description:
          'Without control and repeats: the share of answers that may differ by themselves on any path. What differs more often than that is a finding.',
        examples: ['0.1%'],
      },
      100,
    ).prefault('0.1%'),
    recognisers: choice(
      {
        description:
          'Whether values that look volatile (UUIDs, timestamps, hashes, counters, tokens) are compared by their form only. `auto`: where there is no control.',
      },
      ['auto', 'on', 'off'],
    ).prefault('auto'),
  }).transform(({ repeat, assumed, recognisers }): NoiseSettings => ({
    repeat:
      repeat === undefined || repeat === 0
        ? undefined
        : // A share of so many percent, as `percent` has it.
          { numerator: Number((repeat * 100).toPrecision(12)), denominator: 100 },
    assumed,
    recognisers,
  }));
}
