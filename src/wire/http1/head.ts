/** Fields in one head or trailer section. Each costs 32 bytes of marks, and as little as 4 bytes on the wire. */
export const FIELDS_MAX = 1000;
/** Numbers per field in `marks`: start and end of the name, start and end of the value. */
export const MARKS_PER_FIELD = 4;
const NO_NAMES: readonly string[] = [];
/** What differs between most answers: two seconds. */
const ONLY_DATE: readonly string[] = ['date'];

/**
 * A message head: one string with an octet per code unit, and where its fields lie in it. Strings that it hands out are
 * made when asked for, and most share the head's memory: whoever keeps one for long keeps the whole head.
 */
abstract class Http1Head {
  /** Number of field lines. */
  readonly fieldCount: number;
  readonly version: '1.0' | '1.1';
  protected readonly text: string;
  protected readonly marks: readonly number[];

  constructor(text: string, marks: readonly number[], version: '1.0' | '1.1') {
    this.text = text;
    this.marks = marks;
    this.version = version;
    this.fieldCount = marks.length / MARKS_PER_FIELD;
  }

  /** The head as it was sent, from the start line to the empty line, in a new array at each call. */
  get bytes(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }

  /** Octets in the head. */
  get length(): number {
    return this.text.length;
  }

  /** Name of field `index` as sent; undefined past the last. */
  name(index: number): string {
    return fieldName(this.text, this.marks, index);
  }

  /** Value of field `index` without the white space around it, an octet per code unit. */
  value(index: number): string {
    return fieldValue(this.text, this.marks, index);
  }

  /** Whether field `index` has this lower-case name, without making a string. */
  nameIs(index: number, lowerName: string): boolean {
    const start = this.marks[index * MARKS_PER_FIELD] as number;
    return (
      (this.marks[index * MARKS_PER_FIELD + 1] as number) - start === lowerName.length &&
      matchesLower(this.text, start, lowerName)
    );
  }

  /** Whether the name of field `index` begins with this lower-case text. */
  nameStartsWith(index: number, lowerText: string): boolean {
    return (
      this.nameLength(index) >= lowerText.length &&
      matchesLower(this.text, this.marks[index * MARKS_PER_FIELD] as number, lowerText)
    );
  }

  /** Whether the whole value of field `index` is this, whatever its case. */
  valueIs(index: number, lowerValue: string): boolean {
    const start = this.marks[index * MARKS_PER_FIELD + 2] as number;
    return (
      (this.marks[index * MARKS_PER_FIELD + 3] as number) - start === lowerValue.length &&
      matchesLower(this.text, start, lowerValue)
    );
  }

  /** The lines of the fields from `from` up to and without `to` as they were sent, each with its line end. */
  lines(from: number, to: number): string {
    if (from >= to) return '';
    // The head ends with an empty line.
    const end = to < this.fieldCount ? this.marks[to * MARKS_PER_FIELD] : this.text.length - 2;
    return this.text.slice(this.marks[from * MARKS_PER_FIELD], end);
  }

  /** Octets in the name of field `index`. */
  nameLength(index: number): number {
    return (
      (this.marks[index * MARKS_PER_FIELD + 1] as number) - (this.marks[index * MARKS_PER_FIELD] as number)
    );
  }

  /** Value of the first field with this lower-case name. */
  header(lowerName: string): string | undefined {
    for (let i = 0; i < this.fieldCount; i++) {
      if (this.nameIs(i, lowerName)) return this.value(i);
    }
    return undefined;
  }

  /**
   * Lower-case names of the fields whose values differ, when both heads have the same fields in the same order; undefined
   * when they do not. What only says whether the connection stays open is left out, wherever it stands. No string is made
   * of what is equal.
   */
  differingFields(other: object): readonly string[] | undefined {
    if (!(other instanceof Http1Head)) return undefined;
    let names: string[] | undefined;
    let date = false;
    let theirs = 0;
    for (let ours = 0; ours < this.fieldCount; ours++) {
      while (!this.#sameName(ours, other, theirs) && other.#isPersistence(theirs)) theirs++;
      if (!this.#sameName(ours, other, theirs)) {
        if (this.#isPersistence(ours)) continue;
        return undefined;
      }
      const at = ours * MARKS_PER_FIELD + 2;
      const otherAt = theirs * MARKS_PER_FIELD + 2;
      theirs++;
      if (this.#samePart(at, other, otherAt)) continue;
      if (this.nameIs(ours, 'date')) date = true;
      else if (!this.#isPersistence(ours) || !other.#isPersistence(theirs - 1))
        (names ??= []).push(this.name(ours).toLowerCase());
    }
    while (other.#isPersistence(theirs)) theirs++;
    if (theirs < other.fieldCount) return undefined;
    if (names === undefined) return date ? ONLY_DATE : NO_NAMES;
    return date ? [...names, 'date'] : names;
  }

  /** Whether field `index` says nothing but whether, and how long, the connection stays open. False past the last. */
  #isPersistence(index: number): boolean {
    if (index >= this.fieldCount) return false;
    if (this.nameIs(index, 'keep-alive')) return true;
    if (!this.nameIs(index, 'connection')) return false;
    return this.valueIs(index, 'close') || this.valueIs(index, 'keep-alive');
  }

  /** False past the last field of either. */
  #sameName(ours: number, other: Http1Head, theirs: number): boolean {
    if (ours >= this.fieldCount || theirs >= other.fieldCount) return false;
    if (this.#samePart(ours * MARKS_PER_FIELD, other, theirs * MARKS_PER_FIELD)) return true;
    if (this.nameLength(ours) !== other.nameLength(theirs)) return false;
    return this.name(ours).toLowerCase() === other.name(theirs).toLowerCase();
  }

  /** Whether the octets between the marks `at` and `at + 1` are those between the other head's. */
  #samePart(at: number, other: Http1Head, otherAt: number): boolean {
    const { text } = this;
    const otherText = other.text;
    const start = this.marks[at] as number;
    const otherStart = other.marks[otherAt] as number;
    const length = (this.marks[at + 1] as number) - start;
    if (length !== (other.marks[otherAt + 1] as number) - otherStart) return false;
    for (let i = 0; i < length; i++) {
      if (text.charCodeAt(start + i) !== otherText.charCodeAt(otherStart + i)) return false;
    }
    return true;
  }

  /** All fields in order of arrival, names as sent. */
  headers(): Iterable<readonly [name: string, value: string]> {
    return fieldPairs(this.text, this.marks);
  }
}

const COMMON_METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'] as const;

export class Http1RequestHead extends Http1Head {
  readonly method: string;
  readonly #targetEnd: number;
  #target: string | undefined;
  #path: string | undefined;
  #query: string | undefined;
  #authority: string | undefined;

  /**
   * @param text the whole head, known to be well-formed
   * @param marks four numbers per field, see MARKS_PER_FIELD
   * @param methodEnd index of the space after the method
   * @param targetEnd index of the space after the target
   */
  constructor(
    text: string,
    marks: readonly number[],
    version: '1.0' | '1.1',
    methodEnd: number,
    targetEnd: number,
  ) {
    super(text, marks, version);
    this.method = methodOf(text, methodEnd);
    this.#targetEnd = targetEnd;
  }

  /** Request target as sent: `/path?query`, an absolute URI, `host:port` (CONNECT) or `*`. */
  get target(): string {
    this.#target ??= this.text.slice(this.method.length + 1, this.#targetEnd);
    return this.#target;
  }

  /** Path without query, as sent; `*` for that target, `/` for an absolute URI without a path, empty for CONNECT. */
  get path(): string {
    if (this.#path === undefined) this.#split();
    return this.#path ?? '';
  }

  /** Query without the question mark, empty when there is none. */
  get query(): string {
    if (this.#path === undefined) this.#split();
    return this.#query ?? '';
  }

  /** Authority of an absolute or CONNECT target, otherwise the Host field (RFC 9112 §3.2.2); empty without either. */
  get authority(): string {
    this.#authority ??= targetAuthority(this.method, this.target) ?? this.header('host') ?? '';
    return this.#authority;
  }

  #split(): void {
    const { target } = this;
    let start = 0;
    if (target.charCodeAt(0) !== 0x2f && target !== '*') {
      start = this.method === 'CONNECT' ? target.length : authorityEnd(target);
    }
    const mark = target.indexOf('?', start);
    const path = target.slice(start, mark === -1 ? target.length : mark);
    this.#query = mark === -1 ? '' : target.slice(mark + 1);
    this.#path = path === '' && this.method !== 'CONNECT' ? '/' : path;
  }
}

export class Http1ResponseHead extends Http1Head {
  readonly status: number;
  readonly #lineEnd: number;

  /** @param lineEnd index of the CR that ends the status line */
  constructor(
    text: string,
    marks: readonly number[],
    version: '1.0' | '1.1',
    status: number,
    lineEnd: number,
  ) {
    super(text, marks, version);
    this.status = status;
    this.#lineEnd = lineEnd;
  }

  /** Reason phrase as sent, empty when there is none. */
  get reason(): string {
    return this.text.slice('HTTP/1.1 200 '.length, this.#lineEnd);
  }
}

/** Authority of a target in absolute or authority form (RFC 9112 §3.2.2, §3.2.3); undefined for the other forms. */
export function targetAuthority(method: string, target: string): string | undefined {
  if (method === 'CONNECT') return target;
  if (target.charCodeAt(0) === 0x2f || target === '*') return undefined;
  return target.slice(target.indexOf('://') + 3, authorityEnd(target));
}

/** All fields as pairs of name and value. */
export function fieldPairs(text: string, marks: readonly number[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  const count = marks.length / MARKS_PER_FIELD;
  for (let i = 0; i < count; i++) pairs.push([fieldName(text, marks, i), fieldValue(text, marks, i)]);
  return pairs;
}

function fieldName(text: string, marks: readonly number[], index: number): string {
  return text.slice(marks[index * MARKS_PER_FIELD], marks[index * MARKS_PER_FIELD + 1]);
}

function fieldValue(text: string, marks: readonly number[], index: number): string {
  return text.slice(marks[index * MARKS_PER_FIELD + 2], marks[index * MARKS_PER_FIELD + 3]);
}

/** Whether `lower` stands at `start`, ASCII letters in any case. `lower` has no upper-case letters. */
function matchesLower(text: string, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    let code = text.charCodeAt(start + i);
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    if (code !== lower.charCodeAt(i)) return false;
  }
  return true;
}

function authorityEnd(target: string): number {
  const start = target.indexOf('://') + 3;
  for (let i = start; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code === 0x2f || code === 0x3f) return i;
  }
  return target.length;
}

/** The usual methods as constants: compared by identity wherever they go, and no string is made. */
function methodOf(text: string, end: number): string {
  for (const method of COMMON_METHODS) {
    if (method.length === end && text.startsWith(method)) return method;
  }
  return text.slice(0, end);
}
