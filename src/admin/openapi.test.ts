import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { openapiDocument } from './openapi.ts';
import { ROUTES } from './routes.ts';

interface Operation {
  readonly operationId: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: object;
    readonly required?: boolean;
  }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { readonly content: object }>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

// As a reader gets it.
const document = JSON.parse(JSON.stringify(openapiDocument(ROUTES, '1.2.3'))) as Document;
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

test('describes every route once', () => {
  equal(document.openapi, '3.1.1');
  equal(document.info.version, '1.2.3');
  equal(operations.length, ROUTES.length);
  for (const route of ROUTES) ok(document.paths[route.path]?.[route.method.toLowerCase()], route.path);
  equal(new Set(operations.map((operation) => operation.operationId)).size, ROUTES.length);
});

test('names path parameters, bodies, problems and what is open', () => {
  const pause = document.paths['/api/v1/policies/{name}/pause']?.['post'];
  deepEqual(
    pause?.parameters?.map((parameter) => parameter.name),
    ['name'],
  );
  ok(pause?.requestBody !== undefined);
  ok('application/problem+json' in (pause?.responses['default']?.content ?? {}));
  deepEqual(document.paths['/healthz']?.['get']?.security, []);
  equal(document.paths['/metrics']?.['get']?.security, undefined);
});

test('describes the parameters of queries as they are checked', () => {
  const parameters = document.paths['/api/v1/differences']?.['get']?.parameters ?? [];
  const schemaOf = (name: string): object | undefined =>
    parameters.find((parameter) => parameter.name === name && parameter.in === 'query')?.schema;
  deepEqual(schemaOf('limit'), { default: 50, type: 'integer', minimum: 1, maximum: 500 });
  deepEqual(schemaOf('risk'), { type: 'string', enum: ['low', 'medium', 'high'] });
  deepEqual(schemaOf('fails'), { type: 'boolean' });
  deepEqual(schemaOf('policy'), { type: 'string', maxLength: 1024 });
  ok(parameters.every(({ required }) => required === undefined));
  const ignore = document.paths['/api/v1/policies/{name}/differences/{finding}/ignore']?.['post'];
  deepEqual(
    ignore?.parameters?.map((parameter) => [parameter.name, parameter.in, parameter.required]),
    [
      ['name', 'path', true],
      ['finding', 'path', true],
    ],
  );
});

test('every reference leads somewhere', () => {
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  for (const [, path = ''] of references) {
    const target = path
      .split('/')
      .reduce<unknown>(
        (at, key) =>
          typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined,
        document,
      );
    ok(target !== undefined, path);
  }
});

test('describes the fields of a summary', () => {
  const schema = JSON.stringify(document.paths['/api/v1/summary']?.['get']?.responses['200']);
  for (const field of ['heldWrites', 'notMirrored', 'unsafe_method', 'tapeDroppedBytes'])
    ok(schema.includes(field));
});
