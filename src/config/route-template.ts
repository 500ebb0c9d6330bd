import { UserError } from '../kit/errors.ts';
import { checkPath } from './checks.ts';

const METHOD = /^([A-Z][A-Z-]{0,19}) +(?=\/)/;
const ROUTE = /^[A-Z][A-Z-]{0,19} (?:\/[!-~]{0,1024}|\(other\))$/;
const PARAMETER = /\{[^{}/]{1,64}\}/g;

/**
 * A path template, `/api/orders/{id}`, `/files/{name}.json` or `/static/**`, with or without a method in front.
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
  const literal = path.replaceAll(PARAMETER, 'x').replace(/(?<=\/)\*\*$/, 'x');
  if (/[{}]|\*\*/.test(literal)) {
    throw new UserError(`"${path.slice(0, 80)}" is not a path template`, {
      code: 'config',
      hint: 'a parameter is {name}, and ** stands only for everything below: /static/**',
    });
  }
  checkPath(literal);
  return method === undefined ? path : `${method} ${path}`;
}

/**
 * A route as findings and reports show it, also one that was learned: `GET /api/orders/{id}`, `GET (other)`.
 *
 * @throws UserError
 */
export function checkRoute(text: string): string {
  if (ROUTE.test(text)) return text;
  throw new UserError(`"${text.slice(0, 80)}" is not a route`, {
    code: 'config',
    hint: 'write the method in capitals and the template as reports show it: GET /api/orders/{id}',
  });
}

/** What two templates have in common when they fit the same requests: `GET /api/orders/{}`. */
export function templateShape(template: string): string {
  return template.replaceAll(/\{[^{}/]*\}/g, '{}');
}
