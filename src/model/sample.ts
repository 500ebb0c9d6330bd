import { stableHash } from '../kit/hash.ts';
import type { Connection, RequestHead } from './exchange.ts';
import type { Policy, SampleBy } from './policy.ts';

export interface Sampler {
  /**
   * Whether a request is in the policy's sample.
   *
   * @param random uniform in [0, 1), such as `Math.random`; asked only where chance decides
   */
  included(request: RequestHead, connection: Connection, random: () => number): boolean;
}

/** What decides whether a request is in a sample. */
export type SampleKey =
  | { readonly from: 'header' | 'cookie' | 'source-ip'; readonly key: string }
  | { readonly from: 'chance' };

/** Keys hash to this many places, evenly. */
const PLACES = 2 ** 32;

/**
 * Makes the sampler of a policy.
 *
 * Keyed samples compare a stable hash of the key, and of nothing else, with the fraction. So a user who is in the sample
 * stays in it on every worker and after every restart, all policies with the same fraction take the same users, and a
 * smaller fraction takes a part of the users of a larger one. Fractions are exact to 2⁻³² when keyed; 2⁻⁵² by chance.
 *
 * A request without the header or cookie is sampled by its source address, and where there is none (Unix sockets) by
 * chance: sampling an absent key as one more key would take all of those requests or none.
 */
export function sampler(policy: Policy): Sampler {
  const { numerator, denominator } = policy.fraction;
  const share = numerator / denominator;
  if (share >= 1) return { included: () => true };
  if (!(share > 0)) return { included: () => false };
  const { sampleBy } = policy;
  if (sampleBy.kind === 'random') return { included: (_request, _connection, random) => random() < share };
  const limit = share * PLACES;
  return {
    included(request, connection, random) {
      const key = keyOf(sampleBy, request, connection);
      return key === '' ? random() < share : stableHash(key) < limit;
    },
  };
}

/** What decides about this request, for explanations. */
export function sampleKey(sampleBy: SampleBy, request: RequestHead, connection: Connection): SampleKey {
  if (sampleBy.kind === 'random') return { from: 'chance' };
  const own = sampleBy.kind === 'source-ip' ? '' : ownKey(sampleBy, request);
  if (own !== '' && sampleBy.kind !== 'source-ip') return { from: sampleBy.kind, key: own };
  const key = sourceKey(connection);
  return key === '' ? { from: 'chance' } : { from: 'source-ip', key };
}

/** Where a key stands: it is in every sample whose fraction is greater. 0 ≤ place < 1. */
export function samplePlace(key: string): number {
  return stableHash(key) / PLACES;
}

function keyOf(
  sampleBy: Exclude<SampleBy, { readonly kind: 'random' }>,
  request: RequestHead,
  connection: Connection,
): string {
  const own = sampleBy.kind === 'source-ip' ? '' : ownKey(sampleBy, request);
  return own === '' ? sourceKey(connection) : own;
}

function ownKey(
  sampleBy: { readonly kind: 'header' | 'cookie'; readonly name: string },
  request: RequestHead,
): string {
  if (sampleBy.kind === 'header') return request.header(sampleBy.name) ?? '';
  return cookieValue(request.header('cookie') ?? '', sampleBy.name);
}

/** Dual-stack sockets write IPv4 addresses as `::ffff:a.b.c.d`; the key is the same either way. */
function sourceKey(connection: Connection): string {
  const { ip } = connection.source;
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
}

/** The first cookie of that name in a Cookie header (RFC 6265 §4.2), empty when there is none. */
function cookieValue(header: string, name: string): string {
  let start = 0;
  while (start < header.length) {
    const next = header.indexOf(';', start);
    const end = next < 0 ? header.length : next;
    while (header.charCodeAt(start) === 32) start++;
    const equals = start + name.length;
    if (equals < end && header.charCodeAt(equals) === 61 && header.startsWith(name, start)) {
      return header.slice(equals + 1, end).trimEnd();
    }
    start = end + 1;
  }
  return '';
}
