import { UserError } from '../kit/errors.ts';
import { checkPath } from './checks.ts';

const METHOD = /^([A-Z][A-Z-]{0,19}) +(?=\/)/;
const PARAMETER = /^\{[^{}/]{1,64}\}$/;

/**
 * A path template, `/api/orders/{id}`, with or without a method in front. A parameter is a whole segment.
 *
 * @throws UserError
 */
export function checkTemplate(text: string): string {
  const [prefix = '', method] = METHOD.exec(text) ?? [];
  const path = text.slice(prefix.length);
  if (!path.startsWith('/')) {
    throw new UserError(`"${text.slice(0, 80)}" is not a path template`, {
      code: 'config',
      hint: 'write /api/orders/{id} or GET /api/orders/{id}, the method in capitals',
    });
  }
  const literal = path
    .split('/')
    .map((segment) => (PARAMETER.test(segment) ? 'x' : segment))
    .join('/');
  if (/[{}]/.test(literal)) {
    throw new UserError('a parameter is a whole segment of the path', {
      code: 'config',
      hint: 'write /reports/{month} instead of /reports/{year}-{month}',
    });
  }
  checkPath(literal);
  return method === undefined ? path : `${method} ${path}`;
}

/**
 * A route as findings and reports show it: `GET /api/orders/{id}`.
 *
 * @throws UserError
 */
export function checkRoute(text: string): string {
  if (METHOD.test(text)) return checkTemplate(text);
  throw new UserError(`"${text.slice(0, 80)}" is not a route`, {
    code: 'config',
    hint: 'write the method in capitals and the template as reports show it: GET /api/orders/{id}',
  });
}

/** What two templates have in common when they fit the same requests: `GET /api/orders/{}`. */
export function templateShape(template: string): string {
  return template.replaceAll(/\{[^{}/]*\}/g, '{}');
}
