import { UserError } from '../kit/errors.ts';
import { nearest } from './suggestion.ts';

/** What the path of a difference can begin with. */
const ROOTS = ['body', 'header', 'trailer', 'status', 'grpc', 'close'] as const;

const MAX_CHARS = 512;
const MAX_STEPS = 64;
const HINT = 'write it like body.items[].price, header.x-build or body.stats.**';

/** One step: a name, a quoted name (a JSON string), the elements of an array, or a wildcard for a name. */
const STEP = /\.(?:\*\*?|[^\s.*"[\]\p{Cc}]+)|\[\]|\["(?:[^"\\\p{Cc}]|\\.)*"\]/uy;

/**
 * Checks a pattern of paths as findings show them: `*` stands for one name, `**` at the end for any rest. Header names
 * come back in lower case, quoted names as they were written.
 *
 * @throws UserError
 */
export function checkPathPattern(text: string): string {
  if (text.length > MAX_CHARS)
    throw mistake(`the path has ${text.length} characters`, `at most ${MAX_CHARS} are allowed`);
  if (text === '**') return text;
  const [root = ''] = /^[^.["\s]*/.exec(text) ?? [];
  if (root !== '*' && !isRoot(root)) throw unknownRoot(text, root);
  let steps = 0;
  for (let at = root.length; at < text.length; steps++) {
    if (text.startsWith('.**', at) && at + 3 < text.length) {
      throw mistake('"**" stands for any rest, so nothing comes after it', 'use * for a single name');
    }
    STEP.lastIndex = at;
    const [step] = STEP.exec(text) ?? [];
    if (step === undefined || !quotedWell(step)) throw unreadable(text, at);
    at += step.length;
  }
  if (steps > MAX_STEPS) throw mistake(`the path has ${steps} steps`, `at most ${MAX_STEPS} are allowed`);
  return checkRoot(root, text, steps);
}

/**
 * The same for the path of an array in a body.
 *
 * @throws UserError
 */
export function checkBodyPattern(text: string): string {
  const path = checkPathPattern(text);
  if (/^body(?![^.[])/.test(path)) return path;
  throw mistake(`"${shown(text)}" is no path in a body`, 'it begins with body: body.items');
}

function checkRoot(root: string, text: string, steps: number): string {
  if (root === 'status' && steps > 0) throw mistake('nothing is below the status', 'write status');
  if (root !== 'header' && root !== 'trailer') return text;
  if (steps === 1 && text[root.length] === '.') return text.toLowerCase();
  throw mistake(`"${shown(text)}" is not one ${root}`, `write it like ${root}.x-build, or ${root}.*`);
}

function isRoot(root: string): boolean {
  return ROOTS.some((known) => known === root);
}

function unknownRoot(text: string, root: string): UserError {
  if (root === 'failure' || root === 'latency') {
    const gate = root === 'failure' ? 'mirrorErrors' : 'latency';
    return mistake(`"${shown(text)}" is not about what an answer holds`, `set compare.gate.${gate} instead`);
  }
  const near = root === '$' ? 'body' : nearest(root, ROOTS);
  const hint =
    near !== undefined
      ? `did you mean ${near}${text.slice(root.length)}?`
      : /^[A-Za-z_]/.test(text)
        ? `a field of the body is body.${shown(text)}`
        : HINT;
  return mistake(`"${shown(text)}" does not begin like a path: ${ROOTS.join(', ')}`, hint);
}

function unreadable(text: string, at: number): UserError {
  const rest = text.slice(at);
  if (/^\[(?:\d+|\*)\]/.test(rest))
    return mistake('indexes are folded: a finding is the same for every element', 'write [] for them');
  if (/^(?:\.[^.["]*)?\*/.test(rest))
    return mistake('"*" stands for a whole name, not for a part of one', 'write .* or name the fields');
  if (rest.startsWith('['))
    return mistake(
      `"${shown(rest)}" is neither [] nor a quoted name`,
      'an odd name is quoted: body["odd name"]',
    );
  return mistake(`"${shown(text)}" is not a path from "${shown(rest)}" on`, HINT);
}

/** Whether what stands in quotes is a JSON string. */
function quotedWell(step: string): boolean {
  if (!step.startsWith('["')) return true;
  try {
    return typeof JSON.parse(step.slice(1, -1)) === 'string';
  } catch {
    return false;
  }
}

function shown(text: string): string {
  return text.slice(0, 80);
}

function mistake(message: string, hint: string): UserError {
  return new UserError(message, { code: 'config', hint });
}
