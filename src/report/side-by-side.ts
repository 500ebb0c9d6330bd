/** A text with the part of it that the other side does not have. */
export interface Marked {
  readonly before: string;
  readonly changed: string;
  readonly after: string;
}

/** What two texts have in common at both ends, in whole characters, and what stands between. */
export function markChange(left: string, right: string): readonly [Marked, Marked] {
  const [a, b] = [[...left], [...right]];
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [marked(a, start, end), marked(b, start, end)];
}

function marked(characters: readonly string[], start: number, end: number): Marked {
  const stop = characters.length - end;
  return {
    before: characters.slice(0, start).join(''),
    changed: characters.slice(start, stop).join(''),
    after: characters.slice(stop).join(''),
  };
}

/** A line of two texts laid side by side; `gap`: so many equal lines are left out. */
export type SideLine =
  | { readonly kind: 'same'; readonly text: string }
  | { readonly kind: 'changed'; readonly left: string; readonly right: string }
  | { readonly kind: 'left'; readonly text: string }
  | { readonly kind: 'right'; readonly text: string }
  | { readonly kind: 'gap'; readonly lines: number };

/** Equal lines that stay around a change. */
const CONTEXT = 2;
/** Lines of one side that are aligned; the work grows with its square. */
export const ALIGNED_LINES = 300;

/** Lays two texts side by side by their longest common subsequence of lines; far-off equal lines are left out. */
export function alignLines(left: readonly string[], right: readonly string[]): readonly SideLine[] {
  return fold(pairUp(align(left.slice(0, ALIGNED_LINES), right.slice(0, ALIGNED_LINES))));
}

function align(left: readonly string[], right: readonly string[]): readonly SideLine[] {
  const width = right.length + 1;
  // lengths[i * width + j]: the longest common subsequence of what follows line i on the left and j on the right.
  const lengths = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        left[i] === right[j]
          ? (lengths[at + width + 1] ?? 0) + 1
          : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  const lines: SideLine[] = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    const [a, b] = [left[i], right[j]];
    if (a !== undefined && a === b) {
      lines.push({ kind: 'same', text: a });
      i++;
      j++;
    } else if (
      a !== undefined &&
      (b === undefined || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    ) {
      lines.push({ kind: 'left', text: a });
      i++;
    } else {
      lines.push({ kind: 'right', text: b ?? '' });
      j++;
    }
  }
  return lines;
}

/** A line that is only on the left and one that is only on the right, in the same place, are one that changed. */
function pairUp(lines: readonly SideLine[]): readonly SideLine[] {
  const paired: SideLine[] = [];
  let [lefts, rights]: [string[], string[]] = [[], []];
  const flush = (): void => {
    const common = Math.min(lefts.length, rights.length);
    for (let i = 0; i < common; i++)
      paired.push({ kind: 'changed', left: lefts[i] ?? '', right: rights[i] ?? '' });
    for (const text of lefts.slice(common)) paired.push({ kind: 'left', text });
    for (const text of rights.slice(common)) paired.push({ kind: 'right', text });
    [lefts, rights] = [[], []];
  };
  for (const line of lines) {
    if (line.kind === 'left') lefts.push(line.text);
    else if (line.kind === 'right') rights.push(line.text);
    else {
      flush();
      paired.push(line);
    }
  }
  flush();
  return paired;
}

function fold(lines: readonly SideLine[]): readonly SideLine[] {
  const near = new Set<number>();
  for (const [at, { kind }] of lines.entries()) {
    if (kind === 'same') continue;
    for (let i = at - CONTEXT; i <= at + CONTEXT; i++) near.add(i);
  }
  const folded: SideLine[] = [];
  let skipped: SideLine[] = [];
  const flush = (): void => {
    // One line takes no more room than to say that it is left out.
    if (skipped.length === 1) folded.push(...skipped);
    else if (skipped.length > 1) folded.push({ kind: 'gap', lines: skipped.length });
    skipped = [];
  };
  for (const [at, line] of lines.entries()) {
    if (!near.has(at)) {
      skipped.push(line);
      continue;
    }
    flush();
    folded.push(line);
  }
  flush();
  return folded;
}
