import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';
import type { Field } from './static-table.ts';

/** Size of a dynamic table before anybody says otherwise (RFC 9113 §6.5.2), octets. */
export const DEFAULT_TABLE_BYTES = 4096;
/** What an entry counts beyond its octets (RFC 7541 §4.1). */
const ENTRY_OVERHEAD = 32;

export interface HpackLimits {
  /** Largest dynamic table that is followed, octets. A peer that is allowed more and uses it cannot be followed. */
  readonly tableBytes: number;
  /** Longest header list that is handed out, octets by the reckoning of RFC 9113 §6.5.2. */
  readonly listBytes: number;
  /** Most fields handed out. */
  readonly fields: number;
}

export const HPACK_LIMITS: HpackLimits = { tableBytes: 64 * 1024, listBytes: 64 * 1024, fields: 1000 };

/**
 * `too_large`: past our limits, while the table stays right; `unknown`: it has fields from before `forget`, likewise;
 * `table_too_large`: a table that was agreed on but is larger than ours may be; `malformed`: not HPACK, or more than was
 * agreed. Nothing can be decoded after the last two.
 */
export type HeaderList =
  | { readonly kind: 'fields'; readonly fields: readonly Field[] }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'table_too_large' }
  | { readonly kind: 'malformed' };

const MALFORMED: HeaderList = { kind: 'malformed' };
const TOO_LARGE: HeaderList = { kind: 'too_large' };
const SKIMMED: HeaderList = { kind: 'fields', fields: [] };
const UNKNOWN: HeaderList = { kind: 'unknown' };
const TABLE_TOO_LARGE: HeaderList = { kind: 'table_too_large' };
/** What stands for a name that an entry from before `forget` had. No name or value has this octet (RFC 9113 §8.2.1). */
const LOST = '\0';
const LOST_FIELD: Field = [LOST, LOST];

/**
 * Header compression as the receiver of one direction does it (RFC 7541). A block has to be whole.
 *
 * After `forget` the table is known in part. Indexes count from the newest entry (§2.3.3), so that an entry which is added
 * later has its right index from then on, whatever lies behind it; an index past those is `unknown` instead of malformed. How
 * large the table is does not matter then: an entry that is given up too early is unknown, and one that is kept too long is
 * never named.
 */
export class HpackDecoder {
  readonly #limits: HpackLimits;
  /** Newest last; the first `#gone` are evicted and given up now and then. */
  #entries: Field[] = [];
  #gone = 0;
  #bytes = 0;
  #maxBytes = DEFAULT_TABLE_BYTES;
  /** What the reading side has allowed at most; acknowledgements are not waited for. */
  #allowedBytes = DEFAULT_TABLE_BYTES;
  /** Some entries, the oldest ones, were there before `forget`. */
  #partial = false;
  #block: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(limits: HpackLimits = HPACK_LIMITS) {
    this.#limits = limits;
  }

  /** Octets in the dynamic table. */
  get tableBytes(): number {
    return this.#bytes;
  }

  /** The side that reads these headers has announced SETTINGS_HEADER_TABLE_SIZE. */
  allow(bytes: number): void {
    this.#allowedBytes = Math.max(this.#allowedBytes, bytes);
  }

  /** Whether there may be entries that are not known. */
  get partial(): boolean {
    return this.#partial;
  }

  /** Blocks were lost: the table holds what nobody knows, and so may be what was agreed on its size. */
  forget(): void {
    this.#entries = [];
    this.#gone = 0;
    this.#bytes = 0;
    this.#partial = true;
    this.#maxBytes = this.#limits.tableBytes;
    this.#allowedBytes = Infinity;
  }

  decode(block: Uint8Array): HeaderList {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    let listBytes = 0;
    let tooLarge = false;
    let unknown = false;
    while (this.#at < block.length) {
      const first = block[this.#at] as number;
      let field: Field | undefined;
      if ((first & 0x80) !== 0) {
        field = this.#entry(this.#integer(7));
      } else if ((first & 0xe0) === 0x20) {
        // A size update comes before every field of its block (§4.2).
        const refused = fields.length > 0 || tooLarge ? MALFORMED : this.#resize(this.#integer(5));
        if (refused !== undefined) return refused;
        continue;
      } else {
        const indexed = (first & 0x40) !== 0;
        field = this.#literal(indexed ? 6 : 4);
        if (field !== undefined && indexed) this.#insert(field);
      }
      if (field === undefined) return MALFORMED;
      if (this.#partial && field[0] === LOST) unknown = true;
      listBytes += field[0].length + field[1].length + ENTRY_OVERHEAD;
      if (listBytes > this.#limits.listBytes || fields.length >= this.#limits.fields) tooLarge = true;
      else fields.push(field);
    }
    if (unknown) return UNKNOWN;
    return tooLarge ? TOO_LARGE : { kind: 'fields', fields };
  }

  /**
   * Reads a block only for what it does to the table, which takes a third of the time of `decode`.
   *
   * @returns a list without fields, or why nothing can be decoded any more
   */
  skim(block: Uint8Array): HeaderList {
    this.#block = block;
    this.#at = 0;
    let begun = false;
    while (this.#at < block.length) {
      const first = block[this.#at] as number;
      if ((first & 0xe0) === 0x20) {
        const refused = begun ? MALFORMED : this.#resize(this.#integer(5));
        if (refused !== undefined) return refused;
        continue;
      }
      begun = true;
      if ((first & 0x80) !== 0) {
        if (this.#entry(this.#integer(7)) === undefined) return MALFORMED;
      } else if ((first & 0x40) !== 0) {
        const field = this.#literal(6);
        if (field === undefined) return MALFORMED;
        this.#insert(field);
      } else {
        const index = this.#integer(4);
        const named = index === 0 ? this.#passString() : this.#entry(index) !== undefined;
        if (!named || !this.#passString()) return MALFORMED;
      }
    }
    return SKIMMED;
  }

  #resize(tableBytes: number): HeaderList | undefined {
    if (tableBytes < 0 || tableBytes > this.#allowedBytes) return MALFORMED;
    if (tableBytes > this.#limits.tableBytes && !this.#partial) return TABLE_TOO_LARGE;
    this.#maxBytes = Math.min(tableBytes, this.#limits.tableBytes);
    this.#evict(0);
    // With no room for an entry there is none that is unknown.
    if (tableBytes < ENTRY_OVERHEAD) this.#partial = false;
    return undefined;
  }

  /** @returns whether there was one */
  #passString(): boolean {
    if (this.#at >= this.#block.length) return false;
    const length = this.#integer(7);
    this.#at += length;
    return length >= 0 && this.#at <= this.#block.length;
  }

  #literal(prefix: number): Field | undefined {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index)?.[0];
    const value = this.#string();
    return name === undefined || value === undefined ? undefined : [name, value];
  }

  #entry(index: number): Field | undefined {
    if (index <= STATIC_TABLE.length) return STATIC_TABLE[index - 1];
    const at = this.#entries.length - (index - STATIC_TABLE.length);
    if (at >= this.#gone) return this.#entries[at];
    return this.#partial ? LOST_FIELD : undefined;
  }

  /** An integer with a prefix of so many bits (§5.1); -1 when it is cut off or absurd, which no index or length is. */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = (this.#block[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    return -1;
  }

  #string(): string | undefined {
    const first = this.#block[this.#at];
    if (first === undefined) return undefined;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (length < 0 || end > this.#block.length) return undefined;
    this.#at = end;
    if ((first & 0x80) !== 0) return decodeHuffman(this.#block, start, end);
    return length === 0 ? '' : latin1(this.#block, start, end);
  }

  #insert(field: Field): void {
    const bytes = field[0].length + field[1].length + ENTRY_OVERHEAD;
    this.#evict(bytes);
    // One that is larger than the table empties it (§4.4).
    if (bytes > this.#maxBytes) return;
    this.#entries.push(field);
    this.#bytes += bytes;
  }

  #evict(room: number): void {
    while (this.#bytes + room > this.#maxBytes && this.#gone < this.#entries.length) {
      const [name, value] = this.#entries[this.#gone++] as Field;
      this.#bytes -= name.length + value.length + ENTRY_OVERHEAD;
    }
    // Moved seldom, so that evicting costs the same for every entry.
    if (this.#gone > 64 && this.#gone * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#gone);
      this.#gone = 0;
    }
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
