/** Bytes that are compared at once. */
const STEP = 512;

/** Length of what two texts have in common at their beginning, bytes. */
export function sharedStart(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at + STEP <= length && left.compare(right, at, at + STEP, at, at + STEP) === 0) at += STEP;
  while (at < length && left[at] === right[at]) at++;
  return at;
}

/** The same at their end. Beginning and end may overlap, as in `aa` and `aaa`. */
export function sharedEnd(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  let taken = 0;
  while (taken + STEP <= length) {
    const leftAt = left.length - taken;
    const rightAt = right.length - taken;
    if (left.compare(right, rightAt - STEP, rightAt, leftAt - STEP, leftAt) !== 0) break;
    taken += STEP;
  }
  while (taken < length && left[left.length - taken - 1] === right[right.length - taken - 1]) taken++;
  return taken;
}
