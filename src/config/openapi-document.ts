import { visit } from 'yaml';
import type { Document } from 'yaml';
import { UserError, messageOf } from '../kit/errors.ts';
import { parseYamlDocument } from './yaml-document.ts';

/** Documents have schemas in schemas, and are longer than a configuration. */
const MAX_DEPTH = 64;
const MAX_TOKENS = 2_000_000;
/** The parser looks at all anchors and aliases for each alias; also what the content of one anchor's may add up to. */
const MAX_ALIASES = 1000;

/**
 * The values of an OpenAPI document, which is JSON or YAML.
 *
 * @param name the file's, for messages
 * @throws UserError when it is neither
 */
export function parseOpenapi(text: string, name: string): unknown {
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // YAML has that form too.
    }
  }
  const { document, mistakes, lines } = parseYamlDocument(text, { depth: MAX_DEPTH, tokens: MAX_TOKENS });
  const [mistake] = mistakes;
  if (document === undefined || mistake !== undefined) {
    const { line } = lines.linePos(mistake?.start ?? 0);
    throw unreadable(`${name}:${Math.max(1, line)}: ${mistake?.message ?? 'it cannot be read'}`);
  }
  if (aliasesOf(document) > MAX_ALIASES) throw unreadable(`${name} has more than ${MAX_ALIASES} aliases`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw unreadable(`${name}: ${messageOf(error)}`, error);
  }
}

function aliasesOf(document: Document): number {
  let count = 0;
  visit(document, {
    Alias: () => (++count > MAX_ALIASES ? visit.BREAK : undefined),
  });
  return count;
}

function unreadable(message: string, cause?: unknown): UserError {
  return new UserError(message, { code: 'config', hint: 'an OpenAPI document is YAML or JSON', cause });
}
