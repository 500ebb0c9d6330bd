import type { Connection, RequestHead } from './exchange.ts';
import { compileMatch, compileMatcher } from './match.ts';
import { normalPath } from './match-path.ts';
import type { Match, Policy } from './policy.ts';

/** Why a policy takes a request, or not. */
export interface Explanation {
  readonly matched: boolean;
  readonly tap: { readonly name: string; readonly holds: boolean };
  /** Every match of the policy, in its order. Empty: the policy takes everything. */
  readonly matches: readonly MatchExplanation[];
  /** Every exclusion of the policy; one that holds keeps the request out. */
  readonly exclude: readonly MatchExplanation[];
  /** Index of the match that counts, after Gateway API's precedence; -1 when there is none. */
  readonly best: number;
}

export interface MatchExplanation {
  readonly holds: boolean;
  /** Empty: the match takes everything. */
  readonly conditions: readonly ConditionExplanation[];
}

export interface ConditionExplanation {
  /** The key in the configuration, below the match: `path`, `headers[0]`. */
  readonly key: string;
  readonly wanted: string;
  /** What the request has there; undefined when it has nothing. */
  readonly found: string | undefined;
  readonly holds: boolean;
}

/** Says of every condition of a policy's taps, matches and exclusions whether a request fulfils it. Not for hot paths. */
export function explain(policy: Policy, request: RequestHead, connection: Connection): Explanation {
  const compiled = compileMatcher(policy);
  const path = normalPath(request.path);
  const explainMatch = (match: Match, use: 'match' | 'exclude'): MatchExplanation => {
    const conditions = compileMatch(match, use).conditions.map((condition) => ({
      key: condition.key,
      wanted: condition.wanted,
      found: condition.found(request, connection, path),
      holds: condition.holds(request, connection, path),
    }));
    return { holds: conditions.every(({ holds }) => holds), conditions };
  };
  return {
    matched: compiled.matches(request, connection),
    tap: { name: connection.tap, holds: policy.taps.length === 0 || policy.taps.includes(connection.tap) },
    matches: policy.matches.map((match) => explainMatch(match, 'match')),
    exclude: policy.exclude.map((match) => explainMatch(match, 'exclude')),
    best: compiled.bestMatch(request, connection),
  };
}
