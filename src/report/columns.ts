/** Takes no place of its own (Unicode TR 11 and TR 44): marks that combine, and variation selectors. */
const ZERO = /^[\p{Mn}\p{Me}]$/u;
/** Takes two places: East Asian Wide and Fullwidth, and emoji that are shown as pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;
const REGIONAL = /^\p{Regional_Indicator}$/u;
/** Nothing wide or combining stands before U+0300. */
const NARROW = /^[\u0020-\u02ff\u2010-\u203e\u2190-\u21ff\u2500-\u257f]*$/u;

/** Places that printable text takes on a terminal. */
export function columnsOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfCharacter(character);
  return columns;
}

function columnsOfCharacter(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) && !REGIONAL.test(character) ? 2 : 1;
}

/** Text in exactly so many places: filled with spaces, or cut with `…`. */
export function fitted(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const cut = cutTo(text, columns);
  const fill = ' '.repeat(Math.max(0, columns - columnsOf(cut)));
  return align === 'left' ? cut + fill : fill + cut;
}

/** Text in at most so many places. */
export function cutTo(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  return `${pieces(text, Math.max(0, columns - 1))[0] ?? ''}…`;
}

/** Lines of at most so many places, broken between words where that is possible. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (columnsOf(joined) <= columns) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const parts = columnsOf(word) <= columns ? [word] : pieces(word, columns);
    lines.push(...parts.slice(0, -1));
    line = parts.at(-1) ?? '';
  }
  return [...lines, line];
}

/** Text in pieces of at most so many places, broken anywhere between characters. */
export function pieces(text: string, columns: number): readonly string[] {
  const found: string[] = [];
  let piece = '';
  let used = 0;
  for (const character of text) {
    const needed = columnsOfCharacter(character);
    if (used + needed > columns && piece !== '') {
      found.push(piece);
      piece = '';
      used = 0;
    }
    piece += character;
    used += needed;
  }
  return [...found, piece];
}
