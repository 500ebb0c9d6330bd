import type { Finding, MirrorVerdict, Verdict, VerdictState } from '../model/verdict.ts';
import {
  NOISE_NAMES,
  NOTHING_YET,
  coverageText,
  findingEvidenceText,
  findingRateText,
  gateLines,
  heldText,
  latencyRows,
  neededText,
  pairsText,
  periodText,
  sampleSides,
  standingText,
  summaryText,
  uncompared,
} from './facts.ts';
import { countText, rateText, timeText } from './figures.ts';
import { blockOf, codeOf, htmlTextOf, plainOf } from './markdown-text.ts';
import { shortened } from './printable.ts';
import type { ReportInput } from './report-input.ts';
import { WORST_FINDINGS } from './report-input.ts';

/** GitHub takes comments of 65,536 characters. */
export const MARKDOWN_CHARS = 60_000;
/** Kept for the note that something is left out. */
const RESERVE = 300;
const SAMPLE_CHARS = 600;
const ROUTES_SHOWN = 20;
const UNCOVERED_SHOWN = 20;

const MARKS: Readonly<Record<VerdictState, string>> = { pass: '✅', fail: '❌', undecided: '❔' };
const STANDING_MARKS = { ok: '✅', over: '❌', open: '❔' } as const;

/**
 * The report as a comment on a pull request, in GitHub flavoured Markdown (GitLab and Gitea read it too). At most
 * `MARKDOWN_CHARS` long: verdicts first, then what explains them, until it is full.
 */
export function renderMarkdown(input: ReportInput): string {
  const mirrors = input.verdicts.flatMap((verdict) => verdict.mirrors.map((mirror) => ({ verdict, mirror })));
  const blocks = [
    ...mirrors.map(({ verdict, mirror }) => headline(verdict, mirror)),
    ...input.verdicts
      .filter((verdict) => verdict.mirrors.length === 0)
      .map(({ policy, state }) => `### ${MARKS[state]} ${state}: ${codeOf(policy)}\n\n${NOTHING_YET}`),
    ...mirrors.flatMap(({ verdict, mirror }) => details(verdict, mirror, input)),
  ];
  if (input.verdicts.length === 0) blocks.push('There is no verdict: no policy has a mirror.');
  if (input.summary !== undefined) blocks.push(plainOf(summaryText(input.summary)));
  const footer = `<sub>Understudy ${plainOf(input.version)}, ${timeText(input.at)}</sub>\n`;
  return withinLimit(blocks, footer);
}

function withinLimit(blocks: readonly string[], footer: string): string {
  let text = '';
  let leftOut = 0;
  for (const block of blocks) {
    if (text.length + block.length + 2 + footer.length + RESERVE > MARKDOWN_CHARS) leftOut++;
    else text += `${block}\n\n`;
  }
  const note =
    leftOut === 0
      ? ''
      : `_${leftOut} parts did not fit into a comment; the HTML and JSON reports have them._\n\n`;
  return text + note + footer;
}

function headline(verdict: Verdict, mirror: MirrorVerdict): string {
  const needed = neededText(mirror);
  const reasons = [...mirror.reasons, ...(needed === undefined ? [] : [needed])].slice(0, 5);
  return [
    `### ${MARKS[mirror.state]} ${mirror.state}: ${codeOf(verdict.policy)} → ${codeOf(mirror.mirror)}`,
    '',
    `${plainOf(pairsText(mirror))}; ${plainOf(periodText(verdict))}`,
    ...(reasons.length === 0 ? [] : ['', ...reasons.map((reason) => `- ${plainOf(reason)}`)]),
  ].join('\n');
}

/** Parts in the order of their weight; each may be left out. */
function details(verdict: Verdict, mirror: MirrorVerdict, input: ReportInput): readonly string[] {
  const name = `${codeOf(verdict.policy)} → ${codeOf(mirror.mirror)}`;
  const shown = mirror.findings.slice(0, WORST_FINDINGS);
  return [
    table(
      ['', `gate of ${name}`, 'now', 'allowed'],
      gateLines(mirror).map(({ standing, label, value, allowed }) => [
        STANDING_MARKS[standing],
        plainOf(label),
        plainOf(value),
        plainOf(allowed),
      ]),
    ),
    `**Noise** ${plainOf(`${NOISE_NAMES[mirror.noise.source]}: ${mirror.noise.text}`)}\n**Writes** ${plainOf(heldText(mirror))}`,
    ...(shown.length === 0 ? ['No findings.'] : [findingsTable(mirror, shown)]),
    ...shown.map((finding) => findingDetails(finding)),
    ...latencyDetails(mirror),
    coverageDetails(mirror),
    uncomparedDetails(mirror, input),
  ];
}

function findingsTable({ findings }: MirrorVerdict, shown: readonly Finding[]): string {
  const rows = shown.map((finding, at) => [
    String(at + 1),
    standingText(finding),
    finding.risk,
    finding.kind,
    codeOf(finding.path, 120),
    codeOf(finding.route, 120),
    rateText({ ...finding, estimate: finding.rate }),
  ]);
  const more =
    findings.length > shown.length
      ? `\n\n${countText(findings.length - shown.length)} more findings are in the other formats.`
      : '';
  return table(['#', 'finding', 'risk', 'kind', 'path', 'route', 'rate beyond noise'], rows) + more;
}

function findingDetails(finding: Finding): string {
  const { left, right } = sampleSides(finding);
  const sample = blockOf(
    [`- ${shortened(left, SAMPLE_CHARS)}`, `+ ${shortened(right, SAMPLE_CHARS)}`],
    'diff',
  );
  return folded(
    `${finding.kind} at <code>${htmlTextOf(finding.path, 120)}</code> of <code>${htmlTextOf(finding.route, 120)}</code>`,
    [
      `${standingText(finding)}: ${plainOf(findingRateText(finding))}; ${plainOf(findingEvidenceText(finding))}.`,
      `Primary (−) and mirror (+) in exchange ${codeOf(finding.sample.exchange)}, ${timeText(finding.lastSeen)}:`,
      sample,
    ],
  );
}

function latencyDetails({ routes }: MirrorVerdict): readonly string[] {
  const rows = latencyRows(routes.slice(0, ROUTES_SHOWN));
  if (rows.length === 0) return [];
  const cells = rows.map((row) => [
    codeOf(row.route, 120),
    row.measure,
    row.quantile,
    row.primary,
    row.reference,
    row.mirror,
    row.slower,
    row.hop,
  ]);
  const more = routes.length - ROUTES_SHOWN;
  return [
    folded('Latency', [
      table(
        ['route', 'measure', 'quantile', 'primary', 'reference', 'mirror', 'slower', 'our own hop'],
        cells,
      ),
      ...(more > 0 ? [`and ${countText(more)} routes more`] : []),
    ]),
  ];
}

function coverageDetails(mirror: MirrorVerdict): string {
  const { uncovered } = mirror;
  if (uncovered.length === 0) return `**Coverage** ${plainOf(coverageText(mirror))}`;
  const list = uncovered.slice(0, UNCOVERED_SHOWN).map((route) => `- ${codeOf(route, 120)}`);
  const more = uncovered.length - list.length;
  return folded('Coverage', [
    plainOf(coverageText(mirror)),
    [...list, ...(more > 0 ? [`- and ${countText(more)} more`] : [])].join('\n'),
  ]);
}

function uncomparedDetails(mirror: MirrorVerdict, { summary }: ReportInput): string {
  const all = uncompared(mirror, summary);
  if (all.length === 0) return '**Not compared** nothing';
  return folded('Not compared', [
    table(
      ['pairs or requests', 'why'],
      all.map(({ count, text }) => [countText(count), plainOf(text)]),
    ),
  ]);
}

/** Blank lines around the content let Markdown be read inside the HTML element. */
function folded(summary: string, parts: readonly string[]): string {
  return `<details><summary>${summary}</summary>\n\n${parts.join('\n\n')}\n\n</details>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
