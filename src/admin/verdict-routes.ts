import { z } from 'zod';
import { DIFFERENCE_KINDS, RISKS } from '../model/difference.ts';
import type { AdminSource } from '../model/runtime.ts';
import { FINDING_CAUSES } from '../model/verdict.ts';
import type { Verdict } from '../model/verdict.ts';
import { findingsPage } from './findings.ts';
import { ApiProblem } from './problem.ts';
import { cursorParameter, flagParameter, limitParameter, readQuery, textParameter } from './query.ts';
import { JSON_TYPE, json, policyOf } from './reply.ts';
import type { Route } from './route.ts';
import { findingSchema, ignoreSchema, pageSchema, routeSchema, verdictSchema } from './verdict-schemas.ts';

const findingsQuery = {
  policy: textParameter,
  mirror: textParameter,
  route: textParameter.describe('As it is shown: "GET /api/orders/{id}"'),
  kind: z.enum(DIFFERENCE_KINDS).optional(),
  risk: z.enum(RISKS).optional(),
  established: flagParameter,
  fails: flagParameter,
  cause: z.enum(FINDING_CAUSES).optional(),
  limit: limitParameter,
  cursor: cursorParameter,
};
const routesQuery = { policy: textParameter, mirror: textParameter };

export const VERDICT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/policies/{name}/verdict',
    summary: 'What the pairs of a policy prove so far',
    answers: [{ status: 200, description: 'The verdict', type: JSON_TYPE, schema: verdictSchema }],
    handle: ({ source, params }) => json(verdictOf(source, params['name'])),
  },
  {
    method: 'POST',
    path: '/api/v1/policies/{name}/differences/{finding}/ignore',
    summary:
      'Ignore a finding until the configuration is loaded anew; the answer is the rule to put into the configuration',
    answers: [{ status: 200, description: 'The rule', type: JSON_TYPE, schema: ignoreSchema }],
    handle: ({ source, params }) => {
      const { name } = policyOf(source, params['name']);
      const rule = source.ignore(name, params['finding'] ?? '');
      if (rule === undefined) throw new ApiProblem(404, `There is no such finding of "${name}".`);
      return json({ rule });
    },
  },
  {
    method: 'GET',
    path: '/api/v1/differences',
    summary: 'Findings of all policies, the worst first',
    query: findingsQuery,
    answers: [
      { status: 200, description: 'A page of findings', type: JSON_TYPE, schema: pageSchema(findingSchema) },
    ],
    handle: ({ source, target }) => {
      const { policy, ...filter } = readQuery(target, findingsQuery);
      return json(findingsPage(verdictsOf(source, policy), filter));
    },
  },
  {
    method: 'GET',
    path: '/api/v1/routes',
    summary: 'What was compared on each route, for each policy and mirror',
    query: routesQuery,
    answers: [{ status: 200, description: 'The routes', type: JSON_TYPE, schema: z.array(routeSchema) }],
    handle: ({ source, target }) => {
      const query = readQuery(target, routesQuery);
      return json(
        verdictsOf(source, query.policy).flatMap(({ policy, mirrors }) =>
          mirrors
            .filter(({ mirror }) => query.mirror === undefined || mirror === query.mirror)
            .flatMap(({ mirror, routes }) => routes.map((route) => ({ policy, mirror, ...route }))),
        ),
      );
    },
  },
];

function verdictOf(source: AdminSource, name: string | undefined): Verdict {
  const policy = policyOf(source, name);
  const verdict = source.verdict(policy.name);
  if (verdict === undefined) throw new ApiProblem(404, `There is no verdict of "${policy.name}" yet.`);
  return verdict;
}

/** Those that there are, of one policy or of all. */
function verdictsOf(source: AdminSource, policy: string | undefined): readonly Verdict[] {
  if (policy !== undefined) return [verdictOf(source, policy)];
  return source.policies().flatMap(({ name }) => source.verdict(name) ?? []);
}
