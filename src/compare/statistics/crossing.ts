/** Halving at least every other step, so this is more than any tolerance needs. */
const STEPS_LIMIT = 200;

/**
 * Where a monotone function reaches 0 between two points, by false position with the Illinois modification, which falls
 * back to halving where it is slow.
 *
 * @param inside a point where `excess` is below 0
 * @param outside a point where it is at least 0 (infinite is fine)
 * @param tolerance of the answer, as a share of its distance from `inside`
 * @param below about what `excess` is at `inside`, when it is known
 * @param above what it is at `outside`, when it is known
 * @returns a point where `excess` is at least 0: a confidence bound is never rounded inwards
 */
export function crossing(
  excess: (at: number) => number,
  inside: number,
  outside: number,
  tolerance: number,
  below = excess(inside),
  above = excess(outside),
): number {
  const start = inside;
  let side = 0;
  for (let step = 0; step < STEPS_LIMIT; step++) {
    if (Math.abs(outside - inside) <= tolerance * Math.abs(outside - start)) break;
    const share = -below / (above - below);
    const usable = step % 3 !== 2 && share > 0.001 && share < 0.999;
    const at = inside + (outside - inside) * (usable ? share : 0.5);
    if (at === inside || at === outside) break;
    const value = excess(at);
    if (value < 0) {
      inside = at;
      below = value;
      if (side === -1) above /= 2;
      side = -1;
    } else {
      outside = at;
      above = value;
      if (side === 1) below /= 2;
      side = 1;
    }
  }
  return outside;
}
