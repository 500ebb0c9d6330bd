import type { AdminSource } from '../model/runtime.ts';
import type { PolicyStatus } from '../model/status.ts';
import { ApiProblem } from './problem.ts';
import type { Reply } from './route.ts';

export const JSON_TYPE = 'application/json';

/** An answer in JSON. An e-value that has outgrown doubles is the largest of them: JSON has no infinity. */
export function json(value: unknown, status = 200): Reply {
  return { kind: 'text', status, type: JSON_TYPE, text: `${JSON.stringify(value, finite)}\n` };
}

/** @throws ApiProblem 404 when there is no such policy */
export function policyOf(source: AdminSource, name: string | undefined): PolicyStatus {
  const policy = source.policies().find((one) => one.name === name);
  if (policy === undefined) throw new ApiProblem(404, `There is no policy "${name}".`);
  return policy;
}

function finite(_key: string, value: unknown): unknown {
  return value === Infinity ? Number.MAX_VALUE : value;
}
