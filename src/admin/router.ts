import { ApiProblem } from './problem.ts';
import type { Route } from './route.ts';

export interface Found {
  /** Undefined when no route has this path and method. */
  readonly route: Route | undefined;
  /** Decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  /** Methods that the path takes; empty when there is no such path. */
  readonly allow: readonly string[];
}

/**
 * Finds the route of a request. HEAD goes where GET goes.
 *
 * @param target the request target: a path with or without a query, or an absolute URL
 * @throws ApiProblem 400 when the path is not well encoded
 */
export function findRoute(routes: readonly Route[], method: string, target: string): Found {
  const segments = pathOf(target).split('/');
  const allow: string[] = [];
  for (const route of routes) {
    const params = matchPath(route.path.split('/'), segments);
    if (params === undefined) continue;
    if (route.method === method || (route.method === 'GET' && method === 'HEAD'))
      return { route, params, allow: [] };
    allow.push(...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]));
  }
  return { route: undefined, params: {}, allow };
}

function pathOf(target: string): string {
  const [path = ''] = target.split(/[?#]/, 1);
  // The absolute form (RFC 9112 §3.2.2), which every server has to take.
  return path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '') || '/';
}

function matchPath(
  template: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (template.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of template.entries()) {
    const segment = segments[i] ?? '';
    if (part.startsWith('{')) params[part.slice(1, -1)] = decode(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiProblem(400, 'The path is not well encoded.');
  }
}
