import type { z } from 'zod';
import { pathText } from './problem.ts';
import type { Problem } from './problem.ts';
import type { Source } from './source.ts';

/** A zod issue in the terms of the configuration: one per mistake, unions resolved. */
interface Mistake {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint: string | undefined;
}

/** The problems that zod found in a source, in the order in which they are written there. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], source: Source): readonly Problem[] {
  const problems = issues
    .flatMap((issue) => mistakesOf(issue, []))
    .map(({ path, part, message, hint }): Problem => ({
      severity: 'error',
      path: pathText(path),
      message,
      hint,
      ...source.locate(path, part),
    }));
  return problems.toSorted((a, b) => a.where.localeCompare(b.where, 'en', { numeric: true }));
}

function mistakesOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): readonly Mistake[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const hints = issue.message.split('\n');
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      part: 'key',
      message: 'this key is not known',
      hint: hints[index],
    }));
  }
  if (issue.code === 'invalid_union') {
    // The form that was meant is the one whose type fits; what is wrong inside it is worth more than "none fits".
    const meant = issue.errors.find((branch) => branch.length > 0 && !branch.some(isOtherForm));
    if (meant !== undefined) return meant.flatMap((inner) => mistakesOf(inner, path));
  }
  const [message = '', hint] = issue.message.split('\n');
  const part = issue.code === 'custom' && issue.params?.['part'] === 'key' ? 'key' : 'value';
  return [{ path, part, message, hint }];
}

function isOtherForm(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}
