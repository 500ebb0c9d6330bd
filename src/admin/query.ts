import { z } from 'zod';
import { ApiProblem } from './problem.ts';

/** Parameters by name; all may be left out, and an empty one counts as left out. */
export type QueryShape = Readonly<Record<string, z.ZodType>>;

/** Longest text of a parameter, characters. */
const TEXT_CHARS = 1024;

export const textParameter = z.string().max(TEXT_CHARS).optional();
export const flagParameter = z.boolean().optional();
export const limitParameter = z.int().min(1).max(500).default(50).describe('Items on a page');
export const cursorParameter = textParameter.describe('"next" of the page before');

/**
 * Reads the query of a request target.
 *
 * @param target path and query
 * @throws ApiProblem 400 for a parameter that is not known, comes twice or has a value that is not allowed; it says what is
 */
export function readQuery<Shape extends QueryShape>(
  target: string,
  shape: Shape,
): z.output<z.ZodObject<Shape>> {
  const values: Record<string, unknown> = {};
  const start = target.indexOf('?');
  const [query = ''] = start < 0 ? [] : target.slice(start + 1).split('#', 1);
  for (const [name, text] of new URLSearchParams(query)) {
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (schema === undefined) {
      throw new ApiProblem(
        400,
        `"${name.slice(0, 80)}" is not known; there are ${Object.keys(shape).join(', ')}.`,
      );
    }
    if (Object.hasOwn(values, name)) throw new ApiProblem(400, `${name} is given more than once.`);
    const value = text === '' ? undefined : valueOf(text, schema);
    const read = schema.safeParse(value);
    if (!read.success) throw new ApiProblem(400, `${name} has to be ${allowed(schema)}.`);
    values[name] = value;
  }
  return z.object(shape).parse(values);
}

/** What a text stands for; one that is no number or truth value is left to the schema to refuse. */
function valueOf(text: string, schema: z.ZodType): unknown {
  const { type } = describe(schema);
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  if (type === 'integer' || type === 'number') return /^-?\d{1,16}$/.test(text) ? Number(text) : text;
  return text;
}

/** `a whole number from 1 to 500`, `one of low, medium, high`. */
function allowed(schema: z.ZodType): string {
  const { type, enum: words, minimum, maximum } = describe(schema);
  if (words !== undefined) return `one of ${words.join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'integer') return `a whole number from ${minimum} to ${maximum}`;
  return `at most ${TEXT_CHARS} characters`;
}

interface Described {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

function describe(schema: z.ZodType): Described {
  // Zod's own type knows more than is used here.
  return z.toJSONSchema(schema, { io: 'input' }) as Described;
}
