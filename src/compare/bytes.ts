/** Whether two bodies hold the same bytes, however they are cut into pieces. */
export function equalBodies(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  const [a] = left;
  const [b] = right;
  // Most bodies come in one piece.
  if (left.length === 1 && right.length === 1 && a !== undefined && b !== undefined)
    return a.length === b.length && Buffer.compare(a, b) === 0;
  return equalPieces(left, right);
}

function equalPieces(left: readonly Uint8Array[], right: readonly Uint8Array[]): boolean {
  let leftPiece = 0;
  let rightPiece = 0;
  let leftAt = 0;
  let rightAt = 0;
  for (;;) {
    while (leftPiece < left.length && leftAt === lengthOf(left, leftPiece)) {
      leftPiece++;
      leftAt = 0;
    }
    while (rightPiece < right.length && rightAt === lengthOf(right, rightPiece)) {
      rightPiece++;
      rightAt = 0;
    }
    const a = left[leftPiece];
    const b = right[rightPiece];
    if (a === undefined || b === undefined) return a === b;
    const length = Math.min(a.length - leftAt, b.length - rightAt);
    if (Buffer.compare(a.subarray(leftAt, leftAt + length), b.subarray(rightAt, rightAt + length)) !== 0)
      return false;
    leftAt += length;
    rightAt += length;
  }
}

function lengthOf(pieces: readonly Uint8Array[], index: number): number {
  return pieces[index]?.length ?? 0;
}
