/**
 * Characters that a terminal or a reader would obey or not see: controls, format characters (among them those that
 * turn the direction of text, and joiners), separators of lines, lone surrogates, private use, and what is not
 * assigned, among it the noncharacters, which XML does not allow.
 */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const NAMED: ReadonlyMap<string, string> = new Map([
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
]);

/** Text that is one line and shows all it holds: every hidden character is written as an escape. */
export function printable(text: string): string {
  return text.replaceAll(HIDDEN, (character) => NAMED.get(character) ?? escapeOf(character));
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}

/** A part of a text, never half a character: at most `limit` UTF-16 units, with `…` in place of the rest. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = limit - 1;
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)}…`;
}
