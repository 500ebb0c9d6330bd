import { sequenceDiff } from '../sequence-diff.ts';
import { faultsOf, readText } from '../format-faults.ts';
import { isSameMultiset } from './sequence.ts';
import type { CompareFormat, FormatContext } from '../format.ts';
import type { Hunk } from '../sequence-diff.ts';

/** Lines of a hunk that are handed on to be shown. */
const SHOWN_LINES = 20;

/**
 * Compares two texts line by line. Lines that are replaced are a `value`, lines gone `missing`, new ones `added`; the same
 * lines in another order are one `order`. Line endings that differ count little. Texts with more lines than
 * `limits.values` are only told apart.
 */
export const compareText: CompareFormat = (primary, other, path, context) => {
  const lefts = readText(primary, (text) => ({ read: text }));
  const rights = readText(other, (text) => ({ read: text }));
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  const left = lefts.read;
  const right = rights.read;
  if (left === right || context.ignored(path)) return undefined;
  const { values } = context.limits;
  if (hasMoreLines(left, values) || hasMoreLines(right, values)) {
    if (!context.alike(left, right)) context.sink.add('value', path, 'medium', left, right);
    return undefined;
  }
  const lines = linesOf(left);
  const others = linesOf(right);
  compareLines(lines, others, path, context);
  if (lines.length === others.length) compareEndings(left, right, path, context);
  return undefined;
};

function hasMoreLines(text: string, limit: number): boolean {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1 && lines <= limit; at = text.indexOf('\n', at + 1)) lines++;
  for (let at = text.indexOf('\r'); at !== -1 && lines <= limit; at = text.indexOf('\r', at + 1)) lines++;
  return lines > limit;
}

function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r\n|\n|\r/);
  // What ends with a line end has no line behind it.
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function compareLines(
  left: readonly string[],
  right: readonly string[],
  path: string,
  context: FormatContext,
): void {
  const hunks = sequenceDiff(left, right);
  if (hunks.length > 0 && isSameMultiset(left, right)) {
    const [first] = hunks;
    if (first !== undefined && !context.unordered(path))
      add('order', left[first.primaryStart], right[first.otherStart]);
    return;
  }
  for (const hunk of hunks) {
    if (context.sink.full) return;
    const { gone, come } = unlikeLines(left, right, hunk, context);
    if (gone.length === 0 && come.length === 0) continue;
    const kind = gone.length === 0 ? 'added' : come.length === 0 ? 'missing' : 'value';
    add(kind, joined(gone), joined(come));
  }

  function add(kind: 'order' | 'added' | 'missing' | 'value', one?: string, two?: string): void {
    context.sink.add(kind, path, kind === 'added' ? 'low' : 'medium', one, two);
  }
}

function joined(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.slice(0, SHOWN_LINES).join('\n');
}

/** The lines of a hunk without those that are the same in another state. */
function unlikeLines(
  left: readonly string[],
  right: readonly string[],
  hunk: Hunk,
  context: FormatContext,
): { readonly gone: readonly string[]; readonly come: readonly string[] } {
  const gone: string[] = [];
  const come: string[] = [];
  const length = Math.max(hunk.primaryEnd - hunk.primaryStart, hunk.otherEnd - hunk.otherStart);
  for (let i = 0; i < length; i++) {
    const one = hunk.primaryStart + i < hunk.primaryEnd ? left[hunk.primaryStart + i] : undefined;
    const two = hunk.otherStart + i < hunk.otherEnd ? right[hunk.otherStart + i] : undefined;
    if (one !== undefined && two !== undefined && (one === two || context.alike(one, two))) continue;
    if (one !== undefined) gone.push(one);
    if (two !== undefined) come.push(two);
  }
  return { gone, come };
}

/** Most parsers take every kind of line end, so another one is worth little more than a note. */
function compareEndings(primary: string, other: string, path: string, context: FormatContext): void {
  const left = endingsOf(primary);
  const right = endingsOf(other);
  if (left !== right) context.sink.add('value', path, 'low', left, right);
}

function endingsOf(text: string): string {
  const crlf = text.includes('\r\n');
  const lf = /(?:^|[^\r])\n/.test(text);
  const cr = /\r(?!\n)/.test(text);
  const kinds = [crlf ? 'CRLF' : '', lf ? 'LF' : '', cr ? 'CR' : ''].filter((kind) => kind !== '');
  const last = /[\r\n]$/.test(text) ? '' : ', none at the end';
  return kinds.length === 0 ? 'no line end' : `line ends ${kinds.join(' and ')}${last}`;
}
