import type { BodyFault } from '../../model/difference.ts';
import {
  ARRAY,
  COUNT_SHIFT,
  ESCAPED,
  FALSE,
  NULL,
  NUMBER,
  OBJECT,
  STRIDE,
  STRING,
  TRUE,
  VALUES_MAX,
} from './document.ts';
import type { JsonDocument } from './document.ts';
import { blankEnd, literalEnd, numberEnd, stringEnd } from './scanner.ts';

export interface ReadLimits {
  readonly depth: number;
  /** Keys do not count. */
  readonly values: number;
}

/**
 * Reads JSON text (RFC 8259) in well-formed UTF-8, with or without byte order mark, into `document`. Nothing of it is
 * lost: repeated keys, digits, escapes. JSON.parse is not used at all: it loses those, V8 14.6 takes some escaped keys for
 * others, and this costs less, since no objects are made.
 */
export function readJson(document: JsonDocument, bytes: Buffer, limits: ReadLimits): BodyFault | undefined {
  document.bytes = bytes;
  document.forgetHashes();
  let { nodes } = document;
  const valuesMax = Math.min(limits.values, VALUES_MAX);
  /** Containers that are open, and how many children they have so far. */
  const open: number[] = [];
  const counts: number[] = [];
  let depth = 0;
  let used = 0;
  let values = 0;
  let inObject = false;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (;;) {
    if (used + 2 * STRIDE > nodes.length) {
      nodes = document.grow();
    }
    at = blankEnd(bytes, at);
    if (inObject) {
      if (bytes[at] !== 0x22) return 'malformed';
      const end = stringEnd(bytes, at + 1);
      if (end === 0) return 'malformed';
      nodes[used] = end < 0 ? STRING | ESCAPED : STRING;
      nodes[used + 1] = at + 1;
      at = end < 0 ? -end : end;
      nodes[used + 2] = at;
      used += STRIDE;
      nodes[used - 1] = used;
      at = blankEnd(bytes, at + 1);
      if (bytes[at] !== 0x3a) return 'malformed';
      at = blankEnd(bytes, at + 1);
    }
    if (++values > valuesMax) return 'too_many_values';
    const byte = bytes[at] as number;
    nodes[used + 1] = at;
    let whole = true;
    if (byte === 0x22) {
      const end = stringEnd(bytes, at + 1);
      if (end === 0) return 'malformed';
      nodes[used] = end < 0 ? STRING | ESCAPED : STRING;
      nodes[used + 1] = at + 1;
      at = end < 0 ? -end : end;
      nodes[used + 2] = at;
      at++;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (depth === limits.depth) return 'too_deep';
      inObject = byte === 0x7b;
      const kind = inObject ? OBJECT : ARRAY;
      nodes[used] = kind;
      at = blankEnd(bytes, at + 1);
      if (bytes[at] === byte + 2) {
        at++;
        nodes[used + 2] = at;
      } else {
        open[depth] = used;
        counts[depth] = 0;
        depth++;
        whole = false;
      }
    } else {
      at = byte === 0x74 || byte === 0x66 || byte === 0x6e ? literalEnd(bytes, at) : numberEnd(bytes, at);
      if (at === -1) return 'malformed';
      nodes[used] = byte === 0x74 ? TRUE : byte === 0x66 ? FALSE : byte === 0x6e ? NULL : NUMBER;
      nodes[used + 2] = at;
    }
    used += STRIDE;
    if (!whole) continue;
    nodes[used - 1] = used;
    // A value is whole; now the containers that end after it.
    for (;;) {
      at = blankEnd(bytes, at);
      if (depth === 0) {
        document.length = used;
        return at === bytes.length ? undefined : 'malformed';
      }
      const container = open[depth - 1] as number;
      const count = (counts[depth - 1] as number) + 1;
      const kind = nodes[container] as number;
      inObject = kind === OBJECT;
      const next = bytes[at];
      at++;
      if (next === 0x2c) {
        counts[depth - 1] = count;
        break;
      }
      if (next !== (inObject ? 0x7d : 0x5d)) return 'malformed';
      nodes[container] = kind | (count << COUNT_SHIFT);
      nodes[container + 2] = at;
      nodes[container + 3] = used;
      depth--;
    }
  }
}
