import { printable, shortened } from './printable.ts';

const VALUE_CHARS = 300;

/**
 * A value that came over the network, as inline code: nothing in it is read as Markdown, HTML, a mention or a link. It also
 * fits into a table, where GFM splits at every `|`, in code too.
 */
export function codeOf(value: string, limit = VALUE_CHARS): string {
  const text = printable(shortened(value, limit));
  if (text.trim() === '') return `<code>${'&#32;'.repeat(Math.max(1, text.length))}</code>`;
  // An escaped `\|` is read differently when a backslash stands before it, so such values are spelled out.
  if (text.includes('|')) return `<code>${spelledOut(text)}</code>`;
  const fence = fenceOf(text, 1);
  const pad = /^[` ]|[` ]$/.test(text) ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

/** A value as text inside of HTML, which Markdown does not read either. */
export function htmlTextOf(value: string, limit = VALUE_CHARS): string {
  return spelledOut(printable(shortened(value, limit)));
}

function spelledOut(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} ]/gu, entity);
}

/**
 * Running text that may quote the network: every character that Markdown or a forge could read means itself. It stands
 * within a line, or begins a list item or a cell.
 */
export function plainOf(text: string, limit = 1000): string {
  return (
    printable(shortened(text, limit))
      // A zero-width space keeps a forge from taking it for a user, an issue, a label or a milestone.
      .replaceAll(/([@#!~$%])(?=[\p{L}\p{N}"_])/gu, '$1\u200B')
      .replaceAll(/[\\`*_[\]<>&~]/g, String.raw`\$&`)
      .replaceAll('|', '&#124;')
      // What would begin a list, a heading or a rule.
      .replace(/^([#+=-])|^(\d+)(?=[.)])/, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`))
      // GFM makes links of bare addresses (§6.9).
      .replaceAll(/(?<=www)\.|:(?=\/\/)|(?<=mailto|xmpp):/gi, String.raw`\$&`)
  );
}

/** Lines as a block of code, whatever is in them. */
export function blockOf(lines: readonly string[], language: string): string {
  const text = lines.map(printable).join('\n');
  const fence = fenceOf(text, 3);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A run of backticks longer than any in the text. */
function fenceOf(text: string, least: number): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  return '`'.repeat(Math.max(least, longest + 1));
}

function entity(character: string): string {
  return `&#${character.codePointAt(0) ?? 0xfffd};`;
}
