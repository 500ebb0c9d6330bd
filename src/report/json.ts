import { exchangeJson } from '../model/recorded-json.ts';
import type { ReportInput, ReportSummary } from './report-input.ts';
import { worstState } from './report-input.ts';

/** Version of the JSON report; a change that breaks readers raises it. Its schema is docs/report.schema.json. */
export const REPORT_VERSION = 1;

/** The report for programs: everything that is known, in the shapes of the admin API. */
export function renderJson(input: ReportInput): string {
  const { version, at, verdicts, summary, examples } = input;
  const report = {
    kind: 'understudy-report',
    version: REPORT_VERSION,
    understudy: version,
    at,
    state: worstState(verdicts.map(({ state }) => state)),
    ...(summary === undefined ? {} : { summary: picked(summary) }),
    verdicts,
    examples: [...examples].map(([finding, exchanges]) => ({
      finding,
      exchanges: exchanges.map(exchangeJson),
    })),
  };
  return `${JSON.stringify(report, finiteNumbers, 2)}\n`;
}

/** A whole summary may come in; its other fields are no part of the report. */
function picked(summary: ReportSummary): ReportSummary {
  const { startedAt, uptimeMs, requests, exchanges, incomplete, mirrored } = summary;
  const { notMirrored, heldWrites, failures, tapeDroppedBytes } = summary;
  return {
    startedAt,
    uptimeMs,
    requests,
    exchanges,
    incomplete,
    mirrored,
    notMirrored,
    heldWrites,
    failures,
    tapeDroppedBytes,
  };
}

/** For `JSON.stringify`: an e-value that has outgrown doubles becomes the largest one, instead of null. */
export function finiteNumbers(_key: string, value: unknown): unknown {
  if (value === Infinity) return Number.MAX_VALUE;
  return value === -Infinity ? -Number.MAX_VALUE : value;
}
