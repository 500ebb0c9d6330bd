import type { z } from 'zod';
import type { RouteSettings } from '../model/compare-settings.ts';
import { parseOpenapi } from './openapi-document.ts';
import { MAX_OPENAPI_TEMPLATES, openapiTemplates } from './openapi-templates.ts';
import { checkTemplate, templateShape } from './route-template.ts';
import type { Surroundings } from './surroundings.ts';
import { integer, list, section, text } from './value.ts';

const MAX_TEMPLATES = 500;

export function routesSchema(surroundings: Surroundings): z.ZodType<RouteSettings> {
  return section({
    templates: list(
      text(
        'path template',
        {
          description: 'A path with parameters, with or without a method in front.',
          examples: ['/api/orders/{id}', 'GET /files/{name}.json', '/static/**'],
        },
        checkTemplate,
      ),
      {
        description:
          'Routes that are known. What fits none of them is grouped by what is learned from the traffic: ids, numbers, UUIDs, dates and segments with many values become parameters.',
        examples: [['/api/orders/{id}']],
      },
      { min: 0, max: MAX_TEMPLATES },
    ).prefault([]),
    openapi: text(
      'file',
      {
        description: `An OpenAPI 3 or Swagger 2 document, YAML or JSON, at most 4 MiB and ${MAX_OPENAPI_TEMPLATES} operations: its paths are templates too, behind the base paths of its servers. It is read when the configuration is.`,
        examples: ['openapi.yaml'],
      },
      (path) => readTemplates(surroundings, path),
    ).optional(),
    limit: integer(
      {
        description:
          'Routes that are learned and told apart, per policy; the rest counts as one. Known ones do not count.',
        examples: [500],
      },
      { min: 1, max: 10_000 },
    ).prefault(500),
    segmentValues: integer(
      {
        description: 'Different values of a segment of the path before it is taken for a parameter.',
        examples: [20],
      },
      { min: 2, max: 10_000 },
    ).prefault(20),
  }).transform(({ templates, openapi = [], limit, segmentValues }, context): RouteSettings => {
    const shapes = new Map<string, string>();
    for (const [index, template] of templates.entries()) {
      const shape = templateShape(template);
      const other = shapes.get(shape);
      if (other !== undefined) {
        context.issues.push({
          code: 'custom',
          input: template,
          message: `${other} fits the same requests\nkeep one of them`,
          path: ['templates', index],
        });
      }
      shapes.set(shape, template);
    }
    const more = openapi.filter((template) => !shapes.has(templateShape(template)));
    return { templates: [...templates, ...more], limit, segmentValues };
  });
}

function readTemplates(surroundings: Surroundings, path: string): readonly string[] {
  const name = surroundings.absolute(path);
  return openapiTemplates(parseOpenapi(surroundings.readText(path), name), name);
}
