import { UserError } from '../kit/errors.ts';
import { checkTemplate, templateShape } from './route-template.ts';
import { isSection } from './value.ts';

/** Templates that are taken from one document; what comes after is left out, and the document refused. */
export const MAX_OPENAPI_TEMPLATES = 1500;
/** Base paths of one operation: a document for many tenants lists a server for each. */
const MAX_BASES = 16;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/**
 * The route templates of an OpenAPI 3 document (https://spec.openapis.org/oas/v3.1.1.html) or a Swagger 2 one: `GET
 * /v1/orders/{id}`, one for each operation and base path of its servers. The nearest servers count: the operation's, its
 * path's, the document's; their variables have their defaults. A path whose operations are not in the document itself
 * (`$ref`) has its template for every method.
 *
 * @param document as JSON or YAML gives it
 * @param name the file's, for messages
 * @throws UserError when it is no such document, a path of it is none, or it has too many
 */
export function openapiTemplates(document: unknown, name: string): readonly string[] {
  if (!isSection(document) || (document['openapi'] ?? document['swagger']) === undefined) {
    throw mistake(`${name} is no OpenAPI document`, 'one has the key openapi: 3.1.0, or swagger: "2.0"');
  }
  const { paths } = document;
  if (!isSection(paths)) throw mistake(`${name} has no paths`, 'they stand under the key paths');
  const bases = typeof document['basePath'] === 'string' ? [document['basePath']] : basesOf(document, ['']);
  const templates = new Map<string, string>();
  for (const [path, item] of Object.entries(paths)) {
    // Extensions stand beside the paths (§4.9).
    if (path.startsWith('x-')) continue;
    for (const [method, base] of operationsOf(item, bases)) {
      const template = checked(`${method}${joined(base, path)}`, `${name}: the path "${path.slice(0, 80)}"`);
      const shape = templateShape(template);
      if (!templates.has(shape)) templates.set(shape, template);
      if (templates.size > MAX_OPENAPI_TEMPLATES) {
        throw mistake(
          `${name} has more than ${MAX_OPENAPI_TEMPLATES} operations`,
          'name the routes that matter in templates instead',
        );
      }
    }
  }
  return [...templates.values()];
}

/** Methods, with a space behind, and bases of a path item. */
function operationsOf(
  item: unknown,
  above: readonly string[],
): readonly (readonly [method: string, base: string])[] {
  if (!isSection(item)) return above.map((base) => ['', base]);
  const bases = basesOf(item, above);
  const operations = METHODS.flatMap((method) => {
    const operation = item[method];
    return isSection(operation)
      ? basesOf(operation, bases).map((base) => [`${method.toUpperCase()} `, base] as const)
      : [];
  });
  return operations.length === 0 ? bases.map((base) => ['', base]) : operations;
}

/** Paths of the servers that are named here, or else those of above. */
function basesOf(named: Readonly<Record<string, unknown>>, above: readonly string[]): readonly string[] {
  const { servers } = named;
  if (!Array.isArray(servers) || servers.length === 0) return above;
  return [...new Set(servers.slice(0, MAX_BASES).map(basePath))];
}

function basePath(server: unknown): string {
  if (!isSection(server) || typeof server['url'] !== 'string') return '';
  const { url, variables } = server;
  const filled = url.slice(0, 2048).replaceAll(/\{([^{}]{1,64})\}/g, (_, name: string) => {
    const variable = isSection(variables) && Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = isSection(variable) ? variable['default'] : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : `{${name}}`;
  });
  const path = filled.replace(/^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[^/]*/, '');
  return path.split(/[?#]/, 1)[0] ?? '';
}

/** The path behind its base. */
function joined(base: string, path: string): string {
  if (!path.startsWith('/')) return path;
  const root = base.replace(/^\.?\/*/, '').replace(/\/{1,64}$/, '');
  return `${root === '' ? '' : '/'}${root}${path}`;
}

function checked(template: string, where: string): string {
  try {
    return checkTemplate(template);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint = 'write it like /orders/{id}' } = error;
    throw mistake(`${where}: ${message}`, hint);
  }
}

function mistake(message: string, hint: string): UserError {
  return new UserError(message, { code: 'config', hint });
}
