import type { Finding, MirrorVerdict, Verdict, VerdictState } from '../model/verdict.ts';
import { columnsOf, cutTo, fitted, pieces, wrapped } from './columns.ts';
import {
  NOISE_NAMES,
  NOTHING_YET,
  coverageText,
  findingEvidenceText,
  findingRateText,
  gateLines,
  heldText,
  quantileText,
  neededText,
  pairsText,
  periodText,
  sampleSides,
  standingText,
  summaryText,
  uncompared,
} from './facts.ts';
import { countText, microsText, shareText, timeText } from './figures.ts';
import { printable, shortened } from './printable.ts';
import type { ReportInput } from './report-input.ts';
import { WORST_FINDINGS } from './report-input.ts';
import { markChange } from './side-by-side.ts';
import type { Marked } from './side-by-side.ts';

export interface TextOptions {
  /** Width of the terminal; kept within 80 and 200. */
  readonly columns: number;
  readonly colour: boolean;
}

const [NARROWEST, WIDEST] = [80, 200];
const ROUTES_SHOWN = 30;
/** Columns of two times, and of a share. */
const PAIR_COLUMNS = 19;
const SLOW_COLUMNS = 8;
const UNCOVERED_SHOWN = 10;
const SAMPLE_CHARS = 2000;

/** SGR parameters (ECMA-48 §8.3.117). */
const STYLES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', reverse: '7' } as const;
type Style = keyof typeof STYLES;
type Paint = (style: Style, text: string) => string;

const STATE_STYLES: Readonly<Record<VerdictState, Style>> = {
  pass: 'green',
  fail: 'red',
  undecided: 'yellow',
};

/** The report for people at a terminal. Nothing in it is obeyed by one but the colours that were asked for. */
export function renderText(input: ReportInput, options: TextOptions): string {
  const columns = Math.min(WIDEST, Math.max(NARROWEST, options.columns));
  const paint: Paint = (style, text) => (options.colour ? `\u001B[${STYLES[style]}m${text}\u001B[0m` : text);
  const page = { columns, paint };
  const lines = input.verdicts.flatMap((verdict) =>
    verdict.mirrors.length === 0
      ? [nothingLine(verdict, page), '']
      : verdict.mirrors.flatMap((mirror) => [...mirrorLines(verdict, mirror, input, page), '']),
  );
  if (lines.length === 0) lines.push('There is no verdict: no policy has a mirror.', '');
  if (input.summary !== undefined) lines.push(...wrapped(summaryText(input.summary), columns));
  lines.push(`Understudy ${input.version}, ${timeText(input.at)}`);
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** One line for each policy and mirror: `FAIL orders-v2 → v2: 12,000 pairs compared, …`. */
export function verdictLine({ policy }: Verdict, mirror: MirrorVerdict, columns: number): string {
  const text = `${mirror.state.toUpperCase()} ${printable(policy)} → ${printable(mirror.mirror)}: ${pairsText(mirror)}`;
  return cutTo(text, columns);
}

interface Page {
  readonly columns: number;
  readonly paint: Paint;
}

function nothingLine({ policy, state }: Verdict, { columns, paint }: Page): string {
  const line = cutTo(`${state.toUpperCase()} ${printable(policy)}: ${NOTHING_YET}`, columns);
  return paint(STATE_STYLES[state], line.slice(0, state.length)) + line.slice(state.length);
}

function mirrorLines(
  verdict: Verdict,
  mirror: MirrorVerdict,
  input: ReportInput,
  page: Page,
): readonly string[] {
  const { columns, paint } = page;
  const state = paint(STATE_STYLES[mirror.state], paint('bold', mirror.state.toUpperCase()));
  const line = verdictLine(verdict, mirror, columns);
  const needed = neededText(mirror);
  return [
    `${state}${line.slice(mirror.state.length)}`,
    ...mirror.reasons.flatMap((reason) => indented(printable(reason), columns)),
    ...(needed === undefined ? [] : indented(needed, columns)),
    ...indented(periodText(verdict), columns),
    '',
    paint('bold', 'Gate'),
    ...gateText(mirror, page),
    '',
    ...section(
      paint,
      'Noise',
      `${NOISE_NAMES[mirror.noise.source]}: ${printable(mirror.noise.text)}`,
      columns,
    ),
    ...section(paint, 'Writes', heldText(mirror), columns),
    '',
    ...findingsText(mirror, page),
    ...latencyText(mirror, page),
    ...coverageLines(mirror, page),
    ...uncomparedText(mirror, input, page),
  ];
}

function section(paint: Paint, title: string, text: string, columns: number): readonly string[] {
  const [first = '', ...rest] = wrapped(text, columns - title.length - 2);
  return [`${paint('bold', title)}: ${first}`, ...rest.map((line) => ' '.repeat(title.length + 2) + line)];
}

function indented(text: string, columns: number, by = 2): readonly string[] {
  return wrapped(text, columns - by).map((line) => ' '.repeat(by) + line);
}

const STANDING_STYLES = { ok: 'green', over: 'red', open: 'yellow' } as const;

function gateText(mirror: MirrorVerdict, { columns, paint }: Page): readonly string[] {
  return gateLines(mirror).flatMap(({ label, value, allowed, standing }) => {
    const [first = '', ...rest] = wrapped(`${label}: ${value} (${allowed})`, columns - 8);
    const mark = paint(STANDING_STYLES[standing], standing.padEnd(4));
    return [`  ${mark}  ${first}`, ...rest.map((line) => ' '.repeat(8) + line)];
  });
}

function findingsText(mirror: MirrorVerdict, page: Page): readonly string[] {
  const { findings } = mirror;
  const shown = findings.slice(0, WORST_FINDINGS);
  const count =
    shown.length < findings.length
      ? `the ${shown.length} worst of ${countText(findings.length)}`
      : shown.length;
  const title = page.paint('bold', `Findings (${count})`);
  if (shown.length === 0) return [page.paint('bold', 'Findings (none)'), ''];
  return [title, ...shown.flatMap((finding, at) => findingText(finding, at + 1, page)), ''];
}

function findingText(finding: Finding, number: number, page: Page): readonly string[] {
  const { columns, paint } = page;
  const standing = standingText(finding);
  const head = `${finding.risk} risk, ${finding.kind} at ${printable(finding.path)} of ${printable(finding.route)}`;
  const mark = `${String(number).padStart(2)}. `;
  const [first = '', ...rest] = wrapped(`${standing}: ${head}`, columns - 4);
  const style: Style = finding.fails ? 'red' : finding.established ? 'yellow' : 'dim';
  return [
    mark + (first.startsWith(standing) ? paint(style, standing) + first.slice(standing.length) : first),
    ...rest.map((line) => `    ${line}`),
    ...indented(findingRateText(finding), columns, 4),
    ...indented(findingEvidenceText(finding), columns, 4),
    ...sampleText(finding, page),
    ...indented(exampleText(finding), columns, 4),
  ];
}

/** Latency findings are about all pairs, and have no example. */
function exampleText({ sample, lastSeen }: Finding): string {
  const example = sample.exchange === '' ? '' : `example: exchange ${printable(sample.exchange)}, `;
  return `${example}last seen ${timeText(lastSeen)}`;
}

/** The sample, primary left and mirror right, with what is unlike marked. */
function sampleText(finding: Finding, { columns, paint }: Page): readonly string[] {
  const width = Math.floor((columns - 4 - 3) / 2);
  const { left, right } = sampleSides(finding);
  const [primary, mirror] = markChange(
    printable(shortened(left, SAMPLE_CHARS)),
    printable(shortened(right, SAMPLE_CHARS)),
  );
  const [lefts, rights] = [markedLines(primary, width, paint), markedLines(mirror, width, paint)];
  const rows = Array.from({ length: Math.max(lefts.length, rights.length) }, (_, at) => {
    const one = lefts[at] ?? { text: '', columns: 0 };
    return `    ${one.text}${' '.repeat(width - one.columns)} │ ${rights[at]?.text ?? ''}`;
  });
  return [`    ${paint('dim', fitted('primary', width))} │ ${paint('dim', 'mirror')}`, ...rows];
}

/** Breaks a marked text into lines; the mark goes on over the ends of lines. */
function markedLines(
  { before, changed, after }: Marked,
  width: number,
  paint: Paint,
): readonly { readonly text: string; readonly columns: number }[] {
  const [from, to] = [before.length, before.length + changed.length];
  let at = 0;
  return pieces(before + changed + after, width).map((piece) => {
    const start = Math.min(piece.length, Math.max(0, from - at));
    const end = Math.min(piece.length, Math.max(0, to - at));
    at += piece.length;
    const part = piece.slice(start, end);
    const text = piece.slice(0, start) + (part === '' ? '' : paint('reverse', part)) + piece.slice(end);
    return { text, columns: columnsOf(piece) };
  });
}

/** Total times, a line for each route; bands, first bytes and our own hop are in the other formats. */
function latencyText({ routes }: MirrorVerdict, { columns, paint }: Page): readonly string[] {
  const shown = routes.slice(0, ROUTES_SHOWN);
  const quantiles = shown[0]?.latency.total.quantiles ?? [];
  if (quantiles.length === 0) return [];
  const routeWidth = Math.max(12, columns - 2 - quantiles.length * PAIR_COLUMNS - SLOW_COLUMNS);
  const row = (route: string, cells: readonly string[], slow: string): string =>
    `  ${fitted(route, routeWidth)}${cells.map((cell) => fitted(cell, PAIR_COLUMNS, 'right')).join('')}${fitted(slow, SLOW_COLUMNS, 'right')}`;
  const lines = [
    paint('bold', 'Latency, total: mirror | what it is compared with'),
    row(
      '',
      quantiles.map(({ quantile }) => quantileText(quantile)),
      'slow',
    ),
  ];
  for (const { route, latency } of shown) {
    const cells = latency.total.quantiles.map(
      ({ mirror, reference }) => `${microsText(mirror.estimate)} | ${microsText(reference.estimate)}`,
    );
    lines.push(row(printable(route), cells, slowText(latency.total.slowerShare)));
  }
  if (routes.length > ROUTES_SHOWN)
    lines.push(`  and ${countText(routes.length - ROUTES_SHOWN)} routes more`);
  return [...lines, ''];
}

/** Short enough for its column, with a space before it. */
function slowText(share: number): string {
  return share > 0 && share < 0.0001 ? '<0.01 %' : shareText(Number(share.toPrecision(2)));
}

function coverageLines(mirror: MirrorVerdict, { columns, paint }: Page): readonly string[] {
  const { uncovered } = mirror;
  const more = uncovered.length - UNCOVERED_SHOWN;
  return [
    ...section(paint, 'Coverage', coverageText(mirror), columns),
    ...uncovered.slice(0, UNCOVERED_SHOWN).map((route) => `  ${cutTo(printable(route), columns - 2)}`),
    ...(more > 0 ? [`  and ${countText(more)} more`] : []),
  ];
}

function uncomparedText(mirror: MirrorVerdict, { summary }: ReportInput, page: Page): readonly string[] {
  const all = uncompared(mirror, summary);
  if (all.length === 0) return section(page.paint, 'Not compared', 'nothing', page.columns);
  return [
    page.paint('bold', 'Not compared'),
    ...all.flatMap(({ text, count }) => indented(`${countText(count)} ${printable(text)}`, page.columns)),
  ];
}
