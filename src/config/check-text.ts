import { formatSize } from '../kit/size.ts';
import type { NotMirroredReason } from '../model/exchange.ts';
import type { ConditionExplanation, MatchExplanation } from '../model/match-explain.ts';
import type { Policy } from '../model/policy.ts';
import type { Settings } from '../model/settings.ts';
import type { CheckOutcome, CheckResult, MirrorCheck, PolicyCheck, SampleCheck } from './check.ts';

/** Longest value of a request that is shown. */
const MAX_SHOWN = 80;

/** The text of a check, for people. */
export function renderCheck(result: CheckResult, settings: Settings): string {
  const { method, target, policies } = result;
  const blocks = policies.map((check) => {
    const policy = settings.policies.find(({ name }) => name === check.policy);
    return policy === undefined ? '' : renderPolicy(check, policy);
  });
  const none = policies.length === 0 ? ['There are no policies: it is relayed, and nothing is copied.'] : [];
  return [`${shown(method)} ${shown(target)}`, ...none, ...blocks].join('\n\n');
}

function renderPolicy(check: PolicyCheck, policy: Policy): string {
  const { outcome, explanation } = check;
  const lines = [`policy ${check.policy}, tap ${check.tap || 'none'}: ${outcomeText(outcome, policy)}`];
  if (!explanation.tap.holds) lines.push(`  ✗ its taps are ${policy.taps.join(', ')}`);
  if (explanation.matches.length === 0) lines.push('  ✓ it has no matches, so it takes everything');
  for (const [index, match] of explanation.matches.entries()) {
    const best = index === explanation.best && explanation.matches.length > 1 ? ' (the one that counts)' : '';
    lines.push(`  ${mark(match.holds)} matches[${index}]${best}`, ...renderConditions(match, true));
  }
  for (const [index, match] of explanation.exclude.entries()) {
    lines.push(
      `  ${mark(!match.holds)} exclude[${index}] ${match.holds ? 'holds' : 'does not hold'}`,
      ...renderConditions(match, false),
    );
  }
  if (explanation.matched) lines.push(...renderSample(check.sample, policy));
  if (outcome.kind === 'copied' || outcome.kind === 'by_chance') {
    for (const mirror of check.mirrors) lines.push(...renderMirror(mirror, policy));
  }
  return lines.join('\n');
}

/** @param wanted whether it is good when the conditions hold: not those of exclusions */
function renderConditions({ conditions }: MatchExplanation, wanted: boolean): readonly string[] {
  if (conditions.length === 0) return ['      asks for nothing, so it holds for everything'];
  return conditions.map(
    (condition) => `      ${wanted ? `${mark(condition.holds)} ` : ''}${conditionText(condition)}`,
  );
}

function conditionText({ key, wanted, found, holds }: ConditionExplanation): string {
  const has = found === undefined ? 'the request has none' : `the request has ${shown(found)}`;
  return `${key}: ${wanted}${holds ? '' : `; ${has}`}`;
}

function renderSample({ share, key, place }: SampleCheck, { sampleBy }: Policy): readonly string[] {
  if (share >= 1) return [];
  if (share <= 0) return ['  ✗ its share is 0 %'];
  if (key.from === 'chance' || place === undefined)
    return [`  ? chance takes ${percentText(share)} of such requests`];
  const by =
    key.from === 'source-ip' || !('name' in sampleBy) ? 'source address' : `${key.from} ${sampleBy.name}`;
  return [
    `  ${mark(place < share)} ${by} ${shown(key.key)} stands at ${percentText(place)}, the share ends at ${percentText(share)}`,
  ];
}

function renderMirror({ name, role, url, head }: MirrorCheck, policy: Policy): readonly string[] {
  const changes = head === undefined ? changesOf(policy) : [];
  return [
    `  → ${role === 'control' ? 'control' : 'mirror'} ${name} at ${url}`,
    ...changes.map((change) => `      ${change}`),
    ...(head ?? []).map((line) => `      ${printable(line)}`),
  ];
}

/** What a policy changes in copies. Values that it sets are not shown: they may be secrets. */
function changesOf({ rewrite, limits }: Policy): readonly string[] {
  const { host, path, headers, redact } = rewrite;
  const changes: string[] = [];
  if (host !== 'preserve') changes.push(`Host: ${host}`);
  if (path?.type === 'ReplaceFullPath') changes.push(`path: ${path.replaceFullPath}`);
  if (path?.type === 'ReplacePrefixMatch')
    changes.push(`path: ${path.prefix} becomes ${path.replacePrefixMatch}`);
  for (const [what, names] of [
    ['headers set', Object.keys(headers.set)],
    ['headers added', Object.keys(headers.add)],
    ['headers removed', headers.remove],
    ['headers redacted', redact.headers],
    ['query parameters redacted', redact.queryParams],
    ['JSON fields redacted', redact.jsonFields],
  ] as const) {
    if (names.length > 0) changes.push(`${what}: ${names.join(', ')}`);
  }
  changes.push(`body: up to ${formatSize(limits.bodyBytes)}`);
  return changes;
}

function outcomeText(outcome: CheckOutcome, policy: Policy): string {
  switch (outcome.kind) {
    case 'copied':
      return 'copied';
    case 'by_chance':
      return `copied by chance, ${percentText(outcome.share)} of the time`;
    case 'not_seen':
      return 'not copied: the listener passes TLS through, so its requests are not seen';
    case 'not_copied':
      return `not copied: ${outcome.reason}${reasonText(outcome.reason, policy)}`;
  }
}

function reasonText(reason: NotMirroredReason, policy: Policy): string {
  switch (reason) {
    case 'not_sampled':
      return ' (not in its share)';
    case 'unsafe_method':
      return ` (writes: hold copies only GET, HEAD, OPTIONS and TRACE, and calls whose descriptor says NO_SIDE_EFFECTS${policy.compare.protobuf.reflection === undefined ? '' : ', which a server is asked for'})`;
    case 'body_too_large':
      return ` (limits.bodyBytes is ${formatSize(policy.limits.bodyBytes)})`;
    case 'redaction_failed':
      return ' (redact.jsonFields: without compare.protobuf nobody knows which fields of its messages these are)';
    case 'upgrade':
      return ' (it opens a tunnel)';
    default:
      return '';
  }
}

function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

function mark(good: boolean): string {
  return good ? '✓' : '✗';
}

function shown(text: string): string {
  return printable(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}
