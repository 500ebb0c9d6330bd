import { formatDuration } from '../kit/duration.ts';
import type { Policy } from '../model/policy.ts';
import { allowedRate, leastPairs, percentText } from './compare-text.ts';
import type { Warning } from './warnings.ts';

const DAY_MS = 86_400_000;
/** More pairs than a rehearsal has. */
const MANY_PAIRS = 1_000_000;

/** What about the comparison of a policy is allowed and probably not meant. */
export function compareWarnings(policy: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  return [
    ...ignoreWarnings(policy, path),
    ...noiseWarnings(policy, path),
    ...gateWarnings(policy, path),
    ...redactionWarnings(policy, path),
  ];
}

function redactionWarnings(
  { matches, rewrite, compare }: Policy,
  path: readonly PropertyKey[],
): readonly Warning[] {
  const { jsonFields, unknownMessages } = rewrite.redact;
  const { descriptors, reflection } = compare.protobuf;
  if (jsonFields.length === 0 || unknownMessages === 'copy') return [];
  if (descriptors !== undefined || reflection !== undefined) return [];
  if (!matches.some(({ grpc }) => grpc !== undefined)) return [];
  return [
    {
      path: [...path, 'rewrite', 'redact', 'jsonFields'],
      message: 'no call with Protobuf is copied: without descriptors its fields have no names to redact by',
      hint: 'give compare.protobuf: { reflection: primary } or descriptors',
    },
  ];
}

function ignoreWarnings({ compare }: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  return compare.ignore.flatMap((rule, index) => {
    if ((rule.path !== '**' && rule.path !== 'body.**') || rule.kinds.length > 0 || rule.route !== undefined)
      return [];
    const what = rule.path === '**' ? 'nothing is compared' : 'nothing in bodies is compared';
    return [
      {
        path: [...path, 'compare', 'ignore', index],
        message: `${what}: "${rule.path}" is every path there`,
        hint: 'name the fields, or add kinds or a route',
      },
    ];
  });
}

function noiseWarnings({ compare, control }: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  const { noise } = compare;
  const warnings: Warning[] = [];
  if (noise.recognisers === 'off' && control === undefined && noise.repeat === undefined) {
    warnings.push({
      path: [...path, 'compare', 'noise', 'recognisers'],
      message: 'nothing tells noise from change: every new id and timestamp is a difference',
      hint: 'give a control, or repeat: 1%, or leave the recognisers on',
    });
  }
  return warnings;
}

function gateWarnings(policy: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  return [...assumedWarnings(policy, path), ...pairsWarnings(policy, path)];
}

function assumedWarnings(policy: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  const { rate } = policy.compare.gate;
  const allowed = allowedRate(policy);
  if (allowed <= rate) return [];
  return [
    {
      path: [...path, 'compare', 'gate', 'rate'],
      message: `without a control ${percentText(allowed)} are allowed, as noise.assumed says, and not only ${percentText(rate)}`,
      hint: 'give a control, or repeat: 1%, or assume less noise',
    },
  ];
}

function pairsWarnings(policy: Policy, path: readonly PropertyKey[]): readonly Warning[] {
  const { gate, noise } = policy.compare;
  const pairs = leastPairs(policy);
  const perSecond = policy.limits.requestsPerSecond;
  const ms = perSecond === undefined ? 0 : (pairs / perSecond) * 1000;
  if (pairs <= MANY_PAIRS && ms <= DAY_MS) return [];
  const key = allowedRate(policy) <= gate.mirrorErrors ? 'rate' : 'mirrorErrors';
  const time =
    ms > DAY_MS
      ? `, which take ${formatDuration(Math.ceil(ms / DAY_MS) * DAY_MS)} at ${perSecond} per second`
      : '';
  return [
    {
      path: [...path, 'compare', 'gate', key],
      message: `a pass takes ${pairs.toLocaleString('en')} pairs at the least${time}`,
      hint: `a share ten times as large needs a tenth of the pairs${noise.repeat === undefined ? '' : ', and more repeats need fewer'}`,
    },
  ];
}
