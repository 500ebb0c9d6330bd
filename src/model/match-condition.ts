import { compileCidrs } from './cidr.ts';
import type { Condition } from './condition.ts';
import type { Connection, RequestHead } from './exchange.ts';
import { grpcConditions } from './match-grpc.ts';
import { compileHosts } from './match-host.ts';
import { hasPrefix, normalPath, normalPrefix } from './match-path.ts';
import { queryParam } from './match-query.ts';
import { serviceCondition } from './match-service.ts';
import type { Match, NamedMatch, ValueMatch } from './policy.ts';
import { compilePattern } from './regex.ts';

/**
 * The conditions of a match, in the order of the configuration.
 *
 * @param whenTooLong what a regular expression says of a text that is too long to be looked at
 * @throws UserError when a pattern or network is not valid
 */
export function compileConditions(match: Match, whenTooLong: boolean): readonly Condition[] {
  const { path, method, headers, queryParams, grpc, source, destination } = match;
  const conditions: Condition[] = [];
  if (path !== undefined) conditions.push(pathCondition(path, whenTooLong));
  if (method !== undefined) conditions.push(methodCondition(method));
  conditions.push(
    ...headers.map((header, index) => headerCondition(header, index, whenTooLong)),
    ...queryParams.map((param, index) => queryCondition(param, index, whenTooLong)),
  );
  if (grpc !== undefined) conditions.push(...grpcConditions(grpc, whenTooLong));
  if (source !== undefined && source.cidrs.length > 0) conditions.push(cidrCondition(source.cidrs));
  if (source !== undefined && source.principals.length > 0)
    conditions.push(principalCondition(source.principals));
  if (destination !== undefined && destination.hosts.length > 0)
    conditions.push(hostCondition(destination.hosts));
  if (destination !== undefined && destination.ports.length > 0)
    conditions.push(portCondition(destination.ports));
  if (destination?.services !== undefined) conditions.push(serviceCondition(destination.services));
  return conditions;
}

function pathCondition(
  { type, value }: ValueMatch<'Exact' | 'PathPrefix' | 'RegularExpression'>,
  whenTooLong: boolean,
): Condition {
  const base = { key: 'path', wanted: `${type} ${value}`, found: pathItself };
  switch (type) {
    case 'Exact': {
      const exact = normalPath(value);
      return { ...base, cost: 0, holds: (_request, _connection, path) => path === exact };
    }
    case 'PathPrefix': {
      const prefix = normalPrefix(value);
      return { ...base, cost: 0, holds: (_request, _connection, path) => hasPrefix(path, prefix) };
    }
    case 'RegularExpression': {
      const pattern = compilePattern(value, whenTooLong);
      return { ...base, cost: 2, holds: (_request, _connection, path) => pattern(path) };
    }
  }
}

function pathItself(_request: RequestHead, _connection: Connection, path: string): string {
  return path;
}

function methodCondition(method: string): Condition {
  return {
    key: 'method',
    wanted: method,
    cost: 0,
    holds: (request) => request.method === method,
    found: (request) => request.method,
  };
}

/** A header that is sent several times counts with its first value. */
function headerCondition({ type, name, value }: NamedMatch, index: number, whenTooLong: boolean): Condition {
  const base = {
    key: `headers[${index}]`,
    wanted: `${name}: ${describe(type, value)}`,
    found: (request: RequestHead) => request.header(name),
  };
  if (type === 'Exact') return { ...base, cost: 1, holds: (request) => request.header(name) === value };
  const pattern = compilePattern(value, whenTooLong);
  return {
    ...base,
    cost: 2,
    holds: (request) => {
      const found = request.header(name);
      return found !== undefined && pattern(found);
    },
  };
}

/** A parameter that is given several times counts with its first value, as Gateway API recommends. */
function queryCondition({ type, name, value }: NamedMatch, index: number, whenTooLong: boolean): Condition {
  const base = {
    key: `queryParams[${index}]`,
    wanted: `${name}=${describe(type, value)}`,
    found: (request: RequestHead) => queryParam(request.query, name),
  };
  if (type === 'Exact')
    return { ...base, cost: 1, holds: (request) => queryParam(request.query, name) === value };
  const pattern = compilePattern(value, whenTooLong);
  return {
    ...base,
    cost: 2,
    holds: (request) => {
      const found = queryParam(request.query, name);
      return found !== undefined && pattern(found);
    },
  };
}

function cidrCondition(cidrs: readonly string[]): Condition {
  const contains = compileCidrs(cidrs);
  return {
    key: 'source.cidrs',
    wanted: cidrs.join(' or '),
    cost: 1,
    holds: (_request, connection) => contains(connection.source.ip),
    found: (_request, connection) => connection.source.ip || undefined,
  };
}

function principalCondition(principals: readonly string[]): Condition {
  return {
    key: 'source.principals',
    wanted: principals.join(' or '),
    cost: 0,
    holds: (_request, { principal }) => principal !== undefined && principals.includes(principal),
    found: (_request, connection) => connection.principal,
  };
}

function hostCondition(hosts: readonly string[]): Condition {
  const matches = compileHosts(hosts);
  return {
    key: 'destination.hosts',
    wanted: hosts.join(' or '),
    cost: 1,
    holds: (request) => matches(request.authority),
    found: (request) => request.authority || undefined,
  };
}

/** The port that the client connected to, not the one in its Host header. */
function portCondition(ports: readonly number[]): Condition {
  return {
    key: 'destination.ports',
    wanted: ports.join(' or '),
    cost: 0,
    holds: (_request, connection) => ports.includes(connection.destination.port),
    found: (_request, connection) => String(connection.destination.port),
  };
}

function describe(type: 'Exact' | 'RegularExpression', value: string): string {
  return type === 'Exact' ? value : `RegularExpression ${value}`;
}
