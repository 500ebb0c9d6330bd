import { hash } from 'node:crypto';
import type { Policy } from '../model/policy.ts';

/**
 * What counts of pairs depend on, as a hash: those of two runs, or from before and after a change of the configuration, may
 * be added up only where it is the same. The gate does not belong to it but for its latency, which is counted against; nor
 * does where descriptors come from, but what they say.
 */
export function comparisonBasis({ compare, mirrors, control, rewrite }: Policy): string {
  const { gate, limits, protobuf, ...others } = compare;
  const { reflection: _, ...messages } = protobuf;
  const rest = { ...others, protobuf: messages };
  const urls = mirrors.map(({ name, endpoint }) => [name, endpoint.url]);
  return hash(
    'sha256',
    JSON.stringify([rest, gate.latency ?? null, limits, urls, control?.endpoint.url ?? null, rewrite]),
    'base64url',
  );
}
