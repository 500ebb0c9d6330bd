import { z } from 'zod';
import type { Answer, Route } from './route.ts';
import { problemSchema } from './schemas.ts';

/** The OpenAPI 3.1 document of the routes (https://spec.openapis.org/oas/v3.1.1.html). */
export function openapiDocument(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Understudy admin API',
      version,
      description: 'Counts run from the start of the program.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    // The empty one: an API on loopback may be set up without a token.
    security: [{ token: [] }, {}],
  };
}

function operation(route: Route): object {
  const parameters = [...pathParameters(route), ...queryParameters(route)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: jsonSchema(route.body) } } } }),
    responses: {
      ...Object.fromEntries(route.answers.map((answer) => [String(answer.status), response(answer)])),
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function pathParameters({ path }: Route): readonly object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters({ query = {} }: Route): readonly object[] {
  return Object.entries(query).map(([name, schema]) => {
    const { description, ...rest } = jsonSchema(schema, 'input');
    return { name, in: 'query', ...(description === undefined ? {} : { description }), schema: rest };
  });
}

function response(answer: Answer): object {
  const schema = answer.schema === undefined ? {} : { schema: jsonSchema(answer.schema) };
  return { description: answer.description, content: { [answer.type]: schema } };
}

/** `post-policies-name-pause`. */
function operationId(route: Route): string {
  const words = route.path.replace('/api/v1', '').split(/[^a-z]+/);
  return [route.method.toLowerCase(), ...words].filter((word) => word !== '').join('-');
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'output') {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
