import type { Finding, MirrorVerdict, RouteVerdict, Verdict } from '../model/verdict.ts';
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
  routeText,
  sampleSides,
  standingText,
  uncompared,
} from './facts.ts';
import type { GateLine } from './facts.ts';
import { countText } from './figures.ts';
import { printable, shortened } from './printable.ts';
import type { ReportInput } from './report-input.ts';

/** What became of a case; `note` goes into its output. */
type Outcome =
  | { readonly kind: 'passed'; readonly note?: string }
  | { readonly kind: 'failed' | 'error' | 'skipped'; readonly message: string; readonly note?: string };

interface Case {
  readonly group: string;
  readonly name: string;
  readonly outcome: Outcome;
}

const NAME_CHARS = 300;
const NOTE_CHARS = 4000;

/**
 * The report as JUnit XML, in the form that Jenkins' xunit plugin, GitLab and the usual GitHub actions read: a suite for each
 * policy and mirror, with a case for the verdict, for each line of the gate, each route and each finding. What is not decided
 * yet is an error in the verdict's case, so that it does not look like a pass, and skipped elsewhere.
 */
export function renderJunit(input: ReportInput): string {
  const suites = input.verdicts.flatMap((verdict) =>
    verdict.mirrors.map((mirror) => ({ verdict, mirror, cases: casesOf(mirror, input) })),
  );
  const empty = input.verdicts.filter(({ mirrors }) => mirrors.length === 0).map(nothingYet);
  const all = [...suites.flatMap(({ cases }) => cases), ...empty.flatMap(({ cases }) => cases)];
  const body = [
    ...suites.map(({ verdict, mirror, cases }) => suiteXml(verdict, mirror, cases, input)),
    ...empty.map(({ text }) => text),
  ].join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="understudy"${countsXml(all)} time="0">\n${body}</testsuites>\n`;
}

/** A suite for a policy that has no verdict of any mirror. */
function nothingYet({ policy }: Verdict): { readonly cases: readonly Case[]; readonly text: string } {
  const outcome: Outcome = { kind: 'error', message: NOTHING_YET };
  const cases: readonly Case[] = [{ group: 'verdict', name: 'verdict', outcome }];
  const inside = cases.map((one) => caseXml(policy, one)).join('');
  const head = `  <testsuite name="${xml(policy)}"${countsXml(cases)} time="0" hostname="understudy">\n`;
  return { cases, text: `${head}${inside}  </testsuite>\n` };
}

function suiteXml(
  verdict: Verdict,
  mirror: MirrorVerdict,
  cases: readonly Case[],
  input: ReportInput,
): string {
  const seconds = Math.max(0, verdict.at - verdict.since) / 1000;
  const date = new Date(verdict.at);
  const timestamp = Number.isNaN(date.getTime()) ? '1970-01-01T00:00:00' : date.toISOString().slice(0, 19);
  const properties = [
    ['understudy', input.version],
    ['state', mirror.state],
    ['pairs', pairsText(mirror)],
    ['period', periodText(verdict)],
    ['noise', `${NOISE_NAMES[mirror.noise.source]}: ${mirror.noise.text}`],
    ['writes', heldText(mirror)],
    ['coverage', coverageText(mirror)],
    ...uncompared(mirror, input.summary).map(({ reason, text, count }) => [
      `not-compared.${reason}`,
      `${countText(count)} ${text}`,
    ]),
  ]
    .map(([name = '', value = '']) => `      <property name="${xml(name)}" value="${xml(value)}"/>\n`)
    .join('');
  const name = `${verdict.policy} → ${mirror.mirror}`;
  const head = `  <testsuite name="${xml(name)}"${countsXml(cases)} time="${seconds}" timestamp="${timestamp}" hostname="understudy">\n`;
  return `${head}    <properties>\n${properties}    </properties>\n${cases.map((one) => caseXml(name, one)).join('')}  </testsuite>\n`;
}

function casesOf(mirror: MirrorVerdict, input: ReportInput): readonly Case[] {
  return [
    { group: 'verdict', name: 'verdict', outcome: verdictOutcome(mirror) },
    ...gateLines(mirror).map((line): Case => ({
      group: 'gate',
      name: line.label,
      outcome: gateOutcome(line),
    })),
    ...mirror.routes.map((route): Case => ({
      group: 'routes',
      name: route.route,
      outcome: routeOutcome(route),
    })),
    ...mirror.findings.map((finding): Case => ({
      group: 'findings',
      name: `${finding.kind} at ${finding.path} of ${finding.route}`,
      outcome: findingOutcome(finding, input),
    })),
  ];
}

function verdictOutcome(mirror: MirrorVerdict): Outcome {
  const note = mirror.reasons.map(printable).join('\n');
  const message = mirror.reasons[0] ?? mirror.state;
  if (mirror.state === 'pass') return { kind: 'passed', note };
  if (mirror.state === 'fail') return { kind: 'failed', message, note };
  return { kind: 'error', message: neededText(mirror) ?? message, note };
}

function gateOutcome({ standing, value, allowed }: GateLine): Outcome {
  const message = `${value}; allowed: ${allowed}`;
  if (standing === 'ok') return { kind: 'passed', note: message };
  return { kind: standing === 'over' ? 'failed' : 'skipped', message };
}

function routeOutcome(route: RouteVerdict): Outcome {
  const latency = latencyRows([route]).map(
    (row) =>
      `${row.measure} ${row.quantile}: primary ${row.primary}, reference ${row.reference}, mirror ${row.mirror}; slower ${row.slower}`,
  );
  const note = [routeText(route), ...latency].join('\n');
  return route.covered ? { kind: 'passed', note } : { kind: 'skipped', message: 'not enough pairs', note };
}

function findingOutcome(finding: Finding, { examples }: ReportInput): Outcome {
  const { left, right } = sampleSides(finding);
  const kept = (examples.get(finding.id) ?? []).map(({ id }) => id);
  const message = `${standingText(finding)}, ${finding.risk} risk: ${findingRateText(finding)}`;
  const note = [
    message,
    findingEvidenceText(finding),
    `primary: ${printable(left)}`,
    `mirror:  ${printable(right)}`,
    `exchanges: ${[...new Set([finding.sample.exchange, ...kept])].map(printable).join(', ')}`,
  ].join('\n');
  if (finding.fails) return { kind: 'failed', message, note };
  return finding.established ? { kind: 'passed', note } : { kind: 'skipped', message, note };
}

function caseXml(suite: string, { group, name, outcome }: Case): string {
  const head = `    <testcase classname="${xml(`${suite}: ${group}`)}" name="${xml(name)}" time="0"`;
  const told = outcome.kind === 'failed' || outcome.kind === 'error';
  const note =
    outcome.note === undefined || told ? '' : `      <system-out>${xmlLines(outcome.note)}</system-out>\n`;
  if (outcome.kind === 'passed') return note === '' ? `${head}/>\n` : `${head}>\n${note}    </testcase>\n`;
  const element = { failed: 'failure', error: 'error', skipped: 'skipped' }[outcome.kind];
  const type = outcome.kind === 'skipped' ? '' : ` type="${outcome.kind === 'error' ? 'undecided' : 'fail'}"`;
  const text = told && outcome.note !== undefined ? `>${xmlLines(outcome.note)}</${element}>` : '/>';
  return `${head}>\n      <${element} message="${xml(outcome.message)}"${type}${text}\n${note}    </testcase>\n`;
}

function countsXml(cases: readonly Case[]): string {
  const count = (kind: Outcome['kind']): number =>
    cases.filter(({ outcome }) => outcome.kind === kind).length;
  return ` tests="${cases.length}" failures="${count('failed')}" errors="${count('error')}" skipped="${count('skipped')}"`;
}

/** One line for an attribute or an element, with nothing in it that XML 1.0 forbids or reads (§2.2, §2.4). */
function xml(text: string): string {
  return entities(printable(shortened(text, NAME_CHARS)));
}

function xmlLines(text: string): string {
  return shortened(text, NOTE_CHARS)
    .split('\n')
    .map((line) => entities(printable(line)))
    .join('\n');
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
]);

function entities(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES.get(character) ?? character);
}
