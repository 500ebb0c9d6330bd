import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { exampleExchangeSummary, exampleStore } from '../../test/fixtures/admin-source.ts';
import {
  exampleCapture,
  exampleMirror,
  examplePolicy,
  exampleSummary,
  exampleTap,
} from '../../test/fixtures/status.ts';
import {
  exampleExchange,
  exampleVerdict,
  passVerdict,
  undecidedVerdict,
} from '../../test/fixtures/verdict.ts';
import type { ExchangeSummary, StoreStatus } from '../model/recording.ts';
import type { PolicyStatus, Summary, TapStatus } from '../model/status.ts';
import type { Verdict } from '../model/verdict.ts';
import { exchangeJson } from '../model/recorded-json.ts';
import type { ExchangeJson } from '../model/recorded-json.ts';
import { exchangeSchema, exchangeSummarySchema, storeSchema } from './recording-schemas.ts';
import { json } from './reply.ts';
import { verdictSchema } from './verdict-schemas.ts';
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
const verdict = (value: Verdict): Loose<z.input<typeof verdictSchema>> => value;
const exchange = (value: ExchangeJson): Loose<z.input<typeof exchangeSchema>> => value;
const exchangeSummary = (value: ExchangeSummary): Loose<z.input<typeof exchangeSummarySchema>> => value;
const store = (value: StoreStatus): Loose<z.input<typeof storeSchema>> => value;

const paused: PolicyStatus = {
  ...examplePolicy,
  state: { kind: 'paused', by: 'stopWhen', reason: 'mirror errors', since: 1 },
  control: exampleMirror,
};

// The schemas are strict: a field of the model that they do not know makes these fail.
const cases = [
  ['summary', summarySchema, summary(exampleSummary)],
  ['tap', tapSchema, tap(exampleTap)],
  ['capture', tapSchema, tap(exampleCapture)],
  ['policy', policySchema, policy(examplePolicy)],
  ['paused policy with a control', policySchema, policy(paused)],
  ['verdict', verdictSchema, verdict(exampleVerdict())],
  ['verdict that passes', verdictSchema, verdict(passVerdict)],
  ['verdict that is not there yet', verdictSchema, verdict(undecidedVerdict)],
  ['recorded exchange', exchangeSchema, exchange(exchangeJson(exampleExchange()))],
  ['kept exchange in a list', exchangeSummarySchema, exchangeSummary(exampleExchangeSummary)],
  ['store', storeSchema, store(exampleStore)],
  ['store that fails', storeSchema, store({ ...exampleStore, state: 'failing', error: 'disk full' })],
] as const;
for (const [name, schema, value] of cases) {
  test(`the schema of a ${name} knows every field that is sent`, () => {
    const reply = json(value);
    const sent: unknown = JSON.parse(reply.kind === 'text' ? reply.text : '');
    const read = schema.safeParse(sent);
    equal(read.error, undefined);
    deepEqual(read.data, sent);
  });
}

test('the schema refuses what the model does not know', () => {
  equal(summarySchema.safeParse({ ...exampleSummary, extra: 1 }).success, false);
  equal(summarySchema.safeParse({ ...exampleSummary, notMirrored: {} }).success, false);
});
