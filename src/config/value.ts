import { z } from 'zod';
import { formatDuration, parseDuration } from '../kit/duration.ts';
import { UserError } from '../kit/errors.ts';
import { formatSize, parseSize } from '../kit/size.ts';
import { nearest } from './suggestion.ts';

/**
 * The kinds of values of the configuration language. Every error message has one or two lines: what is wrong, and how to
 * mend it; `issues.ts` takes them apart.
 */
export interface Note {
  readonly description: string;
  readonly examples?: readonly unknown[];
  /** What holds when nothing is set, in words: where that is no value that could be written. */
  readonly otherwise?: string;
  /** What an editor can check of a text. */
  readonly pattern?: string;
  /** Messages never show the value. */
  readonly secret?: true;
}

/** What the reference page and the JSON Schema need to know. Zod drops the examples of what it transforms, so they go by another name. */
export function metaOf(note: Note, kind?: string): Record<string, unknown> {
  const { description, examples, otherwise, pattern } = note;
  return {
    description,
    ...(kind === undefined ? {} : { 'x-type': kind }),
    ...(examples === undefined ? {} : { 'x-examples': examples }),
    ...(otherwise === undefined ? {} : { 'x-default': otherwise }),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

type ErrorMap = (issue: z.core.$ZodRawIssue) => string | undefined;

/** The error of a value that has the wrong type or is missing. */
export function wrongType(wanted: string, example: unknown, secret = false): ErrorMap {
  return ({ code, input }) => {
    if (code !== 'invalid_type' && code !== 'invalid_union') return undefined;
    const hint = `write it like ${exampleText(example)}`;
    if (input === undefined) return `is missing\n${hint}`;
    if (secret) return `${wanted} is wanted, this is something else\nput it into quotes`;
    return `${wanted} is wanted, this is ${typeText(input)}\n${quoteHint(wanted, input) ?? hint}`;
  };
}

/** Text, checked or converted by a function that throws `UserError`. */
export function text<Out = string>(
  kind: string,
  { secret, ...note }: Note,
  read: (text: string) => Out,
): z.ZodType<Out, string> {
  return z
    .string({
      error: wrongType(kind === 'text' ? kind : withArticle(kind), note.examples?.[0] ?? 'text', secret),
    })
    .transform((value, context) => attempt(value, context, () => read(value)))
    .meta(metaOf(note, kind)) as z.ZodType<Out, string>;
}

const DURATION = String.raw`^(?:0|(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)$`;

/** A duration such as `5s`, in milliseconds. */
export function duration(note: Note, { min, max }: Bounds): z.ZodType<number, string> {
  return text('duration', { examples: ['5s'], pattern: DURATION, ...note }, (value) =>
    within(parseDuration(value), { min, max }, formatDuration),
  );
}

/** A size such as `1MiB` or a number of bytes, in bytes. */
export function size(note: Note, { min, max }: Bounds): z.ZodType<number, string | number> {
  return z
    .union([z.string(), z.number()], { error: wrongType('a size', note.examples?.[0] ?? '1MiB') })
    .transform((value, context) =>
      attempt(value, context, () => within(parseSize(String(value)), { min, max }, formatSize)),
    )
    .meta(metaOf(note, 'size'));
}

export function integer(note: Note, bounds: Bounds): z.ZodType<number, number> {
  return number({ examples: [bounds.min], ...note }, bounds, 'integer');
}

export function number(
  note: Note,
  bounds: Bounds,
  kind: 'integer' | 'number' = 'number',
): z.ZodType<number, number> {
  return z
    .number({
      error: wrongType(kind === 'integer' ? 'an integer' : 'a number', note.examples?.[0] ?? bounds.min),
    })
    .transform((value, context) =>
      attempt(value, context, () => {
        if (kind === 'integer' && !Number.isSafeInteger(value))
          throw new UserError(`${value} is not an integer`);
        return within(value, bounds, String);
      }),
    )
    .meta({ ...metaOf(note, kind), minimum: bounds.min, maximum: bounds.max });
}

export function flag(note: Note): z.ZodType<boolean, boolean> {
  return z.boolean({ error: wrongType('true or false', true) }).meta(metaOf(note, 'true or false'));
}

/** One of some words. */
export function choice<const Word extends string>(
  note: Note,
  words: readonly [Word, ...Word[]],
): z.ZodType<Word, Word> {
  return z
    .enum(words, {
      error: ({ input }) => {
        const known = `one of: ${words.join(', ')}`;
        if (input === undefined) return `is missing\n${known}`;
        const near = typeof input === 'string' ? nearest(input, words) : undefined;
        return `${shown(input)} is not known here\n${near === undefined ? known : `did you mean ${near}? ${known}`}`;
      },
    })
    .meta(metaOf(note)) as unknown as z.ZodType<Word, Word>;
}

/** A list; `max` bounds its entries. */
export function list<Item extends z.ZodType>(item: Item, note: Note, { min, max }: Bounds): z.ZodArray<Item> {
  return z
    .array(item, {
      error: (issue) => {
        if (Array.isArray(issue.input)) return undefined;
        const given =
          issue.input === undefined ? 'is missing' : `a list is wanted, this is ${typeText(issue.input)}`;
        const example = note.examples?.[0];
        if (issue.input === null) return `${given}\n${LEAVE_OUT}`;
        return `${given}\n${example === undefined ? 'put it into [ ]' : `write it like ${exampleText(example)}`}`;
      },
    })
    .min(min, { error: `at least ${min} ${min === 1 ? 'entry is' : 'entries are'} needed` })
    .max(max, {
      error: ({ input }) =>
        `${Array.isArray(input) ? input.length : 'so many'} entries, at most ${max} are allowed`,
    })
    .meta(metaOf(note));
}

/** A section: keys and their values. Unknown keys are errors with the known key that was probably meant. */
export function section<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).filter((key) => !isLater(shape[key]));
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => knownKeysHint(key, known, shape)).join('\n');
      }
      if (issue.input === undefined) return `is missing\nits keys are ${known.join(', ')}`;
      const hint = `its keys are ${known.join(', ')}`;
      return `a section with keys is wanted, this is ${typeText(issue.input)}\n${issue.input === null ? LEAVE_OUT : hint}`;
    },
  });
}

/** A key that a later version will know. */
export function later(needs: string): z.ZodOptional<z.ZodNever> {
  return z.never({ error: `not yet: needs ${needs}\nleave it out` }).optional();
}

/** Whether a key exists only to be refused. */
function isLater(schema: z.core.SomeType | undefined): boolean {
  return schema instanceof z.ZodOptional && schema.unwrap() instanceof z.ZodNever;
}

/** Runs a check that throws `UserError`, and makes an issue of that. */
export function attempt<Out>(
  input: unknown,
  context: z.core.$RefinementCtx,
  read: () => Out,
  path: readonly PropertyKey[] = [],
  part: 'key' | 'value' = 'value',
): Out {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint } = error;
    const lines = hint === undefined ? message : `${message}\n${hint}`;
    context.issues.push({ code: 'custom', input, message: lines, path: [...path], params: { part } });
    return z.NEVER;
  }
}

/** Runs a check whether or not parts of the value are wrong, so that all problems show at once. It meets any kind of value. */
export const ALWAYS = { when: () => true } as const;

export function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of something that may be anything. */
export function nameOf(value: unknown): string | undefined {
  return isSection(value) && typeof value['name'] === 'string' ? value['name'] : undefined;
}

function within(value: number, { min, max }: Bounds, format: (value: number) => string): number {
  if (value < min) throw new UserError(`${format(value)} is too little`, { hint: `at least ${format(min)}` });
  if (value > max) throw new UserError(`${format(value)} is too much`, { hint: `at most ${format(max)}` });
  return value;
}

const QUOTABLE: ReadonlySet<string> = new Set(['text', 'a name', 'a header name', 'a host name', 'a file']);

function knownKeysHint(key: string, known: readonly string[], shape: z.ZodRawShape): string {
  const near = nearest(key, known);
  if (near !== undefined) return `did you mean ${near}?`;
  const outer = known.find((one) => keysOf(shape[one]).includes(key));
  return outer === undefined ? `the keys here are ${known.join(', ')}` : `did you mean ${outer}.${key}?`;
}

/** The keys of a section, whatever is wrapped around it. */
function keysOf(schema: z.core.SomeType | undefined): readonly string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return keysOf(schema.unwrap());
  return schema instanceof z.ZodPipe ? keysOf(schema.in) : [];
}

const LEAVE_OUT = 'leave the key out, or give it something';

/** What a value is, for a person: `the number 5`, `a list`. */
export function typeText(input: unknown): string {
  if (input === null || input === undefined) return 'empty';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'string') return `the text ${shown(input)}`;
  if (typeof input === 'number') return `the number ${input}`;
  if (typeof input === 'boolean') return String(input);
  return 'a section';
}

function shown(input: unknown): string {
  if (typeof input !== 'string') return typeText(input);
  return JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}…` : input);
}

function withArticle(noun: string): string {
  return `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** YAML reads `value: 5` and `value: true` as what they look like, not as text. */
function quoteHint(wanted: string, input: unknown): string | undefined {
  const isNumber = wanted === 'an integer' || wanted === 'a number';
  if (isNumber && typeof input === 'string' && /^-?\d+(\.\d+)?$/.test(input))
    return `write it without quotes: ${input}`;
  if (!QUOTABLE.has(wanted) || (typeof input !== 'number' && typeof input !== 'boolean')) return undefined;
  return `put it into quotes: "${input}"`;
}

/** An example as one would write it in YAML. */
function exampleText(example: unknown): string {
  if (typeof example === 'string') return example;
  if (Array.isArray(example)) return `[${example.map(exampleText).join(', ')}]`;
  if (typeof example !== 'object' || example === null) return String(example);
  return `{ ${Object.entries(example)
    .map(([key, value]) => `${key}: ${exampleText(value)}`)
    .join(', ')} }`;
}
