import { Buffer } from 'node:buffer';
import { decodeBody } from '../model/content-coding.ts';
import type { RecordedAnswer } from '../model/recording.ts';
import { countText } from './figures.ts';
import { jsonLines } from './json-lines.ts';
import { printable, shortened } from './printable.ts';
import { ALIGNED_LINES } from './side-by-side.ts';

/** Longest decompressed body that is shown, bytes; of a longer one only its length is told. */
const DECODED_BYTES = 256 * 1024;
const LINE_CHARS = 300;
const HEX_BYTES = 64;

/** An answer as lines to lay side by side: status, headers, and the body as text where it is one. */
export function answerLines(answer: RecordedAnswer): readonly string[] {
  const headers = answer.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).toSorted();
  const lines = [`status: ${answer.status}`, ...headers, '', ...bodyLines(answer)];
  return lines.slice(0, ALIGNED_LINES).map((line) => printable(shortened(line, LINE_CHARS)));
}

function bodyLines(answer: RecordedAnswer): readonly string[] {
  const { body, bodyBytes } = answer;
  if (bodyBytes === 0) return ['(no body)'];
  const cut =
    bodyBytes > body.length
      ? [`(the first ${countText(body.length)} of ${countText(bodyBytes)} bytes are kept)`]
      : [];
  const plain = decoded(body, headerOf(answer, 'content-encoding'));
  if (plain === undefined) return [...cut, `(${countText(bodyBytes)} bytes whose coding cannot be undone)`];
  const text = textOf(plain);
  if (text === undefined) {
    const hex = Buffer.from(plain.subarray(0, HEX_BYTES)).toString('hex');
    return [
      ...cut,
      `(${countText(plain.length)} bytes that are no text)`,
      hex.replaceAll(/(..)(?=.)/g, '$1 '),
    ];
  }
  const lines = /^\s*[[{]/.test(text) ? jsonLines(text, ALIGNED_LINES) : text.split('\n', ALIGNED_LINES);
  return [...cut, ...lines];
}

function headerOf({ headers }: RecordedAnswer, wanted: string): string {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
}

/** The content of a body that may be cut off anywhere; undefined when its coding cannot be undone within the bound. */
function decoded(body: Uint8Array, coding: string): Uint8Array | undefined {
  const sent = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const { bytes, fault } = decodeBody(sent, coding, DECODED_BYTES);
  if (fault === undefined) return bytes;
  return fault === 'truncated_coding' && bytes !== sent ? bytes : undefined;
}

/** UTF-8 text whose last character may be cut; undefined when it is none. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    // A zero byte says more than any guess.
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
