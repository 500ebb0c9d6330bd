import type { RouteSettings } from '../../model/compare-settings.ts';
import { ownText } from '../own-text.ts';
import { segmentsOf } from './path.ts';
import { RouteTree } from './route-tree.ts';
import type { Route } from './route-tree.ts';
import { placeholderOf } from './segment.ts';
import { TemplateTree } from './templates.ts';

/** What stands behind the method when there are too many routes. A path begins with a slash, so no path is called that. */
const CATCH_ALL = '(other)';
/** For targets that are no path: an authority (CONNECT). */
const NO_PATH = '(no path)';

/**
 * A method of a service in a package, as gRPC and Connect call it (PROTOCOL-HTTP2.md: Path). Few others have a dot in the
 * middle of a path's first segment.
 */
const CALL = /^\/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\/[A-Za-z_]\w*$/;
const CALL_CHARS = 200;
/** Share of the routes that may be calls, so that somebody who makes names up leaves room for the others. */
const CALLS_SHARE = 0.5;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
/** Methods of others' making that are told apart. */
const FURTHER_METHODS = 8;
const METHOD = /^[A-Z][A-Z-]{0,15}$/;
const OTHER_METHOD = 'OTHER';

/** Paths whose routes are remembered, per method: twice this, as new and as aged ones. */
const REMEMBERED_PATHS = 2048;
/** Longer ones are not remembered. */
const REMEMBERED_CHARS = 256;

/** One method and what came with it. */
interface MethodRoutes {
  readonly method: string;
  /** Routes by path; the aged ones go when the new ones are full, so that what is used stays. */
  fresh: Map<string, Route>;
  aged: Map<string, Route>;
  readonly templates: Map<string, Route>;
  readonly catchAll: Route;
  readonly noPath: Route;
}

/** Whether a route stands for the requests that found no place among the routes. */
export function isCatchAll(route: string): boolean {
  return route.endsWith(` ${CATCH_ALL}`);
}

/**
 * Groups requests by method and path template. Templates that are known win; the others are learned from the paths that
 * come: what is an id by its form becomes a placeholder at once, and names do where one place of the tree has more than
 * `segmentValues` of them. A table may take the routes of others (`adopt`), so that several observers agree.
 *
 * Routes that have become one are told to `onFold` before the call that found it returns; who counts by route moves its
 * counts then. Memory is bounded: routes, names at one place, length and depth of a path, methods, remembered paths.
 */
export class RouteTable {
  readonly #tree: RouteTree;
  readonly #templates: TemplateTree;
  readonly #byMethod = new Map<string, MethodRoutes>();
  /** Methods of services: they are never folded, however many a service has. */
  readonly #calls = new Map<string, Route>();
  readonly #callsLimit: number;
  #furtherMethods = 0;
  #turnedAway = 0;

  /** @param onFold `from` are routes that no longer exist, and their counts belong to `to` */
  constructor(settings: RouteSettings, onFold: (from: readonly string[], to: string) => void = () => {}) {
    this.#templates = new TemplateTree(settings.templates);
    this.#callsLimit = Math.floor(settings.limit * CALLS_SHARE);
    this.#tree = new RouteTree(settings.limit, settings.segmentValues, (from, to) => {
      for (const routes of this.#byMethod.values()) {
        routes.fresh.clear();
        routes.aged.clear();
      }
      onFold(from, to);
    });
    for (const method of METHODS) this.#byMethod.set(method, createMethod(method));
  }

  /** Routes learned; templates that are known do not count, nor do catch-alls. */
  get size(): number {
    return this.#tree.size + this.#calls.size;
  }

  /** Requests that were counted under a catch-all because there were too many routes. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /**
   * The route of a request.
   *
   * @param path without query, as sent
   * @returns `GET /api/orders/{id}`; the same string object for the same route, as long as it is not folded
   */
  routeOf(method: string, path: string): string {
    const routes = this.#byMethod.get(method) ?? this.#furtherMethod(method);
    const route = routes.fresh.get(path) ?? this.#remember(routes, path);
    route.hits++;
    if (route === routes.catchAll) this.#turnedAway++;
    return route.name;
  }

  /**
   * What a route of another table, such as an observer's, is called here. Names are folded where the other table has a
   * parameter.
   *
   * @param requests that it stands for
   */
  adopt(route: string, requests = 1): string {
    const space = route.indexOf(' ');
    const method = route.slice(0, Math.max(space, 0));
    const path = route.slice(space + 1);
    const routes = this.#byMethod.get(method) ?? this.#furtherMethod(method);
    const found = this.#adopted(routes, path);
    found.hits += requests;
    // The other table has counted its own.
    if (found === routes.catchAll && path !== CATCH_ALL) this.#turnedAway += requests;
    return found.name;
  }

  #adopted(routes: MethodRoutes, path: string): Route {
    if (path === NO_PATH) return routes.noPath;
    if (!path.startsWith('/')) return routes.catchAll;
    const names = path.slice(1).split('/');
    return (
      this.#template(routes, names) ??
      this.#call(routes, path) ??
      this.#tree.routeOf(routes.method, names) ??
      routes.catchAll
    );
  }

  #remember(routes: MethodRoutes, path: string): Route {
    const aged = routes.aged.get(path);
    const route = aged ?? this.#find(routes, path);
    if (path.length > REMEMBERED_CHARS) return route;
    if (routes.fresh.size >= REMEMBERED_PATHS) {
      routes.aged = routes.fresh;
      routes.fresh = new Map();
    }
    // A path is a slice of its request's head, which would stay in memory with it.
    routes.fresh.set(ownText(path), route);
    return route;
  }

  #find(routes: MethodRoutes, path: string): Route {
    if (!path.startsWith('/')) {
      if (path !== '' && path !== '*') return routes.noPath;
      return this.#tree.routeOf(routes.method, [path]) ?? routes.catchAll;
    }
    const segments = segmentsOf(path);
    const template = this.#template(routes, segments);
    if (template !== undefined) return template;
    const call = this.#call(routes, path);
    if (call !== undefined) return call;
    for (const [at, segment] of segments.entries()) segments[at] = placeholderOf(segment) ?? segment;
    return this.#tree.routeOf(routes.method, segments) ?? routes.catchAll;
  }

  #template(routes: MethodRoutes, segments: readonly string[]): Route | undefined {
    if (this.#templates.empty) return undefined;
    const path = this.#templates.find(routes.method, segments);
    if (path === undefined) return undefined;
    const known = routes.templates.get(path);
    if (known !== undefined) return known;
    const route = createRoute(`${routes.method} ${path}`);
    routes.templates.set(path, route);
    return route;
  }

  /** The route of a call; where there is no room such paths are learned as all others are. */
  #call({ method }: MethodRoutes, path: string): Route | undefined {
    if (method !== 'POST' || path.length > CALL_CHARS || !CALL.test(path)) return undefined;
    const known = this.#calls.get(path);
    if (known !== undefined || this.#calls.size >= this.#callsLimit || !this.#tree.giveRoom()) return known;
    const own = ownText(path);
    const route = createRoute(`${method} ${own}`);
    this.#calls.set(own, route);
    return route;
  }

  #furtherMethod(method: string): MethodRoutes {
    const own =
      METHOD.test(method) && this.#furtherMethods < FURTHER_METHODS ? ownText(method) : OTHER_METHOD;
    const known = this.#byMethod.get(own);
    if (known !== undefined) return known;
    if (own !== OTHER_METHOD) this.#furtherMethods++;
    const routes = createMethod(own);
    this.#byMethod.set(own, routes);
    return routes;
  }
}

function createMethod(method: string): MethodRoutes {
  return {
    method,
    fresh: new Map(),
    aged: new Map(),
    templates: new Map(),
    catchAll: createRoute(`${method} ${CATCH_ALL}`),
    noPath: createRoute(`${method} ${NO_PATH}`),
  };
}

function createRoute(name: string): Route {
  return { name, hits: 0, into: undefined };
}
