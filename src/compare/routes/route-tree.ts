import { ownText } from '../own-text.ts';
import { SEGMENT, isLiteral, segmentPlaceholder } from './segment.ts';

/** One route, and how often it was asked for. */
export interface Route {
  /** `GET /api/orders/{id}` */
  name: string;
  hits: number;
  /** Where its counts went when it was folded into another route. */
  into: Route | undefined;
}

/** One segment of the paths that came. */
interface Place {
  readonly name: string;
  readonly parent: Place | undefined;
  readonly children: Map<string, Place>;
  /** Routes that end here, by method. */
  readonly routes: Map<string, Route>;
  /** Children that are names. */
  literals: number;
  /** There were too many names: new ones are a parameter. */
  folded: boolean;
  /** Names that came while there was no room for routes; they count as values all the same. */
  turnedAway: Set<string> | undefined;
}

/**
 * A name with this many hits and this share of those at its place stays a name when the others become a parameter. So
 * somebody who tries a hundred addresses does not turn `/api` into `/{segment}`.
 */
const KEPT_HITS = 100;
const KEPT_SHARE = 0.1;

/** Names remembered while there is no room for routes, over all places. */
const TURNED_AWAY_NAMES = 10_000;

/** The routes learned from the paths that came: a tree of segments that becomes narrower where a place has many values. */
export class RouteTree {
  readonly #root = createPlace('', undefined);
  #limit: number;
  readonly #segmentValues: number;
  readonly #onFold: (from: readonly string[], to: string) => void;
  /** Names that routes had before the fold under way, and what became of them. */
  readonly #moved = new Map<string, Route>();
  #size = 0;
  #turnedAwayNames = 0;

  /**
   * @param limit routes
   * @param segmentValues names at one place
   * @param onFold routes got another name, or were folded into one that is there
   */
  constructor(limit: number, segmentValues: number, onFold: (from: readonly string[], to: string) => void) {
    this.#limit = limit;
    this.#segmentValues = segmentValues;
    this.#onFold = onFold;
  }

  /** Gives up room for one route to whom keeps it elsewhere. @returns whether there was any */
  giveRoom(): boolean {
    if (this.#size >= this.#limit) return false;
    this.#limit--;
    return true;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * @param names segments: names, placeholders, `**` at the end
   * @returns undefined when there is no room for one more route
   */
  routeOf(method: string, names: readonly string[]): Route | undefined {
    const known = this.#find(method, names);
    if (known !== undefined) return known;
    if (this.#size >= this.#limit) this.#turnAway(names);
    const found = this.#find(method, names) ?? this.#add(method, names);
    this.#tellMoved();
    return found;
  }

  #find(method: string, names: readonly string[]): Route | undefined {
    let place = this.#root;
    for (const name of names) {
      const child = childOf(place, name);
      if (child === undefined) return undefined;
      place = child;
    }
    return place.routes.get(method);
  }

  #add(method: string, names: readonly string[]): Route | undefined {
    if (this.#size >= this.#limit) return undefined;
    let place = this.#root;
    for (const name of names) place = this.#step(place, name);
    // A fold on the way may have brought the route here.
    const known = place.routes.get(method);
    if (known !== undefined) return known;
    const route: Route = { name: nameOf(method, place), hits: 0, into: undefined };
    place.routes.set(method, route);
    this.#size++;
    return route;
  }

  /** Goes on learning without room: a place whose values are too many becomes a parameter, and that makes room. */
  #turnAway(names: readonly string[]): void {
    let place = this.#root;
    for (const name of names) {
      const child = childOf(place, name);
      if (child === undefined) {
        this.#meet(place, name);
        return;
      }
      place = child;
    }
  }

  #meet(place: Place, name: string): void {
    if (name.startsWith(SEGMENT)) this.#fold(place);
    if (place.folded || !isLiteral(name)) return;
    const seen = place.turnedAway;
    if (seen?.has(name) === true) return;
    if (this.#isFull(place)) this.#fold(place);
    else if (this.#turnedAwayNames < TURNED_AWAY_NAMES) {
      (place.turnedAway ??= new Set()).add(ownText(name));
      this.#turnedAwayNames++;
    }
  }

  #isFull({ literals, turnedAway }: Place): boolean {
    return literals + (turnedAway?.size ?? 0) >= this.#segmentValues;
  }

  /** The place below, made when it is not there. */
  #step(place: Place, name: string): Place {
    const known = childOf(place, name);
    if (known !== undefined && (place.folded || !name.startsWith(SEGMENT))) return known;
    const literal = isLiteral(name);
    if (place.turnedAway?.delete(name) === true) this.#turnedAwayNames--;
    if (!place.folded && (literal ? this.#isFull(place) : name.startsWith(SEGMENT))) this.#fold(place);
    const own = ownText(literal && place.folded ? segmentPlaceholder(name) : name);
    let child = place.children.get(own);
    if (child === undefined) {
      child = createPlace(own, place);
      place.children.set(own, child);
      if (isLiteral(own)) place.literals++;
    }
    return child;
  }

  /** Makes the names at a place a parameter. */
  #fold(place: Place): void {
    if (place.folded) return;
    place.folded = true;
    this.#forgetTurnedAway(place);
    const enough = Math.max(KEPT_HITS, hitsBelow(place) * KEPT_SHARE);
    const names = [...place.children.values()].filter(
      (child) => isLiteral(child.name) && hitsBelow(child) < enough,
    );
    for (const child of names) place.children.delete(child.name);
    place.literals -= names.length;
    for (const child of names) this.#move(child, this.#step(place, child.name));
  }

  /** Everything at and below a place goes to another one. */
  #move(from: Place, to: Place): void {
    this.#forgetTurnedAway(from);
    for (const [method, route] of from.routes) {
      const there = to.routes.get(method);
      if (there === undefined) {
        this.#moved.set(route.name, route);
        route.name = nameOf(method, to);
        to.routes.set(method, route);
      } else {
        this.#moved.set(route.name, there);
        there.hits += route.hits;
        route.into = there;
        this.#size--;
      }
    }
    for (const child of from.children.values()) this.#move(child, this.#step(to, child.name));
  }

  #forgetTurnedAway(place: Place): void {
    this.#turnedAwayNames -= place.turnedAway?.size ?? 0;
    place.turnedAway = undefined;
  }

  #tellMoved(): void {
    if (this.#moved.size === 0) return;
    const byName = new Map<string, string[]>();
    for (const [from, route] of this.#moved) {
      const to = lastOf(route).name;
      const names = byName.get(to);
      if (names === undefined) byName.set(to, [from]);
      else names.push(from);
    }
    this.#moved.clear();
    for (const [to, from] of byName) this.#onFold(from, to);
  }
}

function createPlace(name: string, parent: Place | undefined): Place {
  return {
    name,
    parent,
    children: new Map(),
    routes: new Map(),
    literals: 0,
    folded: false,
    turnedAway: undefined,
  };
}

function childOf(place: Place, name: string): Place | undefined {
  const child = place.children.get(name);
  if (child !== undefined || !place.folded || !isLiteral(name)) return child;
  return place.children.get(segmentPlaceholder(name));
}

function lastOf(route: Route): Route {
  let last = route;
  while (last.into !== undefined) last = last.into;
  return last;
}

function nameOf(method: string, place: Place): string {
  const names: string[] = [];
  for (let at = place; at.parent !== undefined; at = at.parent) names.push(at.name);
  return `${method} /${names.toReversed().join('/')}`;
}

function hitsBelow(place: Place): number {
  let hits = 0;
  for (const route of place.routes.values()) hits += route.hits;
  for (const child of place.children.values()) hits += hitsBelow(child);
  return hits;
}
