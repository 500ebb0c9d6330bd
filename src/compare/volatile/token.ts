import { isAlphanumeric } from './value.ts';
import type { VolatileValue } from './value.ts';

/** Shorter ones cannot be told from names. */
const TOKEN_CHARS = 20;
/** Longer ones are content, such as a picture in base 64. */
const TOKEN_CHARS_LIMIT = 1024;
/** With letters of one case, chance needs more characters to show. */
const PLAIN_TOKEN_CHARS = 24;

// What a text from random base 64 has: a change between upper case, lower case and digits at 62 % of its places, and a
// sixth of its characters in runs of three or more small letters. Words joined in camel case have half of them there.
const CHANGES = 0.45;
const WORDY = 0.4;
// Random base 36 changes at 40 % of its places, and has 58 % of its characters in such runs; slugs with numbers have more.
const PLAIN_CHANGES = 0.25;
const PLAIN_WORDY = 0.72;

/** Words between slashes are parts of a path. */
const PATH_WORD = /(?:^|[/+])[a-z]{4,}(?:[/+]|$)/;

interface Texture {
  readonly length: number;
  readonly upper: number;
  readonly lower: number;
  readonly digits: number;
  readonly digitRuns: number;
  /** Share of neighbours of different classes, 0…1. */
  readonly changes: number;
  /** Share of characters in runs of three or more small letters, or of capitals where there are only such, 0…1. */
  readonly wordy: number;
}

/** Finds random tokens in base 62, base 64 and base 64 for URLs. One per text: it remembers what it has looked at. */
export class TokenFinder {
  readonly #text: string;
  #lookedUrl = 0;
  #lookedStandard = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The token that begins at an index; `end` is where the word ends. Called with growing indexes. */
  at(at: number, end: number): VolatileValue | undefined {
    let found: VolatileValue | undefined;
    // A run that is no token is not measured again from its next word on, which would be quadratic.
    if (at >= this.#lookedStandard) {
      this.#lookedStandard = runEnd(this.#text, at, '+', '/');
      if (this.#lookedStandard > end && this.#isStandard(at, this.#lookedStandard))
        found = this.#measured(at, this.#lookedStandard);
    }
    if (found === undefined && at >= this.#lookedUrl) {
      this.#lookedUrl = runEnd(this.#text, at, '_', '-');
      found = this.#measured(at, this.#lookedUrl);
    }
    return found ?? this.#measured(at, end);
  }

  /** Whether a run with a slash or plus is base 64 (RFC 4648 §4): padded to a multiple of four, and no path. */
  #isStandard(at: number, end: number): boolean {
    if ((this.#padded(end) - at) % 4 !== 0 || end - at > TOKEN_CHARS_LIMIT) return false;
    return !PATH_WORD.test(this.#text.slice(at, end));
  }

  #measured(at: number, end: number): VolatileValue | undefined {
    if (end - at < TOKEN_CHARS || end - at > TOKEN_CHARS_LIMIT) return undefined;
    const texture = textureOf(this.#text, at, end);
    const certain = isRandom(texture);
    if (!certain && !mayBeRandom(texture)) return undefined;
    const start = this.#start(at);
    return { kind: 'token', start, end: this.#padded(end), form: '', certain, instantMs: undefined };
  }

  /** One that begins with `-` or `_`: these do not join it with a word before. */
  #start(at: number): number {
    const mark = this.#text[at - 1];
    if (mark !== '_' && mark !== '-') return at;
    return at === 1 || ' =:/"&?'.includes(this.#text[at - 2] ?? '-') ? at - 1 : at;
  }

  #padded(end: number): number {
    let padded = end;
    while (padded < end + 2 && this.#text[padded] === '=') padded++;
    return padded;
  }
}

function isRandom(texture: Texture): boolean {
  const { length, upper, lower, digits } = texture;
  if (upper >= 2 && lower >= 2 && digits >= 2) return texture.changes >= CHANGES && texture.wordy <= WORDY;
  if (length < PLAIN_TOKEN_CHARS || (upper > 0 && lower > 0) || upper + lower < 4) return false;
  return (
    digits >= 4 && texture.digitRuns >= 4 && texture.changes >= PLAIN_CHANGES && texture.wordy <= PLAIN_WORDY
  );
}

/** What one in twenty random tokens is by chance: with hardly a digit, or with what could be words. */
function mayBeRandom(texture: Texture): boolean {
  const { length, upper, lower, digits } = texture;
  if (upper >= 2 && lower >= 2) return texture.changes >= 0.3 && texture.wordy <= 0.6;
  if (length < PLAIN_TOKEN_CHARS || (upper > 0 && lower > 0)) return false;
  return digits >= 2 && texture.digitRuns >= 2 && texture.changes >= 0.2 && texture.wordy <= 0.85;
}

function runEnd(text: string, at: number, one: string, two: string): number {
  let end = at;
  while (end < text.length) {
    if (!isAlphanumeric(text.charCodeAt(end)) && text[end] !== one && text[end] !== two) break;
    end++;
  }
  return end;
}

function classOf(code: number): number {
  if (code >= 48 && code <= 57) return 1;
  if (code >= 65 && code <= 90) return 2;
  return code >= 97 && code <= 122 ? 3 : 0;
}

function textureOf(text: string, at: number, end: number): Texture {
  const counts = [0, 0, 0, 0];
  // Characters in runs of three or more, by class.
  const inRuns = [0, 0, 0, 0];
  let neighbours = 0;
  let changes = 0;
  let digitRuns = 0;
  let run = 0;
  let previous = 0;
  for (let i = at; i <= end; i++) {
    const now = i < end ? classOf(text.charCodeAt(i)) : 0;
    if (now !== previous) {
      if (run >= 3) inRuns[previous] = (inRuns[previous] ?? 0) + run;
      if (now === 1) digitRuns++;
      run = 0;
    }
    run++;
    if (now !== 0 && previous !== 0) neighbours++;
    if (now !== 0 && previous !== 0 && now !== previous) changes++;
    counts[now] = (counts[now] ?? 0) + 1;
    previous = now;
  }
  const length = end - at;
  const [, digits = 0, upper = 0, lower = 0] = counts;
  const [, , upperRuns = 0, lowerRuns = 0] = inRuns;
  return {
    length,
    upper,
    lower,
    digits,
    digitRuns,
    changes: changes / Math.max(1, neighbours),
    wordy: (lower === 0 ? upperRuns : lowerRuns) / Math.max(1, length),
  };
}
