/** Deeper nesting is not indented further. */
const MAX_INDENT = 40;

/**
 * JSON text with a line for each value, without reading it: numbers keep their digits, keys that are there twice stay, and
 * text that ends in the middle or is no JSON goes through as it is.
 *
 * @param limit lines after which it stops
 */
export function jsonLines(text: string, limit: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  let depth = 0;
  const next = (): void => {
    if (line.trim() !== '') lines.push(line);
    line = '  '.repeat(Math.min(depth, MAX_INDENT));
  };
  // A string, a run of anything else that is neither space nor structure, or one structural character.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[^\s"{}[\],:]+|[{}[\],:]/gs)) {
    if (lines.length >= limit) return lines;
    if (token === '{' || token === '[') {
      line += token;
      depth++;
      next();
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      next();
      line += token;
    } else if (token === ',') {
      line += token;
      next();
    } else {
      line += token === ':' ? ': ' : token;
    }
  }
  next();
  return lines.slice(0, limit);
}
