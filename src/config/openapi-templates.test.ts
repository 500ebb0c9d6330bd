import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UserError } from '../kit/errors.ts';
import { parseOpenapi } from './openapi-document.ts';
import { MAX_OPENAPI_TEMPLATES, openapiTemplates } from './openapi-templates.ts';

function templates(text: string): readonly string[] {
  return openapiTemplates(parseOpenapi(text, 'openapi.yaml'), 'openapi.yaml');
}

const document = (rest: string): string => `openapi: 3.1.0\n${rest}`;

const cases: readonly (readonly [what: string, text: string, templates: readonly string[]])[] = [
  [
    'every operation',
    document('paths: { /a: { get: {}, post: {}, parameters: [] }, "/a/{id}": { delete: {} } }'),
    ['GET /a', 'POST /a', 'DELETE /a/{id}'],
  ],
  [
    'YAML with numbers as keys',
    document('paths:\n  /a:\n    get:\n      responses:\n        200: { description: x }\n'),
    ['GET /a'],
  ],
  ['JSON', '{"openapi":"3.0.3","paths":{"/a":{"get":{}}}}', ['GET /a']],
  [
    'the path of each server, with the defaults of its variables',
    document(
      'servers:\n  - { url: "https://{host}.example:8443/{base}/", variables: { host: { default: a }, base: { default: v1 } } }\n  - { url: /v2 }\npaths: { /a: { get: {} } }',
    ),
    ['GET /v1/a', 'GET /v2/a'],
  ],
  [
    'the nearest servers',
    document(
      'servers: [ { url: /top } ]\npaths: { /a: { servers: [ { url: /path } ], get: {}, put: { servers: [ { url: "https://x" } ] } } }',
    ),
    ['GET /path/a', 'PUT /a'],
  ],
  ['the base path of Swagger 2', 'swagger: "2.0"\nbasePath: /v1\npaths: { /a: { get: {} } }', ['GET /v1/a']],
  [
    'every method of a path that is elsewhere',
    document('paths: { /a: { $ref: "other.yaml#/a" }, /b: null }'),
    ['/a', '/b'],
  ],
  [
    'parameters that are a part of a segment',
    document('paths: { "/files/{name}.{ext}/x": { get: {} } }'),
    ['GET /files/{name}.{ext}/x'],
  ],
  [
    'one of two that fit the same requests',
    document('paths: { "/a/{x}": { get: {} }, "/a/{y}": { get: {} } }'),
    ['GET /a/{x}'],
  ],
  ['no extensions', document('paths: { x-internal: {}, /a: { get: {} } }'), ['GET /a']],
  [
    'a parameter where a variable has no default',
    document('servers: [ { url: "/{v}" } ]\npaths: { /a: { get: {} } }'),
    ['GET /{v}/a'],
  ],
  [
    'operations behind an alias',
    document('x-i: &i { get: {} }\npaths: { /a: *i, /b: *i }'),
    ['GET /a', 'GET /b'],
  ],
];
for (const [what, text, expected] of cases) {
  test(`takes ${what}`, () => assert.deepEqual(templates(text), expected));
}

const many = Array.from({ length: MAX_OPENAPI_TEMPLATES + 1 }, (_, index) => `  /p${index}: {}\n`).join('');
const bomb = Array.from({ length: 12 }, (_, i) => `  - &a${i + 1} [ ${`*a${i}, `.repeat(10)} ]\n`).join('');
for (const [what, text, message] of [
  ['another document', 'paths: {}', /no OpenAPI document/],
  ['a list', '[]', /no OpenAPI document/],
  ['nothing', '', /no OpenAPI document|cannot be read/],
  ['no paths', document('info: {}'), /no paths/],
  ['a path without a slash', document('paths: { a: { get: {} } }'), /the path "a"/],
  ['a path with a query', document('paths: { "/a?b": { get: {} } }'), /has "\?" in it/],
  ['broken YAML', document('paths: {'), /openapi\.yaml:\d+: /],
  ['too many operations', document(`paths:\n${many}`), /more than 1500/],
  ['deep nesting', document(`x: ${'['.repeat(5000)}`), /nested too deep/],
  ['aliases without end', document(`x:\n  - &a0 [ 1 ]\n${bomb}paths: {}`), /openapi\.yaml: /],
  ['as many aliases as anchors', document('x: &a [*a]\n'.repeat(20_000)), /more than 1000 aliases/],
] as const) {
  test(`refuses ${what}`, { timeout: 60_000 }, () => {
    assert.throws(
      () => templates(text),
      (error) => error instanceof UserError && message.test(error.message),
    );
  });
}

test('a MiB of braces and of slashes takes no time to speak of', { timeout: 20_000 }, () => {
  for (const path of [`/${'{'.repeat(2 ** 20)}`, '/'.repeat(2 ** 20), `/${'{a'.repeat(2 ** 19)}`]) {
    assert.throws(
      () => openapiTemplates({ openapi: '3.1.0', paths: { [path]: { get: {} } } }, 'x'),
      UserError,
    );
    const servers = [{ url: path, variables: {} }];
    openapiTemplates({ openapi: '3.1.0', servers, paths: {} }, 'x');
  }
});

test('property: any value is a list of templates or a user error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.string(), (paths, servers, path) => {
      for (const inner of [paths, { [path]: paths }, { '/a': paths }]) {
        try {
          for (const template of openapiTemplates({ openapi: '3', servers, paths: inner }, 'x'))
            assert.match(template, /^(?:[A-Z]+ )?\//);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }
    }),
    { numRuns: 300 },
  );
});
