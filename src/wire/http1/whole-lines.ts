import { FIELDS_MAX, MARKS_PER_FIELD } from './head.ts';
import type { LineScanner } from './line-scanner.ts';
import { COLON, CR, DEL, LF, SP, TARGET, TOKEN } from './octets.ts';

// The fast path of the line scanner: lines that lie whole in a chunk and are written the way everybody writes them.
// Anything else, above all a fault, is left to the scanner, which goes through it octet by octet: there is one place
// that says what is wrong. Halves the price of a head (1.3 µs to 0.6 µs for 363 bytes in two heads).

const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

/** @returns index after the request line, `from` when it is not whole and usual */
export function wholeRequestLine(
  scanner: LineScanner,
  chunk: Uint8Array,
  from: number,
  stop: number,
): number {
  const methodEnd = skip(TOKEN, chunk, from, stop);
  if (methodEnd === from || methodEnd === stop || chunk[methodEnd] !== SP) return from;
  const targetEnd = skip(TARGET, chunk, methodEnd + 1, stop);
  if (targetEnd === methodEnd + 1 || stop - targetEnd < ' HTTP/1.1\r\n'.length) return from;
  const minor = (chunk[targetEnd + 8] as number) - DIGIT_ZERO;
  if (chunk[targetEnd] !== SP || !isVersion(chunk, targetEnd + 1) || (minor !== 0 && minor !== 1))
    return from;
  if (chunk[targetEnd + 9] !== CR || chunk[targetEnd + 10] !== LF) return from;
  scanner.methodEnd = methodEnd - from;
  scanner.targetEnd = targetEnd - from;
  scanner.minor = minor;
  return targetEnd + 11;
}

/** @returns index after the status line, `from` when it is not whole and usual */
export function wholeStatusLine(scanner: LineScanner, chunk: Uint8Array, from: number, stop: number): number {
  if (stop - from < 'HTTP/1.1 200 \r\n'.length || !isVersion(chunk, from)) return from;
  const minor = (chunk[from + 7] as number) - DIGIT_ZERO;
  if ((minor !== 0 && minor !== 1) || chunk[from + 8] !== SP || chunk[from + 12] !== SP) return from;
  const status = digitAt(chunk, from + 9) * 100 + digitAt(chunk, from + 10) * 10 + digitAt(chunk, from + 11);
  // NaN, from anything but a digit, is not in the range either.
  if (!(status >= 100)) return from;
  const lineEnd = skipText(chunk, from + 13, stop);
  if (stop - lineEnd < 2 || chunk[lineEnd] !== CR || chunk[lineEnd + 1] !== LF) return from;
  scanner.minor = minor;
  scanner.status = status;
  scanner.lineEnd = lineEnd - from;
  return lineEnd + 2;
}

/**
 * Field lines `name:value` or `name: value` without other white space around the value.
 *
 * @param base index of the first octet of the head, which may be before the chunk
 * @returns index of the first line that is something else
 */
export function wholeFieldLines(
  scanner: LineScanner,
  chunk: Uint8Array,
  from: number,
  stop: number,
  base: number,
): number {
  const { marks } = scanner;
  let { used } = scanner;
  let line = from;
  while (used < FIELDS_MAX * MARKS_PER_FIELD) {
    const colon = skip(TOKEN, chunk, line, stop);
    if (colon === line || stop - colon < 4 || chunk[colon] !== COLON) break;
    const start = chunk[colon + 1] === SP ? colon + 2 : colon + 1;
    const end = skipText(chunk, start, stop);
    if (stop - end < 2 || chunk[end] !== CR || chunk[end + 1] !== LF) break;
    if (end > start && (chunk[start] === SP || chunk[end - 1] === SP)) break;
    marks[used] = line - base;
    marks[used + 1] = colon - base;
    marks[used + 2] = start - base;
    marks[used + 3] = end - base;
    used += MARKS_PER_FIELD;
    line = end + 2;
  }
  scanner.used = used;
  return line;
}

function isVersion(chunk: Uint8Array, at: number): boolean {
  return (
    chunk[at] === 0x48 && // HTTP/1.
    chunk[at + 1] === 0x54 &&
    chunk[at + 2] === 0x54 &&
    chunk[at + 3] === 0x50 &&
    chunk[at + 4] === 0x2f &&
    chunk[at + 5] === 0x31 &&
    chunk[at + 6] === 0x2e
  );
}

function digitAt(chunk: Uint8Array, at: number): number {
  const octet = chunk[at] as number;
  return octet >= DIGIT_ZERO && octet <= DIGIT_NINE ? octet - DIGIT_ZERO : Number.NaN;
}

function skip(set: Uint8Array, chunk: Uint8Array, from: number, stop: number): number {
  let i = from;
  while (i < stop && set[chunk[i] as number] === 1) i++;
  return i;
}

function skipText(chunk: Uint8Array, from: number, stop: number): number {
  let i = from;
  while (i < stop) {
    const octet = chunk[i] as number;
    if (octet < SP || octet === DEL) break;
    i++;
  }
  return i;
}
