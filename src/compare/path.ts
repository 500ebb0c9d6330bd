import { stableHash } from '../kit/hash.ts';

/** Longest field name in a path, characters; longer ones are cut and told apart by a hash. */
export const NAME_CHARS = 80;

/** Names that stand in a path as they are; others are quoted as JSON strings. */
const PLAIN = /^[^\s.*"[\]\p{Cc}]+$/u;
const STEP = /\.([^\s.*"[\]\p{Cc}]+|\*\*?)|(\[\])|\[("(?:[^"\\\p{Cc}]|\\.)*")\]/uy;
const ROOT = /^[^.["\s]*/;

/** The path of a field of what stands at `parent`: `body.price`, `body["odd name"]`. */
export function fieldPath(parent: string, name: string): string {
  const text = name.length > NAME_CHARS ? cut(name) : name;
  return PLAIN.test(text) ? `${parent}.${text}` : `${parent}[${quoted(text)}]`;
}

/** As JSON, and DEL and the C1 controls escaped as well, which JSON leaves as they are. */
function quoted(name: string): string {
  return JSON.stringify(name).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
  );
}

/** The path of all elements of the array at `parent`. */
export function elementPath(parent: string): string {
  return `${parent}[]`;
}

/**
 * The steps of a path or pattern: names without quotes, `[]` for elements. A pattern's wildcards are `*` and `**`; quoted
 * names carry a leading `"`, so that `["*"]` is no wildcard and `["[]"]` is no element.
 *
 * @returns undefined when the text is no path
 */
export function pathSteps(text: string): readonly string[] | undefined {
  const [root = ''] = ROOT.exec(text) ?? [];
  const steps = [root];
  for (let at = root.length; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const step = STEP.exec(text);
    if (step === null) return undefined;
    const [, name, element, inQuotes] = step;
    const plain = name ?? element ?? unquoted(inQuotes ?? '');
    if (plain === undefined) return undefined;
    steps.push(plain);
  }
  return steps;
}

/** A quoted name that need not be quoted is the plain one. */
function unquoted(text: string): string | undefined {
  try {
    const name: unknown = JSON.parse(text);
    if (typeof name !== 'string') return undefined;
    return PLAIN.test(name) ? name : `"${name}`;
  } catch {
    return undefined;
  }
}

function cut(name: string): string {
  const hash = stableHash(name).toString(16).padStart(8, '0');
  return `${name.slice(0, NAME_CHARS - 10).replace(/[\ud800-\udbff]$/, '')}…${hash}`;
}
