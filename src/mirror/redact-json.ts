import { childrenOf } from '../model/json-fields.ts';
import type { FieldNode } from '../model/json-fields.ts';
import { blankEnd, literalEnd, numberEnd, stringEnd } from './json-scanner.ts';
import { REDACTED } from './redact-query.ts';

/** Deepest nesting that is read; deeper text counts as not readable. */
export const JSON_DEPTH_MAX = 512;

const REPLACEMENT = Buffer.from(`"${REDACTED}"`);
const NOWHERE: readonly FieldNode[] = [];

/** An object or array that is open. */
interface Container {
  readonly array: boolean;
  /** Where in the field tree it stands; empty when nothing below it can match. */
  readonly nodes: readonly FieldNode[];
  /** Start of the value to redact that this container is, or -1. */
  readonly redactedFrom: number;
  count: number;
}

/**
 * Replaces the fields that `fields` names by `"redacted"` in JSON text (RFC 8259, UTF-8). All other bytes stay as they
 * are: white space, the digits of numbers, repeated keys. Keys are compared after their escapes, and every one of
 * several equal keys is redacted.
 *
 * @param sequence whether several values may follow each other (newline-delimited JSON, RFC 7464)
 * @returns the new text; the same object when no field was found; undefined when it is not JSON
 */
export function redactJson(text: Buffer, fields: FieldNode, sequence = false): Buffer | undefined {
  const ranges: number[] = [];
  let at = valueStart(text);
  for (let values = 0; ; values++) {
    at = separatorEnd(text, at, sequence);
    if (at >= text.length && values > 0) break;
    if (values > 0 && !sequence) return undefined;
    at = valueEnd(text, at, fields, ranges);
    if (at === -1) return undefined;
  }
  return ranges.length === 0 ? text : replaceRanges(text, ranges);
}

/** Index of the first octet that is neither white space nor a byte order mark. */
export function valueStart(text: Uint8Array): number {
  return blankEnd(text, text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0);
}

/** Index after the whole value at `start`, or -1; adds start and end of what is to be redacted to `ranges`. */
function valueEnd(text: Buffer, start: number, fields: FieldNode, ranges: number[]): number {
  const open: Container[] = [];
  let nodes: readonly FieldNode[] = [fields];
  let at = blankEnd(text, start);
  for (;;) {
    // Here `at` is where a value begins, and `nodes` is where it stands in the field tree.
    const redacted = nodes.some((node) => node.end);
    const byte = text[at];
    if (byte === 0x7b || byte === 0x5b) {
      if (open.length >= JSON_DEPTH_MAX) return -1;
      const inside = redacted ? NOWHERE : nodes;
      open.push({ array: byte === 0x5b, nodes: inside, redactedFrom: redacted ? at : -1, count: 0 });
      at = blankEnd(text, at + 1);
    } else {
      const end = scalarEnd(text, at);
      if (end === -1) return -1;
      if (redacted) ranges.push(at, end);
      at = end;
    }
    // Then: closing brackets, until another value is due or the outermost one is whole.
    for (;;) {
      const container = open.at(-1);
      if (container === undefined) return at;
      at = blankEnd(text, at);
      if (text[at] === (container.array ? 0x5d : 0x7d)) {
        at++;
        if (container.redactedFrom !== -1) ranges.push(container.redactedFrom, at);
        open.pop();
        continue;
      }
      if (container.count > 0) {
        if (text[at] !== 0x2c) return -1;
        at = blankEnd(text, at + 1);
      }
      if (container.array) {
        nodes = container.nodes.length === 0 ? NOWHERE : childrenOf(container.nodes, String(container.count));
        container.count++;
        break;
      }
      container.count++;
      const keyEnd = text[at] === 0x22 ? stringEnd(text, at) : -1;
      if (keyEnd === -1) return -1;
      nodes = container.nodes.length === 0 ? NOWHERE : childrenOf(container.nodes, keyOf(text, at, keyEnd));
      at = blankEnd(text, keyEnd);
      if (text[at] !== 0x3a) return -1;
      at = blankEnd(text, at + 1);
      break;
    }
  }
}

function scalarEnd(text: Buffer, at: number): number {
  const byte = text[at];
  if (byte === 0x22) return stringEnd(text, at);
  if (byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) return numberEnd(text, at);
  return literalEnd(text, at);
}

/** A key without its quotes and escapes. */
function keyOf(text: Buffer, start: number, end: number): string {
  const raw = text.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? String(JSON.parse(`"${raw}"`)) : raw;
}

/** Skips what may stand between values; in a sequence also the record separator of RFC 7464. */
function separatorEnd(text: Buffer, start: number, sequence: boolean): number {
  let at = blankEnd(text, start);
  if (!sequence) return at;
  while (text[at] === 0x1e) at = blankEnd(text, at + 1);
  return at;
}

function replaceRanges(text: Buffer, ranges: readonly number[]): Buffer {
  const pieces: Buffer[] = [];
  let kept = 0;
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    pieces.push(text.subarray(kept, ranges[i]), REPLACEMENT);
    kept = ranges[i + 1] ?? text.length;
  }
  pieces.push(text.subarray(kept));
  return Buffer.concat(pieces);
}
