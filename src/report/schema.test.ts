import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exampleReport, passVerdict, undecidedVerdict } from '../../test/fixtures/verdict.ts';
import { DIFFERENCE_KINDS, RISKS } from '../model/difference.ts';
import { INCOMPLETE_REASONS, MIRROR_FAILURES, NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import { PAIR_INCOMPLETE_REASONS } from '../model/tally.ts';
import { FINDING_CAUSES, VERDICT_STATES, VERDICT_VERSION } from '../model/verdict.ts';
import { REPORT_VERSION, renderJson } from './json.ts';

/** The part of JSON Schema (2020-12) that docs/report.schema.json uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
}

const FILE = join(import.meta.dirname, '..', '..', 'docs', 'report.schema.json');
const SCHEMA = JSON.parse(readFileSync(FILE, 'utf8')) as Schema;
const KEYWORDS = new Set(
  '$ref type const enum minimum maximum required properties additionalProperties items $defs description $schema $id title'.split(
    ' ',
  ),
);

/** What is wrong with a value, each with its place. */
function faults(schema: Schema, value: unknown, place = '$'): readonly string[] {
  for (const keyword of Object.keys(schema)) ok(KEYWORDS.has(keyword), `the test does not know ${keyword}`);
  if (schema.$ref !== undefined) return faults(definition(schema.$ref), value, place);
  if (schema.type !== undefined && !isOfType(schema.type, value)) return [`${place}: is no ${schema.type}`];
  const found: string[] = [];
  if (schema.const !== undefined && schema.const !== value)
    found.push(`${place}: is not ${String(schema.const)}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) found.push(`${place}: ${String(value)}`);
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))
      found.push(`${place}: ${value} is out of range`);
  }
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries())
      found.push(...faults(schema.items ?? {}, item, `${place}[${at}]`));
  } else if (typeof value === 'object' && value !== null) {
    for (const name of schema.required ?? [])
      if (!(name in value)) found.push(`${place}: ${name} is missing`);
    for (const [name, part] of Object.entries(value)) {
      const known = schema.properties?.[name] ?? schema.additionalProperties;
      if (known === false) found.push(`${place}: ${name} is not known`);
      else if (typeof known === 'object') found.push(...faults(known, part, `${place}.${name}`));
    }
  }
  return found;
}

function definition(ref: string): Schema {
  const found = SCHEMA.$defs?.[ref.replace('#/$defs/', '')];
  if (found === undefined) throw new Error(`there is no ${ref}`);
  return found;
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

const reports = {
  fail: exampleReport(),
  pass: exampleReport({ verdicts: [passVerdict] }),
  undecided: exampleReport({ verdicts: [undecidedVerdict], summary: undefined, examples: new Map() }),
  none: exampleReport({ verdicts: [], summary: undefined, examples: new Map() }),
};
for (const [name, input] of Object.entries(reports)) {
  test(`a report (${name}) is as its schema says`, () => {
    deepEqual(faults(SCHEMA, JSON.parse(renderJson(input))), []);
  });
}

test('the schema turns away what is no report', () => {
  const report = JSON.parse(renderJson(exampleReport())) as Record<string, unknown>;
  const wrong = [
    {},
    { ...report, version: 2 },
    { ...report, state: 'maybe' },
    { ...report, verdicts: [{}] },
    { ...report, more: 1 },
  ];
  for (const one of wrong) ok(faults(SCHEMA, one).length > 0, JSON.stringify(one).slice(0, 60));
});

test('the schema knows every word of the model', () => {
  const words = (name: string): readonly unknown[] => definition(`#/$defs/${name}`).enum ?? [];
  deepEqual(words('state'), VERDICT_STATES);
  deepEqual(words('kind'), DIFFERENCE_KINDS);
  deepEqual(words('risk'), RISKS);
  deepEqual(words('cause'), FINDING_CAUSES);
  deepEqual(words('mirrorFailure'), MIRROR_FAILURES);
  equal(SCHEMA.properties?.['version']?.const, REPORT_VERSION);
  equal(definition('#/$defs/verdict').properties?.['version']?.const, VERDICT_VERSION);
  const keys = (name: string): readonly string[] =>
    Object.keys(definition(`#/$defs/${name}`).properties ?? {});
  deepEqual(keys('pairIncomplete'), PAIR_INCOMPLETE_REASONS);
  deepEqual(keys('incomplete'), INCOMPLETE_REASONS);
  deepEqual(keys('notMirrored'), NOT_MIRRORED_REASONS);
  deepEqual(keys('failures'), MIRROR_FAILURES);
});
