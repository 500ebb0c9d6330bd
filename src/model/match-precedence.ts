import { normalPrefix } from './match-path.ts';
import type { Match } from './policy.ts';

/**
 * Orders indexes into `matches` by Gateway API's precedence: an exact path, then the longest path prefix, then a method,
 * then a gRPC service and method, the
 * longest first, then the most headers, then the most query parameters, then the order of the configuration. The specification leaves
 * regular expressions to the implementation: here they stand between exact paths and prefixes, the longest pattern first.
 */
export function byPrecedence(matches: readonly Match[]): (a: number, b: number) => number {
  const ranks = matches.map(rank);
  return (a, b) => {
    const first = ranks[a] ?? [];
    const second = ranks[b] ?? [];
    for (const [index, value] of first.entries()) {
      const difference = (second[index] ?? 0) - value;
      if (difference !== 0) return difference;
    }
    return a - b;
  };
}

function rank(match: Match): readonly number[] {
  const { path } = match;
  return [
    path === undefined ? 0 : { PathPrefix: 0, RegularExpression: 1, Exact: 2 }[path.type],
    path === undefined ? 0 : path.type === 'PathPrefix' ? normalPrefix(path.value).length : path.value.length,
    match.method === undefined ? 0 : 1,
    // GRPCRoute: the most characters in a matching service, then in a matching method; exact ones first.
    match.grpc?.type === 'Exact' ? 1 : 0,
    match.grpc?.service?.length ?? 0,
    match.grpc?.method?.length ?? 0,
    match.headers.length,
    match.queryParams.length,
  ];
}
