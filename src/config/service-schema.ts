import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { parseCidr } from '../model/cidr.ts';
import type { Match, Policy, ServiceAddress, ServiceMatch } from '../model/policy.ts';
import { checkName } from './checks.ts';
import { list, section, text } from './value.ts';

/** Services by the addresses that they have, for `destination.services` of matches. */
export function serviceSchema(): z.ZodType<ServiceMatch> {
  return section({
    name: text(
      'name',
      { description: 'The name of the service, for `destination.services`.', examples: ['orders'] },
      checkName,
    ),
    addresses: list(
      text(
        'network',
        {
          description: 'An address or a network, with or without a port.',
          examples: ['10.0.0.7:8080', '10.0.1.0/24', '[fd00::/8]:8080'],
        },
        parseServiceAddress,
      ),
      {
        description: 'Where the service is reached: any of these. Without a port, every port of it.',
        examples: [['10.0.0.7:8080', '10.0.1.0/24', '[fd00::/8]:8080']],
      },
      { min: 1, max: 4096 },
    ),
  }).transform(({ name, addresses }): ServiceMatch => ({ name, addresses }));
}

/**
 * Reads `10.0.0.7`, `10.0.0.7:8080`, `10.0.1.0/24:8080`, `fd00::/8` or `[fd00::/8]:8080`.
 *
 * @throws UserError when it is none of them
 */
export function parseServiceAddress(written: string): ServiceAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(written) ?? [];
  // An IPv6 address without brackets has no port.
  const cidr = bracketed ?? plain ?? written;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) {
    throw new UserError(`"${digits}" is not a port`, {
      code: 'config',
      hint: 'a port is a number from 1 to 65535',
    });
  }
  parseCidr(cidr);
  return { cidr, port };
}

/** Policies in which the names of services stand for their addresses. What has no name here is reported. */
export function withServices(
  policies: readonly Policy[],
  services: readonly ServiceMatch[],
  context: z.core.$RefinementCtx,
): readonly Policy[] {
  if (!policies.some(({ matches, exclude }) => [...matches, ...exclude].some(namesServices))) return policies;
  const known = new Map(services.map((service) => [service.name, service]));
  const resolve = (match: Match, path: readonly PropertyKey[]): Match => {
    const { destination } = match;
    if (destination?.services === undefined) return match;
    const found = destination.services.flatMap(({ name }, place) => {
      const service = known.get(name);
      if (service === undefined) {
        context.issues.push({
          code: 'custom',
          input: name,
          message: `there is no service "${name}"\nname its addresses under services${known.size === 0 ? '' : `; there ${known.size === 1 ? 'is' : 'are'} ${[...known.keys()].join(', ')}`}`,
          path: [...path, 'destination', 'services', place],
        });
      }
      return service ?? [];
    });
    return { ...match, destination: { ...destination, services: found } };
  };
  return policies.map((policy, index) => ({
    ...policy,
    matches: policy.matches.map((match, at) => resolve(match, ['policies', index, 'matches', at])),
    exclude: policy.exclude.map((match, at) => resolve(match, ['policies', index, 'exclude', at])),
  }));
}

function namesServices({ destination }: Match): boolean {
  return destination?.services !== undefined;
}
