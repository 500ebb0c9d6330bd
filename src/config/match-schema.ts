import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import { parseCidr } from '../model/cidr.ts';
import type {
  DestinationMatch,
  GrpcMatch,
  Match,
  NamedMatch,
  SourceMatch,
  ValueMatch,
} from '../model/policy.ts';
import { compilePattern } from '../model/regex.ts';
import { isHost } from './address.ts';
import { checkHeaderName, checkName, checkPath, checkValue } from './checks.ts';
import { ALWAYS, attempt, choice, integer, later, list, nameOf, section, text } from './value.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;

const NAMED_TYPES = ['Exact', 'RegularExpression'] as const;

/** Gateway API `HTTPRouteMatch` (https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch), `source`, `destination`. */
export function matchSchema(): z.ZodType<Match> {
  return section({
    path: pathSchema().optional().meta({
      description:
        'The path, without the query. Compared in normal form: `%61` is `a`, and `/x/../api` is `/api`.',
    }),
    method: choice({ description: 'The method.', examples: ['GET'] }, METHODS).optional(),
    headers: namedList(
      text(
        'header name',
        { description: 'Name of the header; the case of letters makes no difference.', examples: ['x-env'] },
        checkHeaderName,
      ),
      'Headers that all have to fit. One that is sent several times counts with its first value.',
      { name: 'x-env', value: 'prod' },
    ),
    queryParams: namedList(
      text('text', { description: 'Name of the parameter, decoded.', examples: ['debug'] }, checkParameter),
      'Query parameters that all have to fit, decoded. One that is given several times counts with its first value.',
      { name: 'debug', value: '1' },
    ),
    source: sourceSchema().optional().meta({ description: 'Who sends the request.' }),
    destination: destinationSchema().optional().meta({ description: 'Whom it is sent to.' }),
    grpc: grpcSchema().optional().meta({
      description:
        'A method of gRPC, gRPC-Web or Connect: Gateway API `GRPCMethodMatch`. The path `/service/method` decides; at least one of the two is given.',
    }),
  })
    .transform(({ path, method, headers, queryParams, grpc, source, destination }): Match => ({
      path,
      method,
      headers,
      queryParams,
      grpc,
      source,
      destination,
    }))
    .meta({
      id: 'Match',
      description:
        'What a request has to be like: Gateway API `HTTPRouteMatch`, and `grpc`, `source` and `destination`. All parts that are given have to hold.',
    });
}

function pathSchema(): z.ZodType<ValueMatch<'Exact' | 'PathPrefix' | 'RegularExpression'>> {
  return section({
    type: choice(
      {
        description:
          '`PathPrefix` compares whole path elements: `/api` holds `/api`, `/api/` and `/api/x`, not `/apix`. `RegularExpression` is RE2, for the whole path.',
      },
      ['PathPrefix', 'Exact', 'RegularExpression'],
    ).prefault('PathPrefix'),
    value: text(
      'text',
      { description: 'The path, prefix or pattern.', examples: ['/api'] },
      (value) => value,
    ).prefault('/'),
  }).transform(({ type, value }, context) => ({
    type,
    value: attempt(
      value,
      context,
      () => (type === 'RegularExpression' ? checkPattern(value) : checkPath(value)),
      ['value'],
    ),
  }));
}

function grpcSchema(): z.ZodType<GrpcMatch> {
  return section({
    type: choice({ description: '`RegularExpression` is RE2, for the whole name.' }, NAMED_TYPES).prefault(
      'Exact',
    ),
    service: text(
      'text',
      {
        description: 'The service with its package.',
        otherwise: 'every service',
        examples: ['shop.v1.Orders'],
      },
      checkValue,
    ).optional(),
    method: text(
      'text',
      { description: 'The method.', otherwise: 'every method', examples: ['Get'] },
      checkValue,
    ).optional(),
  }).transform(({ type, service, method }, context): GrpcMatch => {
    if (service === undefined && method === undefined) {
      context.issues.push({
        code: 'custom',
        input: type,
        message:
          'neither a service nor a method is given\nwrite { service: shop.v1.Orders }, or { method: Get }, or both',
      });
    }
    for (const [key, value] of [
      ['service', service],
      ['method', method],
    ] as const) {
      if (value === undefined) continue;
      attempt(value, context, () => (type === 'Exact' ? checkCallName(value) : checkPattern(value)), [key]);
    }
    return { type, service, method };
  });
}

/** A name of a service or method, as .proto files have them. */
function checkCallName(name: string): string {
  if (/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(name)) return name;
  throw new UserError(`"${name.slice(0, 80)}" is no name of a service or method`, {
    hint: 'write shop.v1.Orders and Get, or give the type RegularExpression',
  });
}

function namedList(
  name: z.ZodType<string, string>,
  description: string,
  example: { readonly name: string; readonly value: string },
): z.ZodType<NamedMatch[]> {
  const item = section({
    type: choice({ description: '`RegularExpression` is RE2, for the whole value.' }, NAMED_TYPES).prefault(
      'Exact',
    ),
    name,
    value: text('text', { description: 'The value or pattern.', examples: ['prod'] }, checkValue),
  }).transform(({ type, name: of, value }, context): NamedMatch => ({
    type,
    name: of,
    value: attempt(value, context, () => (type === 'RegularExpression' ? checkPattern(value) : value), [
      'value',
    ]),
  }));
  return list(item, { description, examples: [[example]] }, { min: 0, max: 16 })
    .superRefine((entries: unknown, context) => {
      if (!Array.isArray(entries)) return;
      const names = entries.map(nameOf);
      for (const [index, own] of names.entries()) {
        if (own === undefined || names.indexOf(own) === index) continue;
        context.addIssue({
          code: 'custom',
          message: `"${own}" is here a second time, and only the first would count\nwrite one regular expression, or two matches`,
          path: [index, 'name'],
        });
      }
    }, ALWAYS)
    .prefault([]);
}

function sourceSchema(): z.ZodType<SourceMatch> {
  return section({
    cidrs: list(
      text(
        'network',
        { description: 'A network or address.', examples: ['10.0.0.0/8', 'fd00::/8'] },
        (cidr) => {
          parseCidr(cidr);
          return cidr;
        },
      ),
      {
        description:
          'Any of these networks, by the address of the client’s connection (or of its PROXY protocol header).',
        examples: [['10.0.0.0/8', 'fd00::/8']],
      },
      { min: 0, max: 1024 },
    ).prefault([]),
    principals: list(
      text(
        'text',
        { description: 'A SPIFFE id or DNS name.', examples: ['spiffe://prod/ns/shop/sa/web'] },
        checkValue,
      ),
      {
        description:
          'Any of these identities in the client’s certificate: SPIFFE id or DNS name. Needs `clientCa` at the listener.',
        examples: [['spiffe://prod/ns/shop/sa/web']],
      },
      { min: 0, max: 1024 },
    ).prefault([]),
    labels: later('a provider'),
    namespaces: later('a provider'),
  }).transform(({ cidrs, principals }): SourceMatch => ({ cidrs, principals }));
}

function destinationSchema(): z.ZodType<DestinationMatch> {
  return section({
    hosts: list(
      text(
        'host name',
        { description: 'A host, or `*.` and a domain.', examples: ['*.orders.example'] },
        checkHostPattern,
      ),
      {
        description:
          'Any of these hosts, by the Host header or authority, without its port. `*.orders.example` is every name below orders.example.',
        examples: [['*.orders.example']],
      },
      { min: 0, max: 1024 },
    ).prefault([]),
    ports: list(
      integer({ description: 'A port.', examples: [8080] }, { min: 1, max: 65_535 }),
      { description: 'Any of these ports that the client connected to.', examples: [[8080]] },
      { min: 0, max: 256 },
    ).prefault([]),
    services: list(
      text('name', { description: 'The name of a service.', examples: ['orders'] }, checkName),
      {
        description:
          'Any of these services, by the address and port that the client connected to; their addresses stand under `services`.',
        examples: [['orders']],
      },
      { min: 1, max: 256 },
    ).optional(),
  }).transform(({ hosts, ports, services }): DestinationMatch =>
    services === undefined
      ? { hosts, ports }
      : // Their addresses are put in where all of the configuration is known.
        { hosts, ports, services: services.map((name) => ({ name, addresses: [] })) },
  );
}

function checkHostPattern(host: string): string {
  const name = host.startsWith('*.') ? host.slice(2) : host.replace(/^\[(.*)\]$/, '$1');
  if (isHost(name) && !(host.startsWith('*.') && /^[\d.:]+$/.test(name))) return host.toLowerCase();
  throw new UserError(`"${host.slice(0, 80)}" is not a host name`, {
    hint: 'write orders.example or *.orders.example, without a port',
  });
}

function checkParameter(name: string): string {
  if (name === '') throw new UserError('the name is empty', { hint: 'give the name of the query parameter' });
  return checkValue(name);
}

function checkPattern(pattern: string): string {
  compilePattern(pattern);
  return pattern;
}
