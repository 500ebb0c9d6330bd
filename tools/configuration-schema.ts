import { z } from 'zod';
import { settingsSchema } from '../src/config/schema.ts';

/** A JSON Schema, as far as this program's own ones go. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  /** What holds when nothing is set, in words. */
  readonly 'x-default'?: string;
  /** The kind of value, in words. */
  readonly 'x-type'?: string;
}

/** The configuration language as a JSON Schema (draft 7, which editors know best), keys that are not known yet left out. */
export function configurationSchema(): JsonSchema {
  const schema = settingsSchema({
    env: {},
    absolute: (path) => path,
    readText: () => '',
    readBytes: () => new Uint8Array(),
    exists: () => false,
    filesBelow: () => [],
  });
  const json = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-07',
    override: ({ jsonSchema }) => {
      const { properties } = jsonSchema;
      for (const [key, property] of Object.entries(properties ?? {})) {
        if (typeof property === 'object' && property.not !== undefined) delete properties?.[key];
      }
      if (jsonSchema['x-type'] === 'integer') jsonSchema.type = 'integer';
      if (jsonSchema['x-examples'] !== undefined) {
        jsonSchema['examples'] = jsonSchema['x-examples'] as unknown[];
        delete jsonSchema['x-examples'];
      }
    },
  });
  // Zod's own type knows more than is used here.
  return json as JsonSchema;
}

const READER_KEYS: ReadonlySet<string> = new Set(['x-type', 'x-default']);

/** The schema for editors: without what only the reference page needs. */
export function editorSchema(): string {
  const { $schema, ...schema } = configurationSchema() as JsonSchema & { readonly $schema?: string };
  const titled = { $schema, title: 'Understudy configuration', ...schema };
  return `${JSON.stringify(titled, (key, value: unknown) => (READER_KEYS.has(key) ? undefined : value), 2)}\n`;
}
