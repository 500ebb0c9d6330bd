import { addressAt, hashAt, jwtAt, ksuidAt, ulidAt, uuidAt } from './identifier.ts';
import { durationAt, epochAt } from './quantity.ts';
import { timestampAt } from './timestamp.ts';
import { TokenFinder } from './token.ts';
import { isAlphanumeric } from './value.ts';
import type { VolatileKind, VolatileValue } from './value.ts';

/** Characters looked at, of texts and of the parts of longer ones that differ; past it nothing is volatile. */
export const LOOKED_CHARS = 16_384;
/** Of longer texts, what is looked at around the part that differs. */
const MARGIN_CHARS = 256;

/** Answers to one request are seconds apart; what lies further apart says something. */
const SAME_MOMENT_MS = 24 * 60 * 60 * 1000;
/** Two random values have hardly a digit in common at any place; two that have most were written, not drawn. */
const HASH_DIFFERS = 0.25;
const TOKEN_DIFFERS = 0.5;

/** What a text as a whole is, when it is made anew for each answer: an id, a timestamp, a hash, a token, a duration. */
export function recognise(text: string): VolatileKind | undefined {
  if (text.length > LOOKED_CHARS || !isAlphanumeric(text.charCodeAt(0))) return undefined;
  const found = valueAt(text, 0, wordEnd(text, 0), new TokenFinder(text));
  return found?.certain === true && found.end === text.length ? found.kind : undefined;
}

/**
 * Whether two texts are the same thing in another state: both hold volatile values of the same kinds and forms at the
 * same places (timestamps at most a day apart), and agree in all the rest.
 */
export function alike(primary: string, other: string): boolean {
  if (primary === other) return true;
  const texts = lookedParts(primary, other);
  if (texts === undefined) return false;
  const [left, right] = texts;
  const lefts = volatileValues(left);
  const rights = lefts.length === 0 ? [] : volatileValues(right);
  if (lefts.length === 0 || lefts.length !== rights.length) return false;
  let leftAt = 0;
  let rightAt = 0;
  for (const [index, one] of lefts.entries()) {
    const two = rights[index];
    if (two === undefined || left.slice(leftAt, one.start) !== right.slice(rightAt, two.start)) return false;
    if (!isSameThing(left, one, right, two)) return false;
    leftAt = one.end;
    rightAt = two.end;
  }
  return left.slice(leftAt) === right.slice(rightAt);
}

/** All volatile values of a text, in order. Linear: a value begins at the first character of a word. */
function volatileValues(text: string): readonly VolatileValue[] {
  const values: VolatileValue[] = [];
  const tokens = new TokenFinder(text);
  let at = 0;
  while (at < text.length) {
    if (!isAlphanumeric(text.charCodeAt(at))) {
      at++;
      continue;
    }
    const end = wordEnd(text, at);
    const found = valueAt(text, at, end, tokens);
    if (found !== undefined) values.push(found);
    at = found === undefined ? end : found.end;
  }
  return values;
}

function wordEnd(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && isAlphanumeric(text.charCodeAt(end))) end++;
  return end;
}

/** The value that begins with the word from `at` to `end`; what is written more strictly is tried first. */
function valueAt(text: string, at: number, end: number, tokens: TokenFinder): VolatileValue | undefined {
  return (
    (end - at === 8 ? uuidAt(text, at) : undefined) ??
    timestampAt(text, at, end) ??
    jwtAt(text, at) ??
    epochAt(text, at, end) ??
    durationAt(text, at) ??
    addressAt(text, at, end) ??
    hashAt(text, at, end) ??
    ulidAt(text, at, end) ??
    ksuidAt(text, at, end) ??
    tokens.at(at, end)
  );
}

function isSameThing(left: string, one: VolatileValue, right: string, two: VolatileValue): boolean {
  const a = left.slice(one.start, one.end);
  const b = right.slice(two.start, two.end);
  if (a === b) return true;
  if (!isSameKind(one.kind, two.kind) || one.form !== two.form || !(one.certain || two.certain)) return false;
  if (one.instantMs !== undefined && two.instantMs !== undefined)
    return Math.abs(one.instantMs - two.instantMs) <= SAME_MOMENT_MS;
  // The digits of an ObjectId that are drawn are the last ones.
  if (one.kind === 'hash') return a.length === 24 || unlikeShare(a, b) >= HASH_DIFFERS;
  if (one.kind === 'token' || two.kind === 'token') {
    const slack = Math.max(2, Math.floor(Math.max(a.length, b.length) / 10));
    return Math.abs(a.length - b.length) <= slack && unlikeShare(a, b) >= TOKEN_DIFFERS;
  }
  return true;
}

/** A KSUID that has hardly a digit by chance is taken for a token. */
function isSameKind(one: VolatileKind, two: VolatileKind): boolean {
  return one === two || (one === 'ksuid' && two === 'token') || (one === 'token' && two === 'ksuid');
}

/** Share of places at which two texts have different characters, 0…1. */
function unlikeShare(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let unlike = 0;
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) unlike++;
  }
  return unlike / Math.max(1, length);
}

/** The texts, or of long ones the parts that differ with what stands around them; undefined when these are long too. */
function lookedParts(primary: string, other: string): readonly [string, string] | undefined {
  const shorter = Math.min(primary.length, other.length);
  if (Math.max(primary.length, other.length) <= LOOKED_CHARS) return [primary, other];
  let start = 0;
  while (start < shorter && primary.charCodeAt(start) === other.charCodeAt(start)) start++;
  let tail = 0;
  while (
    tail < shorter - start &&
    primary.charCodeAt(primary.length - 1 - tail) === other.charCodeAt(other.length - 1 - tail)
  )
    tail++;
  const from = Math.max(0, start - MARGIN_CHARS);
  const behind = Math.max(0, tail - MARGIN_CHARS);
  if (Math.max(primary.length, other.length) - behind - from > LOOKED_CHARS) return undefined;
  return [primary.slice(from, primary.length - behind), other.slice(from, other.length - behind)];
}
