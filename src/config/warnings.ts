import { addressText } from '../model/address.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { Policy } from '../model/policy.ts';
import type { ListenerSettings, Settings } from '../model/settings.ts';
import { endsByItself } from './capture-text.ts';
import { compareWarnings } from './compare-warnings.ts';
import { pathText } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Source } from './source.ts';
import { isSection } from './value.ts';

export interface Warning {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string;
}

/** What is allowed and probably not meant. */
export function warningsOf(settings: Settings, source: Source): readonly Problem[] {
  const { listeners, captures, policies } = settings;
  return [
    ...tokenWarnings(source),
    ...listeners.flatMap(listenerWarnings),
    ...policies.flatMap((policy, index) => policyWarnings(policy, index, listeners, captures)),
  ].map(({ path, message, hint }) => ({
    severity: 'warning',
    path: pathText(path),
    message,
    hint,
    ...source.locate(path, 'value'),
  }));
}

function tokenWarnings({ value, locate }: Source): readonly Warning[] {
  const path = ['admin', 'token'];
  const admin = isSection(value) ? value['admin'] : undefined;
  // One that a variable gave is no literal in a file.
  if (!isSection(admin) || typeof admin['token'] !== 'string' || !locate(path, 'value').where.includes(':'))
    return [];
  return [
    {
      path,
      message: 'the token stands in the file itself',
      hint: 'write token: { env: UNDERSTUDY_ADMIN_TOKEN } or { file: … }',
    },
  ];
}

function listenerWarnings({ primary }: ListenerSettings, index: number): readonly Warning[] {
  return primary.tls?.verify === false ? [unverified(['listeners', index, 'primary', 'tls', 'verify'])] : [];
}

function policyWarnings(
  policy: Policy,
  index: number,
  listeners: readonly ListenerSettings[],
  captures: readonly CaptureSettings[],
): readonly Warning[] {
  const path = ['policies', index];
  const warnings: Warning[] = [];
  const targets = policy.mirrors.map((mirror, place) => ({ mirror, at: [...path, 'mirrors', place] }));
  if (policy.control !== undefined) targets.push({ mirror: policy.control, at: [...path, 'control'] });
  for (const { mirror, at } of targets) {
    if (mirror.tls?.verify === false) warnings.push(unverified([...at, 'tls', 'verify']));
    const listener = listeners.find(
      ({ listen }) => addressText(listen) === addressText(mirror.endpoint.address),
    );
    if (listener === undefined) continue;
    warnings.push({
      path: [...at, 'url'],
      message: `copies go to the listener "${listener.name}", and so to its primary`,
      hint: 'give the address of another service',
    });
  }
  const isOwn = ({ name }: { readonly name: string }): boolean =>
    policy.taps.length === 0 || policy.taps.includes(name);
  const taps = listeners.filter(isOwn);
  if (!captures.some(isOwn) && taps.every(({ tls }) => tls.mode === 'passthrough')) {
    warnings.push({
      path,
      message: 'nothing will be copied: the TLS of its listeners is passed through',
      hint: 'terminate TLS at the listener: tls: { cert: …, key: … }',
    });
  }
  const packets = captures.filter(isOwn);
  if (policy.stopWhen.primaryLatencyRise !== undefined && taps.length === 0 && packets.every(endsByItself)) {
    warnings.push({
      path: [...path, 'stopWhen', 'primaryLatencyRise'],
      message: 'it measures first and copies nothing meanwhile, and a file may be over by then',
      hint: 'leave it out: a primary that was recorded cannot become slower',
    });
  }
  const principals = [...policy.matches, ...policy.exclude].some(
    ({ source }) => (source?.principals.length ?? 0) > 0,
  );
  if (principals && !taps.some(({ tls }) => tls.mode === 'terminate' && tls.clientCa !== undefined)) {
    warnings.push({
      path,
      message: 'it looks at principals, and none of its listeners asks for client certificates',
      hint: 'set clientCa in the tls of the listener',
    });
  }
  return [...warnings, ...compareWarnings(policy, path)];
}

function unverified(path: readonly PropertyKey[]): Warning {
  return {
    path,
    message: 'the certificate of the server is not verified',
    hint: 'name its authority with ca, instead of verify: false',
  };
}
