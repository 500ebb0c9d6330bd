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
const PLAIN_CHANGES = 0.25;

interface Texture {
  readonly length: number;
  readonly upper: number;
  readonly lower: number;
  readonly digits: number;
  readonly digitRuns: number;
  /** Share of neighbours of different classes, 0…1. */
  readonly changes: number;
  /** Share of characters in runs of three or more small letters, 0…1. */
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
    if (at >= this.#lookedUrl) {
      this.#lookedUrl = runEnd(this.#text, at, '_', '-');
      found = this.#measured(at, this.#lookedUrl);
    }
    if (found === undefined && at >= this.#lookedStandard) {
      this.#lookedStandard = runEnd(this.#text, at, '+', '/');
      found = this.#measured(at, this.#lookedStandard);
    }
    return found ?? this.#measured(at, end);
  }

  #measured(at: number, end: number): VolatileValue | undefined {
    if (end - at < TOKEN_CHARS || end - at > TOKEN_CHARS_LIMIT) return undefined;
    const texture = textureOf(this.#text, at, end);
    const certain = isRandom(texture);
    if (!certain && !mayBeRandom(texture)) return undefined;
    let padded = end;
    while (padded < end + 2 && this.#text[padded] === '=') padded++;
    return { kind: 'token', start: at, end: padded, form: '', certain, instantMs: undefined };
  }
}

function isRandom(texture: Texture): boolean {
  const { length, upper, lower, digits } = texture;
  if (upper >= 2 && lower >= 2 && digits >= 2) return texture.changes >= CHANGES && texture.wordy <= WORDY;
  if (length < PLAIN_TOKEN_CHARS || (upper > 0 && lower > 0) || upper + lower < 4) return false;
  return digits >= 4 && texture.digitRuns >= 3 && texture.changes >= PLAIN_CHANGES && texture.wordy <= 0.6;
}

/** What one in fifty random tokens is by chance: without a digit, or with one. */
function mayBeRandom(texture: Texture): boolean {
  return texture.upper >= 2 && texture.lower >= 2 && texture.changes >= 0.35 && texture.wordy <= 0.5;
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
  let neighbours = 0;
  let changes = 0;
  let digitRuns = 0;
  let wordy = 0;
  let run = 0;
  let previous = 0;
  for (let i = at; i <= end; i++) {
    const now = i < end ? classOf(text.charCodeAt(i)) : 0;
    if (previous === 3 && now !== 3) {
      if (run >= 3) wordy += run;
      run = 0;
    }
    if (now === 3) run++;
    if (now === 1 && previous !== 1) digitRuns++;
    if (now !== 0 && previous !== 0) neighbours++;
    if (now !== 0 && previous !== 0 && now !== previous) changes++;
    counts[now] = (counts[now] ?? 0) + 1;
    previous = now;
  }
  const length = end - at;
  return {
    length,
    upper: counts[2] ?? 0,
    lower: counts[3] ?? 0,
    digits: counts[1] ?? 0,
    digitRuns,
    changes: changes / Math.max(1, neighbours),
    wordy: wordy / Math.max(1, length),
  };
}
