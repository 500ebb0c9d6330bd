import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createTestSurroundings } from '../../test/fixtures/config.ts';
import type { Settings } from '../model/settings.ts';
import { settingsSchema } from './schema.ts';

/** Every schema in the language, with the path of its key. */
function* nodes(schema: unknown, path: string): Generator<readonly [path: string, schema: z.ZodType]> {
  if (!(schema instanceof z.ZodType)) return;
  yield [path, schema];
  if (schema instanceof z.ZodObject) {
    for (const [key, inner] of Object.entries(schema.shape)) yield* nodes(inner, `${path}.${key}`);
  } else if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    yield* nodes(schema.unwrap(), path);
  } else if (schema instanceof z.ZodArray) {
    yield* nodes(schema.element, `${path}[]`);
  } else if (schema instanceof z.ZodPipe) {
    yield* nodes(schema.in, path);
  } else if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) yield* nodes(option, path);
  } else if (schema instanceof z.ZodRecord) {
    yield* nodes(schema.valueType, `${path}.*`);
  }
}

const FILES = [
  ['.yaml', 'openapi.yaml'],
  ['.key', 'orders.key'],
  ['.proto', 'orders.proto'],
] as const;

test('every example in the reference is accepted, and every key is described', () => {
  using surroundings = createTestSurroundings();
  // Whatever a file is called, it holds what is asked for.
  const readText = (path: string): string =>
    surroundings.readText(FILES.find(([ending]) => path.endsWith(ending))?.[1] ?? 'orders.crt');
  let examples = 0;
  const described = new Set<string>();
  const all = new Set<string>();
  for (const [path, schema] of nodes(settingsSchema({ ...surroundings, readText }), '')) {
    const meta = schema.meta() ?? {};
    if (!(schema instanceof z.ZodNever)) all.add(path);
    if (typeof meta.description === 'string' && meta.description !== '') described.add(path);
    // A key that is refused until a later version is no part of the reference.
    if (schema instanceof z.ZodNever) described.add(path);
    for (const example of (meta['x-examples'] as readonly unknown[] | undefined) ?? []) {
      const parsed = schema.safeParse(example);
      assert.ok(parsed.success, `${path}: ${JSON.stringify(example)}: ${parsed.error?.message}`);
      examples++;
    }
  }
  assert.ok(examples > 80, `${examples}`);
  all.delete('');
  assert.deepEqual(
    [...all].filter((path) => !described.has(path) && !path.endsWith('[]')),
    [],
  );
});

/** Whether two types are the same, and not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test('what validation gives is Settings', () => {
  const same: Same<z.output<ReturnType<typeof settingsSchema>>, Settings> = true;
  assert.ok(same);
});
