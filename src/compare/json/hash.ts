import { Buffer } from 'node:buffer';
import { mix32 } from '../../kit/hash.ts';
import { ARRAY, NUMBER, OBJECT, STRIDE, STRING } from './document.ts';
import type { JsonDocument } from './document.ts';
import { canonicalNumber } from './numbers.ts';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const IGNORED = 0x5bd1e995;

/** Says where in a document the hashing is, and whether what is there is left out. */
export interface HashGuide {
  enterField(document: JsonDocument, key: number): void;
  enterElement(): void;
  leave(): void;
  leftOut(): boolean;
  /** Whether the array there is a set. */
  unordered(): boolean;
}

/**
 * A hash that equal values share: whatever the order of keys, the escapes of strings and the form of numbers. It is 32
 * bits without a secret, so equal hashes only say where to look. Each node is hashed once.
 */
export function hashValue(document: JsonDocument, node: number, guide?: HashGuide): number {
  if (document.hashes.length === 0) document.hashes = new Int32Array(document.length / STRIDE);
  const known = document.hashes[node / STRIDE];
  if (known !== undefined && known !== 0) return known;
  const hash = computed(document, node, guide) || 1;
  document.hashes[node / STRIDE] = hash;
  return hash;
}

function computed(document: JsonDocument, node: number, guide: HashGuide | undefined): number {
  const kind = document.kind(node);
  const end = document.next(node);
  let hash = Math.imul(kind + 1, FNV_PRIME);
  switch (kind) {
    case NUMBER:
      return numberHash(document, node);
    case STRING:
      return stringHash(document, node);
    case ARRAY: {
      // As a set, every element counts alike, wherever it stands.
      const factor = (guide?.unordered() ?? false) ? 1 : 31;
      for (let at = node + STRIDE; at < end; at = document.next(at)) {
        guide?.enterElement();
        hash = (Math.imul(hash, factor) + mix32(hashValue(document, at, guide))) | 0;
        guide?.leave();
      }
      break;
    }
    case OBJECT:
      for (let key = node + STRIDE; key < end; key = document.next(key + STRIDE)) {
        const name = stringHash(document, key);
        guide?.enterField(document, key);
        const value = (guide?.leftOut() ?? false) ? IGNORED : hashValue(document, key + STRIDE, guide);
        guide?.leave();
        // A sum, so that the order of keys does not matter.
        hash = (hash + mix32(Math.imul(name, 31) ^ value)) | 0;
      }
      break;
    default:
  }
  return mix32(hash) | 0;
}

function stringHash(document: JsonDocument, node: number): number {
  if (!document.escaped(node)) return bytesHash(document.bytes, document.start(node), document.end(node));
  const text = Buffer.from(document.string(node));
  return bytesHash(text, 0, text.length);
}

function numberHash(document: JsonDocument, node: number): number {
  const text = Buffer.from(canonicalNumber(document.text(node)), 'latin1');
  return ~bytesHash(text, 0, text.length);
}

function bytesHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME);
  return mix32(hash) | 0;
}
