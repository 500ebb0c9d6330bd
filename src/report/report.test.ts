import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exampleReport, exampleVerdict, passVerdict, undecidedVerdict } from '../../test/fixtures/verdict.ts';
import { exchangeFromJson } from '../model/recorded-json.ts';
import type { ExchangeJson } from '../model/recorded-json.ts';
import type { ReportInput } from './report-input.ts';
import { REPORT_FILES, REPORT_FORMATS, renderReport } from './report.ts';

/**
 * Golden pairs: `testdata/<case>.report.json` is what goes in (a JSON report) and what the JSON format gives; beside it stands
 * what every other format makes of it. `UPDATE_GOLDEN=1` writes them anew from the fixtures.
 */
const FOLDER = join(import.meta.dirname, 'testdata');
const TEXT = { columns: 100, colour: false };

const cases: Readonly<Record<string, ReportInput>> = {
  fail: exampleReport(),
  pass: exampleReport({ verdicts: [passVerdict], examples: new Map() }),
  undecided: exampleReport({ verdicts: [undecidedVerdict], summary: undefined, examples: new Map() }),
  two: exampleReport({
    verdicts: [passVerdict, exampleVerdict({ policy: 'a/b ü' })],
    summary: undefined,
    examples: new Map(),
  }),
  empty: exampleReport({
    verdicts: [passVerdict, exampleVerdict({ policy: 'new', state: 'undecided', mirrors: [] })],
    examples: new Map(),
  }),
  none: exampleReport({ verdicts: [], summary: undefined, examples: new Map() }),
};

interface ReportJson extends Omit<ReportInput, 'version' | 'examples'> {
  readonly understudy: string;
  readonly examples: readonly { readonly finding: string; readonly exchanges: readonly ExchangeJson[] }[];
}

function readGolden(name: string): ReportInput {
  const json = JSON.parse(readFileSync(join(FOLDER, `${name}.report.json`), 'utf8')) as ReportJson;
  return {
    version: json.understudy,
    at: json.at,
    verdicts: json.verdicts,
    summary: json.summary,
    examples: new Map(
      json.examples.map(({ finding, exchanges }) => [finding, exchanges.map(exchangeFromJson)]),
    ),
  };
}

for (const [name, input] of Object.entries(cases)) {
  // JSON first: the others are made from it.
  for (const format of ['json', ...REPORT_FORMATS.filter((one) => one !== 'json')] as const) {
    test(`golden ${name}: ${format}`, () => {
      const file = join(FOLDER, `${name}.${REPORT_FILES[format]}`);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, renderReport(format, input, TEXT));
      equal(renderReport(format, readGolden(name), TEXT), readFileSync(file, 'utf8'));
    });
  }
}

test('bodies come back from JSON as they were, text or not', () => {
  const bytes = Uint8Array.of(0xff, 0x00, 0x80);
  const [exchange] = exampleReport().examples.values().next().value ?? [];
  if (exchange === undefined) throw new Error('the fixture has an example');
  for (const body of [bytes, Buffer.from('ü\r\n'), Buffer.from('\uFEFFx'), new Uint8Array(0)]) {
    const input = exampleReport({
      examples: new Map([['f', [{ ...exchange, primary: { ...exchange.primary, body } }]]]),
    });
    const json = JSON.parse(renderReport('json', input, TEXT)) as ReportJson;
    const [back] = (json.examples[0]?.exchanges ?? []).map(exchangeFromJson);
    deepEqual(Buffer.from(back?.primary.body ?? []), Buffer.from(body));
  }
});
