/**
 * The e-Benjamini-Hochberg procedure: which of `m` hypotheses are rejected so that the expected share of false ones among
 * them is at most α, however the e-values depend on each other. Rejected are the k largest, with the largest k whose k-th
 * e-value is at least m/(α k). Source: Wang and Ramdas 2022, "False discovery rate control with e-values".
 *
 * E-values that are not given count as 0. Fixed weights with Σ w <= m may be multiplied in before (the proof needs no more than
 * that the sum of what goes in is at most m on average).
 *
 * @param logEvalues natural logs
 * @returns log of the smallest e-value that is rejected; Infinity when none is
 */
export function eBhThreshold(logEvalues: readonly number[], m: number, alpha: number): number {
  const sorted = logEvalues.filter((log) => log > 0).toSorted((left, right) => right - left);
  const needed = Math.log(m / alpha);
  for (let k = sorted.length; k > 0; k--) {
    const threshold = needed - Math.log(k);
    if ((sorted[k - 1] ?? 0) >= threshold) return threshold;
  }
  return Number.POSITIVE_INFINITY;
}
