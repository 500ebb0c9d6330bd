import { FAULTS } from './faults.ts';
import type { PlantedFault } from './faults.ts';
import type { Trio } from './messages.ts';
import type { LoadStats } from './load.ts';

export interface IntroductionOptions {
  readonly stage: { readonly orders: Trio; readonly stock: Trio };
  /** Where users connect. */
  readonly targets: { readonly orders: string; readonly stock: string };
  readonly adminUrl: string | undefined;
  readonly requestsPerSecond: number;
  /** When it ends by itself. */
  readonly ends: string | undefined;
}

/** What the demo says first: what runs where, what is planted, and what to try. */
export function introduction(options: IntroductionOptions): string {
  const { stage, targets, adminUrl, requestsPerSecond, ends } = options;
  const faults = FAULTS.map((fault) => `  - ${faultText(fault)}\n`).join('');
  const admin =
    adminUrl === undefined
      ? ''
      : `  curl ${adminUrl}/api/v1/summary
  curl ${adminUrl}/api/v1/policies/orders-v2/verdict
  curl '${adminUrl}/api/v1/differences?established=true'
  understudy top --admin ${adminUrl}
  curl -X POST ${adminUrl}/api/v1/policies/orders-v2/pause      # and /resume
  curl -N ${adminUrl}/api/v1/events
  curl ${adminUrl}/metrics
`;
  return `Users send ${requestsPerSecond} requests per second through Understudy. All of it is on this machine.

  users → ${targets.orders}  Understudy: relays to the primary, copies to the mirror and the control
  primary ${stage.orders.primary}  an orders API; its answers reach the users
  mirror  ${stage.orders.mirror}  its new version; its answers reach nobody
  control ${stage.orders.control}  the old version once more, to tell noise from change

  and the same for gRPC: ${targets.stock} → ${stage.stock.primary}, ${stage.stock.mirror}, ${stage.stock.control}

Planted in the new version:
${faults}
Be a user, or look inside:
  curl ${targets.orders}/api/orders/7
${admin}
${ends === undefined ? 'Ctrl-C ends it.' : `It ends ${ends}.`}

`;
}

/** Where a fault strikes, what it does, and how often. */
export function faultText({ what, oneIn, findings }: PlantedFault): string {
  const often = oneIn === 1 ? 'always' : `in 1 of ${oneIn} answers`;
  return `${findings[0]?.route ?? ''}: ${what}, ${often}`;
}

/** What the users have seen. */
export function loadText({ answered, failed, late, p50Ms, p99Ms }: LoadStats): string {
  const counts = `${answered} answered, ${failed} failed${late === 0 ? '' : `, ${late} not sent in time`}`;
  return `${counts}, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}
