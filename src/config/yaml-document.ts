import { Composer, Lexer, LineCounter, Parser } from 'yaml';
import type { CST, Document } from 'yaml';

/** A mistake in the syntax, with the offsets between which it stands. */
export interface SyntaxMistake {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export interface YamlDocument {
  /** Undefined when there are mistakes. */
  readonly document: Document | undefined;
  readonly mistakes: readonly SyntaxMistake[];
  readonly lines: LineCounter;
}

/** Levels of nesting; the language has 8. */
export const MAX_DEPTH = 32;
/** Words and signs; a file of a MiB that is a configuration has half as many. */
const MAX_TOKENS = 300_000;
export interface YamlLimits {
  readonly depth: number;
  /** Words and signs. */
  readonly tokens: number;
}

/** Mistakes that are collected; what is no YAML at all has one in every word. */
const MAX_MISTAKES = 200;

const TOO_DEEP = 'lists and sections are nested too deep';

/**
 * Parses one YAML 1.2 document (core schema), in time that grows with its length: the parser proper is linear, but what
 * composes its tokens into nodes is recursive and takes exponential time on some inputs that are nested deep enough to
 * exhaust the stack (65,000 times `? ` took minutes). So the depth is bounded between the two.
 */
export function parseYamlDocument(
  text: string,
  limits: YamlLimits = { depth: MAX_DEPTH, tokens: MAX_TOKENS },
): YamlDocument {
  const lines = new LineCounter();
  if (!fewTokens(text, limits.tokens)) {
    return {
      document: undefined,
      mistakes: [
        {
          message: `it has more than ${limits.tokens.toLocaleString('en')} words and signs`,
          start: 0,
          end: 1,
        },
      ],
      lines,
    };
  }
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = offsetBelow(tokens, limits.depth);
  if (deep !== undefined) {
    return { document: undefined, mistakes: [{ message: TOO_DEEP, start: deep, end: deep + 1 }], lines };
  }
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    // Takes quadratic time; the reader of values looks at keys itself.
    uniqueKeys: false,
  });
  const [document, second] = composer.compose(tokens, true, text.length);
  const mistakes = (document?.errors ?? [])
    .slice(0, MAX_MISTAKES)
    .map(({ code, message, pos: [start, end] }): SyntaxMistake => ({
      message: messageOf(code, message),
      start,
      end,
    }));
  if (second !== undefined && mistakes.length === 0) {
    const [start, end] = second.range;
    mistakes.push({ message: 'a second document begins here; a configuration is one', start, end });
  }
  return { document: mistakes.length === 0 ? document : undefined, mistakes, lines };
}

function fewTokens(text: string, most: number): boolean {
  let count = 0;
  for (const _token of new Lexer().lex(text)) if (++count > most) return false;
  return true;
}

/** Where the first collection stands that is nested deeper than `depth`. */
function offsetBelow(tokens: readonly CST.Token[], depth: number): number | undefined {
  const open = tokens.map((token) => ({ token, level: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, level } = next;
    if (level > depth) return token.offset;
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, level });
    } else if ('items' in token) {
      for (const item of token.items) {
        if (item.key !== undefined && item.key !== null) open.push({ token: item.key, level: level + 1 });
        if (item.value !== undefined) open.push({ token: item.value, level: level + 1 });
      }
    }
  }
  return undefined;
}

function messageOf(code: string, message: string): string {
  switch (code) {
    case 'NON_STRING_KEY':
      return 'a key has to be a word';
    case 'TAB_AS_INDENT':
      return 'a tab at the beginning of a line; YAML is indented with spaces';
    case 'RESOURCE_EXHAUSTION':
      return TOO_DEEP;
    case 'BAD_INDENT':
      // The parser says which kind of list or section it is, and not that the usual reason is a missing bracket.
      return /^Flow (map|sequence)/.test(message)
        ? `a ${message.includes('map') ? '{' : '['} is not closed, or a line in it is not indented enough`
        : message;
    default:
      return message.replaceAll(/\s+/g, ' ');
  }
}
