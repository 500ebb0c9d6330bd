import { safeRequest } from '../model/method.ts';
import type { RequestHead } from '../model/exchange.ts';
import type { MirrorSettings, Policy } from '../model/policy.ts';
import type { PrimarySettings } from '../model/settings.ts';

/** Repeats are for measuring noise and must never be a load: few at once, few that wait. */
const CONCURRENCY = 4;
const QUEUE = 16;

/**
 * The primary as a target of copies, for a policy whose noise is measured by asking it again. Its requests are sent as
 * they came. Undefined where the policy does not ask for that, or has a control.
 */
export function repeatTarget(
  policy: Policy,
  { endpoints, tls, sendProxyProtocol }: PrimarySettings,
): { readonly policy: Policy; readonly mirror: MirrorSettings } | undefined {
  const [endpoint] = endpoints;
  if (policy.compare.noise.repeat === undefined || policy.control !== undefined) return undefined;
  // Copies carry no PROXY header, and a primary that waits for one would not answer.
  if (endpoint === undefined || sendProxyProtocol !== 'off') return undefined;
  return {
    policy: {
      ...policy,
      rewrite: {
        host: 'preserve',
        path: undefined,
        headers: { set: {}, add: {}, remove: [] },
        redact: { headers: [], queryParams: [], jsonFields: [] },
      },
      limits: { ...policy.limits, concurrency: CONCURRENCY, queue: QUEUE },
    },
    mirror: { name: 'repeat', endpoint, tls: endpoint.tls ? tls : undefined },
  };
}

/** Which requests are repeated: those with safe methods, in the share that the policy says. */
export function repeatPart(policy: Policy, random: () => number): (request: RequestHead) => boolean {
  const { repeat } = policy.compare.noise;
  if (repeat === undefined) return () => false;
  const share = repeat.numerator / repeat.denominator;
  const safeCalls = new Set(policy.compare.protobuf.safeMethods);
  return (request) => safeRequest(request, safeCalls) && random() < share;
}
