import { DIFFERENCE_KINDS } from '../model/difference.ts';
import type { IgnoreRule } from '../model/compare-settings.ts';
import type { DifferenceKind } from '../model/difference.ts';
import { PathRules } from './path-pattern.ts';

/** Routes whose rules are remembered; there are no more in a policy by default. */
const ROUTES_REMEMBERED = 512;

const BIT: ReadonlyMap<DifferenceKind, number> = new Map(
  DIFFERENCE_KINDS.map((kind, index) => [kind, 1 << index]),
);
const ALL = (1 << DIFFERENCE_KINDS.length) - 1;

/** What is ignored on one route. */
export class Ignoring {
  readonly #rules: PathRules<number>;
  /** Rules for every kind whose path is open, so that they hold for all that is below. */
  readonly #below: PathRules<true>;

  constructor(rules: readonly IgnoreRule[]) {
    this.#rules = new PathRules(rules.map((rule) => [rule.path, kindsOf(rule)]));
    this.#below = new PathRules(
      rules
        .filter((rule) => kindsOf(rule) === ALL && rule.path.endsWith('**'))
        .map((rule) => [rule.path, true]),
    );
  }

  get nothing(): boolean {
    return this.#rules.empty;
  }

  ignores(kind: DifferenceKind, path: string): boolean {
    const bit = BIT.get(kind) ?? 0;
    return this.#rules.all(path).some((kinds) => (kinds & bit) !== 0);
  }

  /** Whether all differences at a path and below it are ignored. */
  allBelow(path: string): boolean {
    return this.#below.find(path) ?? false;
  }
}

/** Ignore rules by route. */
export class IgnoringByRoute {
  readonly #rules: readonly IgnoreRule[];
  readonly #everywhere: Ignoring;
  readonly #named: ReadonlySet<string>;
  readonly #known = new Map<string, Ignoring>();

  constructor(rules: readonly IgnoreRule[]) {
    this.#rules = rules;
    this.#everywhere = new Ignoring(rules.filter(({ route }) => route === undefined));
    this.#named = new Set(rules.flatMap(({ route }) => (route === undefined ? [] : [route])));
  }

  on(route: string): Ignoring {
    if (!this.#named.has(route)) return this.#everywhere;
    const known = this.#known.get(route);
    if (known !== undefined) return known;
    const made = new Ignoring(this.#rules.filter((rule) => rule.route === undefined || rule.route === route));
    if (this.#known.size >= ROUTES_REMEMBERED) this.#known.clear();
    this.#known.set(route, made);
    return made;
  }
}

function kindsOf({ kinds }: IgnoreRule): number {
  if (kinds.length === 0) return ALL;
  let bits = 0;
  for (const kind of kinds) bits |= BIT.get(kind) ?? 0;
  return bits;
}
