import { Buffer } from 'node:buffer';

/** Kinds of nodes. */
export const NULL = 0;
export const FALSE = 1;
export const TRUE = 2;
export const NUMBER = 3;
export const STRING = 4;
export const ARRAY = 5;
export const OBJECT = 6;

/** Numbers per node: kind with flags and count, start, end, the node after it and all below it. */
export const STRIDE = 4;
export const ESCAPED = 8;
export const COUNT_SHIFT = 4;
/** Values that a document can hold, so that a count has room beside the flags. */
export const VALUES_MAX = 2 ** 26;

const KIND = 7;
const START_NODES = 1024;
/** Nodes for which room is kept between documents; that of larger ones is given back. */
const KEPT_NODES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * JSON text and where its values lie in it, as numbers in one array: nothing is made of a value before somebody asks for
 * it, and numbers keep all their digits. A node is known by its index in `nodes`; the root is 0, the first child of a
 * container follows it, and the members of an object are a key and a value in turn.
 */
export class JsonDocument {
  bytes: Buffer = NOTHING;
  nodes = new Int32Array(START_NODES * STRIDE);
  /** Used part of `nodes`. */
  length = 0;
  /** Semantic hashes of nodes, 0 where not made yet; empty until the first is asked for. */
  hashes = new Int32Array(0);

  /** Makes room for more nodes. */
  grow(): Int32Array<ArrayBuffer> {
    const larger = new Int32Array(this.nodes.length * 2);
    larger.set(this.nodes);
    this.nodes = larger;
    return larger;
  }

  /** Lets go of the text, and of most of the memory. */
  clear(): void {
    this.bytes = NOTHING;
    this.length = 0;
    this.forgetHashes();
    if (this.nodes.length > KEPT_NODES * STRIDE) this.nodes = new Int32Array(START_NODES * STRIDE);
  }

  forgetHashes(): void {
    if (this.hashes.length > 0) this.hashes = new Int32Array(0);
  }

  kind(node: number): number {
    return (this.nodes[node] as number) & KIND;
  }

  /** Members of an object or elements of an array. */
  count(node: number): number {
    return (this.nodes[node] as number) >> COUNT_SHIFT;
  }

  escaped(node: number): boolean {
    return ((this.nodes[node] as number) & ESCAPED) !== 0;
  }

  /** Index of the first byte; of a string, of the one after the quote. */
  start(node: number): number {
    return this.nodes[node + 1] as number;
  }

  /** Index after the last byte; of a string, of the closing quote. */
  end(node: number): number {
    return this.nodes[node + 2] as number;
  }

  next(node: number): number {
    return this.nodes[node + 3] as number;
  }

  /** Nodes of an array's elements. */
  elements(array: number): number[] {
    const found: number[] = [];
    const end = this.next(array);
    for (let node = array + STRIDE; node < end; node = this.next(node)) found.push(node);
    return found;
  }

  /** What a string or key says, without its escapes. */
  string(node: number): string {
    const raw = this.bytes.toString('utf8', this.start(node), this.end(node));
    return this.escaped(node) ? unescape(raw) : raw;
  }

  /** A value as it was sent, at most `bytesMax` of it. */
  text(node: number, bytesMax = Number.POSITIVE_INFINITY): string {
    const quote = this.kind(node) === STRING ? 1 : 0;
    const start = this.start(node) - quote;
    return this.bytes.toString('utf8', start, Math.min(this.end(node) + quote, start + bytesMax));
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** RFC 8259 §7. Halves of surrogate pairs stay as they are. */
function unescape(raw: string): string {
  return raw.replace(/\\(?:u(.{4})|(.))/g, (_, hex: string | undefined, char = '') =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
