import { formatDuration } from '../kit/duration.ts';
import { totalOf } from '../kit/counts.ts';
import type { AdminEvent, MirrorStatus, PolicyStatus, Summary } from '../model/status.ts';
import type { Finding, MirrorVerdict, Verdict, VerdictState } from '../model/verdict.ts';
import { cutTo, fitted } from '../report/columns.ts';
import { neededText, standingText } from '../report/facts.ts';
import { countText, microsText, rateText, shareText } from '../report/figures.ts';
import { printable } from '../report/printable.ts';

/** What was seen at one look at an instance. */
export interface TopLook {
  /** Monotonic, milliseconds. */
  readonly at: number;
  readonly summary: Summary;
  readonly policies: readonly PolicyStatus[];
  readonly verdicts: readonly Verdict[];
}

export interface TopView {
  readonly url: string;
  readonly now: TopLook;
  /** The look before, for rates; undefined at first. */
  readonly before: TopLook | undefined;
  /** What happened, newest last. */
  readonly events: readonly string[];
  /** Why the figures are old; undefined while the instance answers. */
  readonly trouble: string | undefined;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

const STATE_COLOURS: Readonly<Record<VerdictState, string>> = { pass: '32', fail: '31', undecided: '33' };
const EVENTS_SHOWN = 4;
const ROUTES_SHOWN = 6;

/** The screen as lines, no more and no wider than it is; nothing that came over the network is obeyed by a terminal. */
export function topLines(view: TopView, screen: Screen): readonly string[] {
  const { now, trouble } = view;
  const mirrors = now.policies.flatMap((policy) =>
    policy.mirrors.map((mirror) => ({ policy, mirror, verdict: verdictOf(now, policy.name, mirror.name) })),
  );
  const events = view.events.slice(-EVENTS_SHOWN);
  const head = [
    headLine(view),
    trafficLine(view),
    ...packetsLine(view),
    ...(trouble === undefined ? [] : [`! ${printable(trouble)}`]),
    '',
    ...mirrors.flatMap(({ policy, mirror, verdict }) => mirrorLines(view, policy, mirror, verdict)),
  ];
  const findings = mirrors.flatMap(({ verdict }) => verdict?.findings ?? []);
  const routes = mirrors.flatMap(({ verdict }) => (verdict === undefined ? [] : latencyLines(verdict)));
  const foot = events.length === 0 ? [] : ['', ...events.map(printable)];
  const room = screen.rows - 1 - head.length - foot.length;
  const latency = room > 8 ? ['', 'latency p99, reference → mirror', ...routes.slice(0, ROUTES_SHOWN)] : [];
  const shown = Math.max(0, room - 2 - (routes.length === 0 ? 0 : latency.length));
  const body = [
    ...(findings.length === 0 || shown === 0 ? [] : ['', `findings (${countText(findings.length)})`]),
    ...findings.toSorted(worstFirst).slice(0, shown).map(findingLine),
    ...(routes.length === 0 ? [] : latency),
  ];
  return [...head, ...body, ...foot]
    .slice(0, Math.max(1, screen.rows - 1))
    .map((line) => coloured(cutTo(line, screen.columns), screen.colour));
}

/** One line for a log: what a person would read off the screen. */
export function topLine({ now, before }: TopView): string {
  const requests = perSecond(now, before, ({ summary }) => summary.requests.http1 + summary.requests.http2);
  const states = now.verdicts.flatMap(({ policy, mirrors }) =>
    mirrors.map(
      ({ mirror, state, pairs, findings }) =>
        `${printable(policy)} → ${printable(mirror)} ${state}: ${countText(pairs.compared)} pairs, ` +
        `${countText(findings.filter(({ fails }) => fails).length)} failing findings`,
    ),
  );
  return [`${requests} requests/s`, ...states].join(' · ');
}

/** What a person should know of it; undefined for what comes each second. */
export function eventText(event: AdminEvent): string | undefined {
  switch (event.type) {
    case 'summary':
      return undefined;
    case 'policy-paused':
      return `${event.policy} paused by ${event.by}: ${event.reason}`;
    case 'policy-resumed':
      return `${event.policy} resumed`;
    case 'observer-restarted':
      return `observer ${event.observer} of ${event.tap} replaced: ${event.reason}`;
    case 'capture-over':
      return event.problem === ''
        ? `capture ${event.tap} is over`
        : `capture ${event.tap} has ended: ${event.problem}`;
    case 'config-reloaded':
      return 'configuration reloaded';
    case 'config-refused':
      return `configuration refused: ${event.problems[0] ?? ''}`;
    case 'endpoint-resting':
      return `${event.endpoint} of ${event.tap} rests: ${event.reason}`;
    case 'endpoint-up':
      return `${event.endpoint} of ${event.tap} is up`;
    case 'breaker-opened':
      return `breaker of ${event.policy}/${event.mirror} opened: ${event.reason}`;
    case 'breaker-closed':
      return `breaker of ${event.policy}/${event.mirror} closed`;
    case 'draining':
      return 'draining: open connections may finish';
    default:
      // A newer instance may tell more than this program knows.
      return undefined;
  }
}

function headLine({ url, now: { summary } }: TopView): string {
  const uptime = formatDuration(Math.floor(summary.uptimeMs / 1000) * 1000);
  return `understudy ${printable(summary.version)} at ${printable(url)}, up ${uptime}    q ends`;
}

function trafficLine({ now, before }: TopView): string {
  const { connections, heldWrites, tapeDroppedBytes } = now.summary;
  const lost = tapeDroppedBytes > 0 ? ` · ${countText(tapeDroppedBytes)} bytes not seen` : '';
  return (
    `${perSecond(now, before, ({ summary }) => summary.requests.http1 + summary.requests.http2)} requests/s · ` +
    `${countText(connections.open)} connections · ${perSecond(now, before, ({ summary }) => summary.mirrored)} copies/s · ` +
    `${countText(heldWrites)} writes held back${lost}`
  );
}

function mirrorLines(
  view: TopView,
  policy: PolicyStatus,
  mirror: MirrorStatus,
  verdict: MirrorVerdict | undefined,
): readonly string[] {
  const count = (look: TopLook, of: (status: MirrorStatus) => number): number => {
    const found = look.policies
      .find(({ name }) => name === policy.name)
      ?.mirrors.find(({ name }) => name === mirror.name);
    return found === undefined ? 0 : of(found);
  };
  const rate = (of: (status: MirrorStatus) => number): string =>
    perSecond(view.now, view.before, (look) => count(look, of));
  const paused = policy.state.kind === 'paused' ? `, paused: ${printable(policy.state.reason)}` : '';
  const state = verdict?.state.toUpperCase() ?? 'NO VERDICT';
  const lines = [
    `${state} ${printable(policy.name)} → ${printable(mirror.name)}${paused}`,
    `  ${rate(({ mirrored }) => mirrored)} copies/s · ${rate(({ pairs }) => pairs.different)} different/s · ` +
      `${rate(({ failures }) => totalOf(failures))} failed/s · queue ${countText(mirror.queued)} · breaker ${printable(mirror.breaker)}`,
  ];
  if (verdict === undefined) return lines;
  const needed = neededText(verdict);
  const { pairs, rates, reasons } = verdict;
  lines.push(
    `  ${countText(pairs.compared)} pairs, ${shareText(pairs.compared === 0 ? 0 : pairs.same / pairs.compared)} the same`,
    ...rates.map(({ name, allowed, ...one }) => `  ${name} ${rateText(one)}, allowed ${shareText(allowed)}`),
  );
  const why = needed ?? reasons[0];
  return why === undefined ? lines : [...lines, `  ${printable(why)}`];
}

function findingLine(finding: Finding): string {
  const name = `${finding.kind} ${printable(finding.path)} of ${printable(finding.route)}`;
  return `  ${fitted(shareText(finding.rate), 9, 'right')}  ${finding.risk.padEnd(6)}  ${name}, ${standingText(finding)}`;
}

function latencyLines({ routes }: MirrorVerdict): readonly string[] {
  return routes.flatMap(({ route, latency }) => {
    const last = latency.total.quantiles.at(-1);
    if (last === undefined) return [];
    const times = `${microsText(last.reference.estimate)} → ${microsText(last.mirror.estimate)}`;
    return [`  ${fitted(times, 22)}  ${printable(route)}`];
  });
}

function worstFirst(a: Finding, b: Finding): number {
  return (
    Number(b.fails) - Number(a.fails) || Number(b.established) - Number(a.established) || b.rate - a.rate
  );
}

function verdictOf({ verdicts }: TopLook, policy: string, mirror: string): MirrorVerdict | undefined {
  return verdicts.find((one) => one.policy === policy)?.mirrors.find((one) => one.mirror === mirror);
}

/** Only where there are captures. */
function packetsLine({ now, before }: TopView): readonly string[] {
  const { captures, packets, completeness } = now.summary;
  if ((captures ?? 0) === 0) return [];
  const { lost, missingBytes, faults } = packets;
  return [
    `${perSecond(now, before, ({ summary }) => summary.packets.seen)} packets/s · ${countText(lost)} lost · ` +
      `${countText(missingBytes)} bytes missing · ${countText(faults)} damaged · ` +
      `${countText(completeness.cut)} exchanges incomplete, ${countText(completeness.guessed)} guessed`,
  ];
}

/** How fast a count grows; an instance that was started anew counts from zero. */
function perSecond(now: TopLook, before: TopLook | undefined, count: (look: TopLook) => number): string {
  if (before === undefined || now.at <= before.at) return '–';
  const grown = Math.max(0, count(now) - count(before));
  return countText((grown * 1000) / (now.at - before.at));
}

function coloured(line: string, colour: boolean): string {
  const [, word] = /^(PASS|FAIL|UNDECIDED)\b/.exec(line) ?? [];
  const state = word?.toLowerCase();
  if (!colour || (state !== 'pass' && state !== 'fail' && state !== 'undecided')) return line;
  return `\u001B[1;${STATE_COLOURS[state]}m${word}\u001B[0m${line.slice(state.length)}`;
}

/** Lines written over the ones of the look before: each clears what is left of its own (ECMA-48: CUP, EL, ED). */
export function drawn(lines: readonly string[]): string {
  return `\u001B[H${lines.map((line) => `${line}\u001B[K`).join('\r\n')}\u001B[J`;
}
