import type { Excerpt, Problem } from './problem.ts';

/** What was configured, before validation, and where each part of it is written. */
export interface Source {
  /** What it is called in messages: a file's name, `the flags`. */
  readonly name: string;
  /** Plain objects, arrays and scalars, as JSON has them. */
  readonly value: unknown;
  /**
   * Where a part is written, or the nearest part around it that is.
   *
   * @param part `key`: the key itself is what is wrong, not its value
   */
  locate(path: readonly PropertyKey[], part: 'key' | 'value'): Place;
}

export interface Place {
  readonly where: string;
  readonly excerpt: Excerpt | undefined;
}

export type ReadSource = { readonly source: Source } | { readonly problems: readonly Problem[] };
