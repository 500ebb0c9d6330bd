import type { DifferenceKind, Risk } from '../../model/difference.ts';
import type { FormatContext } from '../format.ts';
import { compareArrays } from './arrays.ts';
import { ARRAY, FALSE, JsonDocument, NUMBER, OBJECT, STRIDE, STRING, TRUE } from './document.ts';
import { hashValue } from './hash.ts';
import type { HashGuide } from './hash.ts';
import { canonicalNumber, near } from './numbers.ts';
import { compareObjects } from './objects.ts';
import { sharedEnd, sharedStart } from './shared-ends.ts';
import { Trail } from './trail.ts';

/** Bytes of a value that are handed on to be shown. */
const SHOWN_BYTES = 4096;
/**
 * Values looked at for each value that the two documents hold. Finding where elements went looks at some more than once;
 * past this, arrays are compared element by element only.
 */
const VISITS_PER_VALUE = 24;

/** Compares two JSON documents that have been read. One at a time; it is used again for the next. */
export class JsonComparison {
  readonly primary = new JsonDocument();
  readonly other = new JsonDocument();
  readonly trail = new Trail();
  context: FormatContext | undefined;
  /** Whether it is only asked if there is any difference. */
  #probing = false;
  #found = false;
  #visitsLeft = 0;
  #prefix = 0;
  #suffix = 0;
  /** Whether some array was compared as a set. */
  #sets = false;
  readonly #guide: HashGuide = {
    enterField: (document, key) => this.trail.enterField(document, key),
    enterElement: () => this.trail.enterElement(),
    leave: () => this.trail.leave(),
    unordered: () => this.context?.unordered(this.trail.path) ?? false,
    leftOut: () => this.context?.sink.ignores?.('value', this.trail.path) ?? false,
  };

  compare(path: string, context: FormatContext): void {
    const { primary, other } = this;
    this.context = context;
    this.trail.reset(path);
    this.#probing = false;
    this.#sets = false;
    this.#visitsLeft = ((primary.length + other.length) / STRIDE) * VISITS_PER_VALUE;
    this.#prefix = sharedStart(primary.bytes, other.bytes);
    this.#suffix = sharedEnd(primary.bytes, other.bytes);
    this.values(0, 0);
    this.context = undefined;
  }

  /** Whether arrays may still be searched for where elements went. */
  get thorough(): boolean {
    return this.#visitsLeft > 0;
  }

  /** Whether what was asked for is found, and the rest does not matter. */
  get over(): boolean {
    return this.#probing ? this.#found : (this.context?.sink.full ?? true);
  }

  get probing(): boolean {
    return this.#probing;
  }

  /** Adds what differs between a value of the primary's and one of the other document. */
  values(left: number, right: number): void {
    const { primary, other } = this;
    if (this.sameBytes(left, right) || this.over) return;
    this.#visitsLeft--;
    const kind = primary.kind(left);
    const otherKind = other.kind(right);
    if (kind !== otherKind) {
      const both = (kind === TRUE || kind === FALSE) && (otherKind === TRUE || otherKind === FALSE);
      this.add(both ? 'value' : 'type', both ? 'medium' : 'high', left, right);
      return;
    }
    switch (kind) {
      case STRING:
        this.#strings(left, right);
        return;
      case NUMBER:
        this.#numbers(left, right);
        return;
      case OBJECT:
        if (!this.#ignored()) compareObjects(this, left, right);
        return;
      case ARRAY:
        if (!this.#ignored()) compareArrays(this, left, right);
        return;
      default:
    }
  }

  /** Whether two values are alike in every respect that counts. */
  alike(left: number, right: number): boolean {
    if (this.sameBytes(left, right)) return true;
    if (this.primary.kind(left) !== this.other.kind(right)) return false;
    const { probing, found } = { probing: this.#probing, found: this.#found };
    this.#probing = true;
    this.#found = false;
    this.values(left, right);
    const alike = !this.#found;
    this.#probing = probing;
    this.#found = found;
    return alike;
  }

  /** Says that arrays are compared as sets, so that hashes have to take them as such. */
  expectSets(): void {
    if (this.#sets) return;
    this.#sets = true;
    this.primary.forgetHashes();
    this.other.forgetHashes();
  }

  /** Hash of an element of the array that is looked at; equal elements have equal ones. */
  hash(document: JsonDocument, element: number): number {
    // Saying where a hash is made costs as much as making it, so it is only done where rules depend on it.
    const guide = this.context?.sink.ignores === undefined && !this.#sets ? undefined : this.#guide;
    this.trail.enterElement();
    const hash = hashValue(document, element, guide);
    this.trail.leave();
    return hash;
  }

  add(kind: DifferenceKind, risk: Risk, left: number | undefined, right: number | undefined): void {
    this.addText(
      kind,
      risk,
      left === undefined || this.#probing ? undefined : this.primary.text(left, SHOWN_BYTES),
      right === undefined || this.#probing ? undefined : this.other.text(right, SHOWN_BYTES),
    );
  }

  addText(kind: DifferenceKind, risk: Risk, left: string | undefined, right: string | undefined): void {
    const sink = this.context?.sink;
    if (sink === undefined) return;
    const { path } = this.trail;
    if (!this.#probing) sink.add(kind, path, risk, left, right);
    else if (!(sink.ignores?.(kind, path) ?? false)) this.#found = true;
  }

  /** Whether two values stand in what both texts have in common: then nothing in them has to be looked at. */
  sameBytes(left: number, right: number): boolean {
    const start = this.primary.start(left);
    const end = this.primary.end(left);
    const otherStart = this.other.start(right);
    const otherEnd = this.other.end(right);
    if (start === otherStart && end === otherEnd && end <= this.#prefix) return true;
    const length = this.primary.bytes.length;
    const otherLength = this.other.bytes.length;
    return (
      length - start === otherLength - otherStart &&
      length - end === otherLength - otherEnd &&
      length - start <= this.#suffix
    );
  }

  /** Whether two strings or keys say the same. */
  sameString(left: number, right: number): boolean {
    const { primary, other } = this;
    if (primary.escaped(left) || other.escaped(right)) return primary.string(left) === other.string(right);
    const start = primary.start(left);
    const otherStart = other.start(right);
    const length = primary.end(left) - start;
    if (length !== other.end(right) - otherStart) return false;
    const a = primary.bytes;
    const b = other.bytes;
    for (let i = 0; i < length; i++) if (a[start + i] !== b[otherStart + i]) return false;
    return true;
  }

  #strings(left: number, right: number): void {
    if (this.sameString(left, right)) return;
    if (this.context?.alike(this.primary.string(left), this.other.string(right)) ?? false) return;
    this.add('value', 'medium', left, right);
  }

  #numbers(left: number, right: number): void {
    const text = this.primary.text(left);
    const otherText = this.other.text(right);
    if (text === otherText || canonicalNumber(text) === canonicalNumber(otherText)) return;
    const { context } = this;
    const tolerance = context?.tolerance(this.trail.path);
    if (tolerance !== undefined && near(text, otherText, tolerance)) return;
    if (context?.alike(text, otherText) ?? false) return;
    this.add('value', 'medium', left, right);
  }

  #ignored(): boolean {
    const { context } = this;
    return context?.sink.ignores !== undefined && context.ignored(this.trail.path);
  }
}
