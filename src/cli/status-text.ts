import { addCounts, totalOf } from '../kit/counts.ts';
import { formatDuration } from '../kit/duration.ts';
import type { AdminSource } from '../model/runtime.ts';
import type { MirrorStatus, PolicyStatus, Summary } from '../model/status.ts';
import { captureLines } from './capture-lines.ts';
import { number, reasons } from './count-text.ts';
import type { RunResult } from './run-result.ts';

/** What listens where and which policy copies what, for the start of a run. */
export function startText(source: AdminSource, adminUrl: string | undefined): string {
  const lines = source
    .taps()
    .map((tap) =>
      tap.kind === 'capture'
        ? `${tap.name}: packets of ${tap.source}`
        : `${tap.name}: ${tap.address} → ${tap.endpoints.map(({ url }) => url).join(', ')}`,
    );
  for (const policy of source.policies()) lines.push(policyLine(policy));
  if (adminUrl !== undefined)
    lines.push(`admin: ${adminUrl} (/api/v1/summary, /metrics, /api/v1/openapi.json)`);
  return `${lines.join('\n')}\n`;
}

function policyLine({ name, taps, percent, mirrors, control, writes, state }: PolicyStatus): string {
  const targets = mirrors.map((mirror) => `${mirror.name} (${mirror.url})`).join(', ');
  const of = taps.length === 0 ? '' : ` of ${taps.join(', ')}`;
  return (
    `policy ${name}: ${number(percent)} % of what it matches${of} → ${targets}` +
    (control === undefined ? '' : `, control ${control.url}`) +
    (writes === 'hold' ? '; writes are held back' : '; writes are copied too') +
    (state.kind === 'paused' ? `; paused: ${state.reason}` : '')
  );
}

/** One line that is written over itself while a run goes on. */
export function progressText(summary: Summary): string {
  const { requests, mirrored, heldWrites, pairs, failures } = summary;
  return [
    formatDuration(Math.floor(summary.uptimeMs / 1000) * 1000),
    `${number(requests.http1 + requests.http2)} requests`,
    `${number(mirrored)} copied`,
    `${number(heldWrites)} writes held`,
    `${number(totalOf(failures))} failed`,
    `${number(pairs.same)} same, ${number(pairs.different)} different`,
  ].join(' · ');
}

/** What a run has done, for a person. */
export function resultText(result: RunResult): string {
  const { requests, connections, pairs } = result;
  const lines = [
    `${formatDuration(Math.round(result.uptimeMs / 100) * 100)}: ` +
      `${number(requests.http1 + requests.http2)} requests on ${number(connections.accepted)} connections, ` +
      `${number(result.exchanges)} exchanges${reasons(', of them incomplete', result.incompleteByReason)}`,
  ];
  for (const policy of result.policies) {
    lines.push(
      `policy ${policy.name}: ${number(policy.matched)} matched, ${number(policy.sampled)} in the sample`,
    );
    for (const mirror of policy.mirrors) lines.push(...mirrorLines(mirror.name, mirror));
    if (policy.control !== undefined) lines.push(...mirrorLines('control', policy.control));
    if (policy.state.kind === 'paused') lines.push(`  paused: ${policy.state.reason}`);
  }
  const total = totalOf(pairs);
  if (total > 0) {
    lines.push(
      `pairs: ${number(pairs.same)} same, ${number(pairs.different)} different, ${number(pairs.incomplete)} incomplete`,
    );
  }
  for (const tap of result.taps) if (tap.kind === 'capture') lines.push(...captureLines(tap));
  if (result.tapeDroppedBytes > 0)
    lines.push(`${number(result.tapeDroppedBytes)} bytes were not seen: the tape was full`);
  const unfollowed: Record<string, number> = {};
  for (const tap of result.taps) if (tap.kind === 'listener') addCounts(unfollowed, tap.unfollowed);
  if (totalOf(unfollowed) > 0)
    lines.push(`connections relayed whose requests were not all seen${reasons('', unfollowed)}`);
  if (result.observerRestarts > 0) lines.push(`observers replaced: ${number(result.observerRestarts)}`);
  return `${lines.join('\n')}\n`;
}

function mirrorLines(name: string, mirror: MirrorStatus): readonly string[] {
  const { unsafe_method: held, ...others } = mirror.notMirrored;
  const { '2xx': fine, ...rest } = mirror.responses;
  return [
    `  ${name} ${mirror.url}: ${number(mirror.mirrored)} copied, ${number(held)} writes held back` +
      reasons(', not copied', others),
    `    answers: ${number(fine)} 2xx${Object.entries(rest)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `, ${number(count)} ${kind}`)
      .join('')}${reasons('; failed', mirror.failures)}`,
  ];
}
