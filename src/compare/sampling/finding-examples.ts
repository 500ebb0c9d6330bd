import type { Difference, DifferenceKind } from '../../model/difference.ts';
import { ownText } from '../own-text.ts';

/** What is known of the examples of one finding. */
interface Examples {
  readonly kind: DifferenceKind;
  taken: number;
  /** When the last one was taken, and when the finding was last met. */
  takenMs: number;
  metMs: number;
  /** Another kind at the same path. */
  readonly next: Examples | undefined;
}

export interface FindingExamplesOptions {
  /** Examples of a finding that are wanted at once. */
  readonly first: number;
  /** After those, one in this time. */
  readonly freshMs: number;
  /** Findings remembered. */
  readonly limit: number;
}

/** A finding that was not met for this long makes room for others. */
const FORGET_MS = 10 * 60_000;
/** Looking for such ones costs a walk over all, so it is not done more often. */
const SWEEP_MS = 1000;

type ByPath = Map<string, Examples>;

/** Which findings of one mirror have examples, and how fresh they are. */
export class FindingExamples {
  readonly #options: FindingExamplesOptions;
  readonly #routes = new Map<string, ByPath>();
  #size = 0;
  #sweptMs = 0;
  #turnedAway = 0;

  constructor(options: FindingExamplesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Differences whose finding found no place. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Whether a difference is one of which an example is wanted now; it is remembered as met. */
  wants(route: string, { path, kind }: Difference, nowMs: number): 'first' | 'fresh' | undefined {
    const { first, freshMs } = this.#options;
    const examples = find(this.#routes.get(route)?.get(path), kind) ?? this.#add(route, path, kind, nowMs);
    if (examples === undefined) return undefined;
    examples.metMs = nowMs;
    if (examples.taken < first) return 'first';
    return nowMs - examples.takenMs >= freshMs ? 'fresh' : undefined;
  }

  /** An exchange with this difference is kept. */
  taken(route: string, { path, kind }: Difference, nowMs: number): void {
    const examples = find(this.#routes.get(route)?.get(path), kind);
    if (examples === undefined) return;
    examples.taken++;
    examples.takenMs = nowMs;
  }

  /** Routes have become one: what is known of their findings is known of its findings. */
  fold(from: readonly string[], to: string): void {
    for (const route of from) {
      const paths = this.#routes.get(route);
      if (paths === undefined || route === to) continue;
      this.#routes.delete(route);
      const into = this.#pathsOf(to);
      for (const [path, first] of paths) {
        for (let one: Examples | undefined = first; one !== undefined; one = one.next) {
          const there = find(into.get(path), one.kind);
          if (there === undefined) into.set(path, { ...one, next: into.get(path) });
          else {
            this.#size--;
            there.taken += one.taken;
            there.takenMs = Math.max(there.takenMs, one.takenMs);
            there.metMs = Math.max(there.metMs, one.metMs);
          }
        }
      }
    }
  }

  #add(route: string, path: string, kind: DifferenceKind, nowMs: number): Examples | undefined {
    if (this.#size >= this.#options.limit) this.#sweep(nowMs);
    if (this.#size >= this.#options.limit) {
      this.#turnedAway++;
      return undefined;
    }
    const paths = this.#pathsOf(route);
    const examples = { kind, taken: 0, takenMs: nowMs, metMs: nowMs, next: paths.get(path) };
    paths.set(ownText(path), examples);
    this.#size++;
    return examples;
  }

  #pathsOf(route: string): ByPath {
    let paths = this.#routes.get(route);
    if (paths === undefined) this.#routes.set(route, (paths = new Map()));
    return paths;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const [route, paths] of this.#routes) {
      for (const [path, first] of paths) {
        let kept: Examples | undefined;
        for (let one: Examples | undefined = first; one !== undefined; one = one.next) {
          if (nowMs - one.metMs < FORGET_MS) kept = { ...one, next: kept };
          else this.#size--;
        }
        if (kept === undefined) paths.delete(path);
        else paths.set(path, kept);
      }
      if (paths.size === 0) this.#routes.delete(route);
    }
  }
}

function find(first: Examples | undefined, kind: DifferenceKind): Examples | undefined {
  let examples = first;
  while (examples !== undefined && examples.kind !== kind) examples = examples.next;
  return examples;
}
