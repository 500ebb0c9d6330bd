import { RISKS } from '../model/difference.ts';
import type { DifferenceKind, Risk } from '../model/difference.ts';
import type { Page } from '../model/recording.ts';
import type { Finding, FindingCause, Verdict } from '../model/verdict.ts';
import { ApiProblem } from './problem.ts';

/** A finding with the policy that it is of. */
export type PolicyFinding = Finding & { readonly policy: string };

export interface FindingFilter {
  readonly mirror?: string | undefined;
  readonly route?: string | undefined;
  readonly kind?: DifferenceKind | undefined;
  readonly risk?: Risk | undefined;
  readonly cause?: FindingCause | undefined;
  readonly established?: boolean | undefined;
  readonly fails?: boolean | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Where a finding stands: the worst first, then by name, so that no two stand at the same place. */
type Place = readonly [worst: number, eValue: number, policy: string, mirror: string, id: string];

/**
 * A page of the findings of some verdicts, the worst first. The cursor is the place of the last one: what has moved across
 * it between two pages is shown twice or not at all, and nothing else is.
 *
 * @throws ApiProblem 400 for a cursor that is none
 */
export function findingsPage(verdicts: readonly Verdict[], filter: FindingFilter): Page<PolicyFinding> {
  const after = filter.cursor === undefined ? undefined : readCursor(filter.cursor);
  const found = verdicts
    .flatMap(({ policy, mirrors }) =>
      mirrors.flatMap(({ findings }) =>
        findings.filter((finding) => fits(finding, filter)).map((finding) => ({ policy, ...finding })),
      ),
    )
    .map((finding) => ({ finding, place: placeOf(finding) }))
    .filter(({ place }) => after === undefined || compare(place, after) > 0)
    .toSorted((a, b) => compare(a.place, b.place));
  const page = found.slice(0, filter.limit);
  const last = page.at(-1);
  return {
    items: page.map(({ finding }) => finding),
    next: found.length > page.length && last !== undefined ? cursorOf(last.place) : undefined,
  };
}

function fits(finding: Finding, filter: FindingFilter): boolean {
  const keys = ['mirror', 'route', 'kind', 'risk', 'cause', 'established', 'fails'] as const;
  return keys.every((key) => filter[key] === undefined || filter[key] === finding[key]);
}

function placeOf({ policy, mirror, id, fails, established, risk, eValue }: PolicyFinding): Place {
  const worst = (fails ? 0 : 8) + (established ? 0 : 4) + (RISKS.length - RISKS.indexOf(risk));
  return [worst, -Math.min(eValue, Number.MAX_VALUE), policy, mirror, id];
}

function compare(a: Place, b: Place): number {
  for (const [at, left] of a.entries()) {
    const right = b[at] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function cursorOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

function readCursor(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (isPlace(place)) return place;
  } catch {
    // Refused below.
  }
  throw new ApiProblem(400, 'cursor has to be "next" of the page before.');
}

function isPlace(value: unknown): value is Place {
  const kinds = ['number', 'number', 'string', 'string', 'string'];
  return (
    Array.isArray(value) &&
    value.length === kinds.length &&
    kinds.every((kind, at) => typeof value[at] === kind)
  );
}
