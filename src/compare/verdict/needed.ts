import { logEvalue } from '../statistics/bernoulli-evalue.ts';
import type { RateTest } from '../statistics/bernoulli-evalue.ts';
import { logEvalueBelow } from '../statistics/excess-interval.ts';
import type { GatedRate } from './rates.ts';

/** Beyond this many times the present pairs nobody waits. */
const LARGEST_FACTOR = 2 ** 20;
const HALVINGS = 16;

/** How many times the present pairs a condition needs, if everything goes on as it did; undefined: it is not in sight. */
export function factorNeeded(holds: (factor: number) => boolean): number | undefined {
  let upper = 1;
  while (!holds(upper)) {
    upper *= 2;
    if (upper > LARGEST_FACTOR) return undefined;
  }
  if (upper === 1) return 1;
  let lower = upper / 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (lower + upper) / 2;
    if (holds(middle)) upper = middle;
    else lower = middle;
  }
  return upper;
}

/** Until the upper bound of a rate is within what is allowed. */
export function factorToBound({ counts, verdict }: GatedRate, alpha: number): number | undefined {
  const { mirrorOnly, referenceOnly, pairs } = counts;
  if (verdict.ok) return 1;
  if (pairs === 0 || (mirrorOnly - referenceOnly) / pairs >= verdict.allowed) return undefined;
  const limit = Math.log(2 / alpha);
  return factorNeeded((factor) => {
    const scaled = {
      mirrorOnly: mirrorOnly * factor,
      referenceOnly: referenceOnly * factor,
      pairs: pairs * factor,
    };
    return logEvalueBelow(scaled, verdict.allowed) >= limit;
  });
}

/** Until a finding with so many successes and failures is established. */
export function factorToEstablish(
  { successes, failures }: { readonly successes: number; readonly failures: number },
  test: RateTest,
  threshold: number,
): number | undefined {
  // One or two events may be chance at any rate.
  if (successes < 3 || successes <= (successes + failures) * test.p0) return undefined;
  return factorNeeded((factor) => logEvalue(successes * factor, failures * factor, test) >= threshold);
}
