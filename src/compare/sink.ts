import type { Difference, DifferenceKind, Risk } from '../model/difference.ts';
import type { DifferenceSink } from './format.ts';
import type { Ignoring } from './ignoring.ts';
import { MASKED } from './mask.ts';
import type { Mask } from './mask.ts';
import { ownText } from './own-text.ts';

/** Differences looked at for each that is kept, so that a few grave ones are found among many. */
const LOOKED_AT_PER_KEPT = 4;
/** Longest path, characters. What lies deeper is found at the path up to here. */
export const PATH_CHARS = 1000;
/** Share of what is shown that stands before the place where two long texts part. */
const LEAD_SHARE = 0.25;

const WEIGHT: Readonly<Record<Risk, number>> = { low: 0, medium: 1, high: 2 };

export interface SinkLimits {
  readonly differences: number;
  readonly shownChars: number;
}

/** The differences of one pair, each path and kind once. */
export class PairDifferences implements DifferenceSink {
  /** Found, and not kept. Those past `full` are not even looked for. */
  more = 0;
  ignored = 0;
  readonly ignores: ((kind: DifferenceKind, path: string) => boolean) | undefined;
  /** Path of the body, or of the part of it, that is compared now. */
  root = 'body';
  readonly #kept = new Map<string, Difference>();
  readonly #limits: SinkLimits;
  readonly #mask: Mask;

  constructor(limits: SinkLimits, ignoring: Ignoring, mask: Mask) {
    this.#limits = limits;
    this.#mask = mask;
    this.ignores = ignoring.nothing ? undefined : (kind, path) => ignoring.ignores(kind, path);
  }

  get full(): boolean {
    return (
      this.#kept.size >= this.#limits.differences &&
      this.more >= this.#limits.differences * (LOOKED_AT_PER_KEPT - 1)
    );
  }

  get differences(): readonly Difference[] {
    return [...this.#kept.values()];
  }

  add(
    kind: DifferenceKind,
    path: string,
    risk: Risk,
    primary: string | undefined,
    other: string | undefined,
  ): void {
    // How many elements there are is no secret.
    const hidden = kind !== 'length' && this.#mask.hides(path, this.root);
    this.#add(kind, path, risk, hidden ? masked(primary) : primary, hidden ? masked(other) : other);
  }

  /** Adds a difference whose texts are our own words about a whole body. */
  addNote(kind: DifferenceKind, path: string, risk: Risk, primary: string, other: string): void {
    this.#add(kind, path, risk, primary, other);
  }

  #add(
    kind: DifferenceKind,
    fullPath: string,
    risk: Risk,
    primary: string | undefined,
    other: string | undefined,
  ): void {
    const path = fullPath.length > PATH_CHARS ? `${whole(fullPath, PATH_CHARS)}…` : fullPath;
    if (this.ignores?.(kind, path) ?? false) {
      this.ignored++;
      return;
    }
    const key = `${kind} ${path}`;
    const known = this.#kept.get(key);
    if (known !== undefined && WEIGHT[known.risk] >= WEIGHT[risk]) return;
    if (known === undefined && !this.#makeRoom(risk)) return;
    const left = primary === undefined ? undefined : this.#mask.clean(primary);
    const right = other === undefined ? undefined : this.#mask.clean(other);
    const from = this.#shownFrom(left, right);
    this.#kept.set(key, {
      kind,
      path: ownText(path),
      risk,
      primary: this.#shown(left, from),
      other: this.#shown(right, from),
    });
  }

  /** Whether there is a place; a graver difference takes that of the last one that is less grave. */
  #makeRoom(risk: Risk): boolean {
    if (this.#kept.size < this.#limits.differences) return true;
    this.more++;
    let least: string | undefined;
    let weight = WEIGHT[risk];
    for (const [key, difference] of this.#kept) {
      if (WEIGHT[difference.risk] >= WEIGHT[risk] || WEIGHT[difference.risk] > weight) continue;
      least = key;
      weight = WEIGHT[difference.risk];
    }
    if (least === undefined) return false;
    this.#kept.delete(least);
    return true;
  }

  /** Where to begin showing, so that what differs is seen: two long texts may begin alike. */
  #shownFrom(primary: string | undefined, other: string | undefined): number {
    const { shownChars } = this.#limits;
    if (primary === undefined || other === undefined) return 0;
    if (primary.length <= shownChars && other.length <= shownChars) return 0;
    let at = 0;
    while (at < primary.length && primary.charCodeAt(at) === other.charCodeAt(at)) at++;
    const lead = Math.floor(shownChars * LEAD_SHARE);
    return at < shownChars - lead ? 0 : Math.max(0, at - lead);
  }

  #shown(text: string | undefined, from: number): string | undefined {
    if (text === undefined) return undefined;
    const { shownChars } = this.#limits;
    const start = from > 0 && isLowHalf(text.charCodeAt(from)) ? from - 1 : from;
    const rest = start > 0 ? `…${text.slice(start)}` : text;
    return ownText(rest.length > shownChars ? `${whole(rest, shownChars - 1)}…` : rest);
  }
}

function masked(text: string | undefined): string | undefined {
  return text === undefined ? undefined : MASKED;
}

/** At most `chars` of a text, without half a character at the end. */
function whole(text: string, chars: number): string {
  const end = Math.max(0, isLowHalf(text.charCodeAt(chars)) ? chars - 1 : chars);
  return text.slice(0, end);
}

function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
