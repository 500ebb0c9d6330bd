import { UserError } from '../kit/errors.ts';
import type { Connection, NotMirroredReason, RequestHead } from '../model/exchange.ts';
import { explain } from '../model/match-explain.ts';
import type { Explanation } from '../model/match-explain.ts';
import { rpcOf } from '../model/rpc.ts';
import { safeRequest } from '../model/method.ts';
import type { MirrorSettings, Policy } from '../model/policy.ts';
import { sampleKey, samplePlace } from '../model/sample.ts';
import type { SampleKey } from '../model/sample.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { ListenerSettings, Settings } from '../model/settings.ts';
import type { CheckRequest } from './check-request.ts';

/** What would happen to a request: plain data, in the order of the configuration. */
export interface CheckResult {
  readonly method: string;
  readonly target: string;
  readonly policies: readonly PolicyCheck[];
}

export interface PolicyCheck {
  readonly policy: string;
  /** The listener or capture that the request is taken to come in on. */
  readonly tap: string;
  readonly outcome: CheckOutcome;
  readonly explanation: Explanation;
  readonly sample: SampleCheck;
  /** Where copies would go, the control last. */
  readonly mirrors: readonly MirrorCheck[];
}

export type CheckOutcome =
  | { readonly kind: 'copied' }
  /** Each such request is copied with this probability, 0…1. */
  | { readonly kind: 'by_chance'; readonly share: number }
  | { readonly kind: 'not_copied'; readonly reason: NotMirroredReason }
  /** The listener passes TLS through, so no request on it is seen. */
  | { readonly kind: 'not_seen' };

export interface SampleCheck {
  /** Share of matched requests that is copied, 0…1. */
  readonly share: number;
  readonly key: SampleKey;
  /** Where the key stands, 0…1: it is in when this is less than the share. Undefined when chance decides. */
  readonly place: number | undefined;
}

export interface MirrorCheck {
  readonly name: string;
  readonly role: 'mirror' | 'control';
  readonly url: string;
  /** The head that would be sent, a line each; undefined without a preview. */
  readonly head: readonly string[] | undefined;
}

/**
 * Writes the head of a copy as it would be sent, a line each; undefined when it cannot be sent. The rewriting itself is
 * not this room's: the composition root hands it in.
 */
export type CopyPreview = (
  policy: Policy,
  mirror: MirrorSettings,
  head: RequestHead,
) => readonly string[] | undefined;

/**
 * What every policy would do with a request, and why. Takes the same steps in the same order as an observer, as far as
 * they follow from settings and request alone: limits, breakers and pauses do not.
 *
 * @throws UserError when the request names a listener that is not there
 */
export function checkRequest(settings: Settings, request: CheckRequest, preview?: CopyPreview): CheckResult {
  const { listeners, captures, policies } = settings;
  const taps = [...listeners, ...captures];
  if (request.tap !== undefined && !taps.some(({ name }) => name === request.tap)) {
    throw new UserError(`there is no tap "${request.tap}"`, {
      where: '--tap',
      hint: `the taps are ${taps.map(({ name }) => name).join(', ')}`,
    });
  }
  return {
    method: request.head.method,
    target: request.head.target,
    policies: policies.map((policy) => checkPolicy(policy, tapOf(policy, request, taps), request, preview)),
  };
}

function checkPolicy(
  policy: Policy,
  tap: ListenerSettings | CaptureSettings | undefined,
  request: CheckRequest,
  preview: CopyPreview | undefined,
): PolicyCheck {
  const { head } = request;
  const listener = tap !== undefined && 'listen' in tap ? tap : undefined;
  const connection = connectionOf(tap?.name, listener, request);
  const explanation = explain(policy, head, connection);
  const sample = checkSample(policy, head, connection);
  const seen = listener?.tls.mode !== 'passthrough';
  const outcome = seen ? decide(policy, request, explanation, sample) : { kind: 'not_seen' as const };
  const check = (mirror: MirrorSettings, role: 'mirror' | 'control'): MirrorCheck => ({
    name: mirror.name,
    role,
    url: mirror.endpoint.url,
    head:
      outcome.kind === 'copied' || outcome.kind === 'by_chance' ? preview?.(policy, mirror, head) : undefined,
  });
  return {
    policy: policy.name,
    tap: connection.tap,
    outcome,
    explanation,
    sample,
    mirrors: [
      ...policy.mirrors.map((mirror) => check(mirror, 'mirror')),
      ...(policy.control === undefined ? [] : [check(policy.control, 'control')]),
    ],
  };
}

/** In the observer's order: the first reason counts. */
function decide(
  policy: Policy,
  { head, bodyBytes }: CheckRequest,
  { matched }: Explanation,
  { share, place }: SampleCheck,
): CheckOutcome {
  if (!matched) return notCopied('not_matched');
  if (share <= 0 || (place !== undefined && place >= share)) return notCopied('not_sampled');
  if (head.method === 'CONNECT' || head.header('upgrade')?.toLowerCase() === 'websocket')
    return notCopied('upgrade');
  const safeCalls = new Set(policy.compare.protobuf.safeMethods);
  if (policy.writes === 'hold' && !safeRequest(head, safeCalls)) return notCopied('unsafe_method');
  if (bodyBytes > policy.limits.bodyBytes) return notCopied('body_too_large');
  if (isUnknownCall(policy, head)) return notCopied('redaction_failed');
  return place === undefined && share < 1 ? { kind: 'by_chance', share } : { kind: 'copied' };
}

/** Whether a call's messages have fields to redact that nothing has told the names of, nor will. */
function isUnknownCall({ rewrite, compare }: Policy, head: RequestHead): boolean {
  const { jsonFields, unknownMessages } = rewrite.redact;
  const { descriptors, reflection } = compare.protobuf;
  if (jsonFields.length === 0 || unknownMessages === 'copy') return false;
  if (descriptors !== undefined || reflection !== undefined) return false;
  const rpc = rpcOf(head.header('content-type') ?? '');
  return rpc !== undefined && rpc.codec !== 'json';
}

function notCopied(reason: NotMirroredReason): CheckOutcome {
  return { kind: 'not_copied', reason };
}

function checkSample({ fraction, sampleBy }: Policy, head: RequestHead, connection: Connection): SampleCheck {
  const key = sampleKey(sampleBy, head, connection);
  return {
    share: fraction.numerator / fraction.denominator,
    key,
    place: key.from === 'chance' ? undefined : samplePlace(key.key),
  };
}

function tapOf<Tap extends { readonly name: string }>(
  policy: Policy,
  { tap }: CheckRequest,
  taps: readonly Tap[],
): Tap | undefined {
  if (tap !== undefined) return taps.find(({ name }) => name === tap);
  return taps.find(({ name }) => policy.taps.length === 0 || policy.taps.includes(name));
}

function connectionOf(
  tap: string | undefined,
  listener: ListenerSettings | undefined,
  request: CheckRequest,
): Connection {
  const listen = listener?.listen;
  return {
    tap: tap ?? '',
    id: 0,
    source: { ip: request.sourceIp, port: 0 },
    destination: listen?.kind === 'tcp' ? { ip: listen.host, port: listen.port } : { ip: '', port: 0 },
    principal: request.principal,
    tls: listener?.tls.mode === 'terminate',
  };
}
