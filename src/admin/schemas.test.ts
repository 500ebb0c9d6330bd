import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { exampleMirror, examplePolicy, exampleSummary, exampleTap } from '../../test/fixtures/status.ts';
import type { PolicyStatus, Summary, TapStatus } from '../model/status.ts';
import { policySchema, summarySchema, tapSchema } from './schemas.ts';

/** The model's lists cannot be changed, and a property that may be absent in JSON is there with `undefined`. */
type Loose<T> = T extends readonly (infer Item)[]
  ? readonly Loose<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Loose<T[Key]> }
    : T;

// These do not compile when a schema would refuse what the model's type allows.
const summary = (value: Summary): Loose<z.input<typeof summarySchema>> => value;
const tap = (value: TapStatus): Loose<z.input<typeof tapSchema>> => value;
const policy = (value: PolicyStatus): Loose<z.input<typeof policySchema>> => value;

const paused: PolicyStatus = {
  ...examplePolicy,
  state: { kind: 'paused', by: 'stopWhen', reason: 'mirror errors', since: 1 },
  control: exampleMirror,
};

// The schemas are strict: a field of the model that they do not know makes these fail.
const cases = [
  ['summary', summarySchema, summary(exampleSummary)],
  ['tap', tapSchema, tap(exampleTap)],
  ['policy', policySchema, policy(examplePolicy)],
  ['paused policy with a control', policySchema, policy(paused)],
] as const;
for (const [name, schema, value] of cases) {
  test(`the schema of a ${name} knows every field that is sent`, () => {
    const sent: unknown = JSON.parse(JSON.stringify(value));
    const read = schema.safeParse(sent);
    equal(read.error, undefined);
    deepEqual(read.data, sent);
  });
}

test('the schema refuses what the model does not know', () => {
  equal(summarySchema.safeParse({ ...exampleSummary, extra: 1 }).success, false);
  equal(summarySchema.safeParse({ ...exampleSummary, notMirrored: {} }).success, false);
});
