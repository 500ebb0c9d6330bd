import { RE2JS } from 're2js';
import { UserError, messageOf } from '../kit/errors.ts';

/** Longest pattern, characters. */
export const MAX_PATTERN_LENGTH = 1024;
/** Largest compiled pattern, RE2 instructions. A counted repetition is unrolled, so a short pattern can be a large program. */
export const MAX_PATTERN_INSTRUCTIONS = 1000;
/** Longest text that is looked at, characters. */
export const MAX_SUBJECT_LENGTH = 8192;

/**
 * Compiles a pattern in RE2 syntax (https://github.com/google/re2/wiki/Syntax) into a test of a whole text.
 *
 * Patterns meet hostile input on the observer, so they are not JavaScript's: backtracking takes exponential time on
 * some of them, RE2's automata take time in proportion to text × program. Both factors are bounded here: the worst
 * pattern found (`[ab]*a[ab]{900}`) takes 0.2 s on the worst text of the greatest length, ordinary ones about 1 µs.
 *
 * @param whenTooLong the answer for a text over `MAX_SUBJECT_LENGTH`
 * @returns a function that says whether the whole text matches
 * @throws UserError when the pattern is not RE2 or too large
 */
export function compilePattern(pattern: string, whenTooLong = false): (text: string) => boolean {
  const compiled = compileBounded(pattern);
  return (text) => (text.length <= MAX_SUBJECT_LENGTH ? compiled.testExact(text) : whenTooLong);
}

function compileBounded(pattern: string): RE2JS {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new UserError(`the pattern has ${pattern.length} characters`, {
      code: 'config',
      hint: `at most ${MAX_PATTERN_LENGTH} are allowed; write several matches instead`,
    });
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const reason = messageOf(error).replace(/^error parsing regexp: /, '');
    throw new UserError(`the pattern is not a regular expression in RE2 syntax: ${reason}`, {
      code: 'config',
      hint: /Perl syntax|escape/.test(reason)
        ? 'RE2 has no look-around and no back-references, so that no text can make it slow'
        : 'the syntax is at https://github.com/google/re2/wiki/Syntax',
      cause: error,
    });
  }
  const size = compiled.programSize();
  if (size > MAX_PATTERN_INSTRUCTIONS) {
    throw new UserError(
      `the pattern is too large: ${size} instructions of at most ${MAX_PATTERN_INSTRUCTIONS}`,
      {
        code: 'config',
        hint: 'use smaller counts in {…}, or several matches',
      },
    );
  }
  return compiled;
}
