import { compileCidrs } from './cidr.ts';
import type { Condition } from './condition.ts';
import type { ServiceMatch } from './policy.ts';

/** Whether a connection went to any of these services, by its inner addresses and port where it was captured in a tunnel. */
export function serviceCondition(services: readonly ServiceMatch[]): Condition {
  // By port; 0 stands for all.
  const cidrs = new Map<number, string[]>();
  for (const { port = 0, cidr } of services.flatMap(({ addresses }) => addresses))
    cidrs.set(port, [...(cidrs.get(port) ?? []), cidr]);
  const networks = new Map([...cidrs].map(([port, list]) => [port, compileCidrs(list)]));
  const everyPort = networks.get(0);
  return {
    key: 'destination.services',
    wanted: services.map(({ name }) => name).join(' or '),
    cost: 1,
    holds: (_request, { destination: { ip, port } }) =>
      everyPort?.(ip) === true || (port !== 0 && networks.get(port)?.(ip) === true),
    found: (_request, { destination: { ip, port } }) => (ip === '' ? undefined : `${ip} port ${port}`),
  };
}
