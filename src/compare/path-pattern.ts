import { pathSteps } from './path.ts';

/** Paths whose result is remembered; past it everything is forgotten once. */
const REMEMBERED = 4096;
/** Longer paths are looked at each time, so that what is remembered stays under a megabyte or so. */
const REMEMBERED_CHARS = 256;

/** A pattern of paths as findings show them: `*` stands for one field name, `**` at the end for any rest or none. */
export interface PathPattern {
  readonly steps: readonly string[];
  /** Whether the last step is `**`. */
  readonly open: boolean;
}

/** @returns undefined when the text is no path pattern; the configuration has refused such ones */
export function compilePattern(text: string): PathPattern | undefined {
  const steps = pathSteps(text);
  if (steps === undefined) return undefined;
  const open = steps.at(-1) === '**';
  return { steps: open ? steps.slice(0, -1) : steps, open };
}

/** Whether a pattern fits a path. Takes time linear in the shorter of the two. */
export function fits(pattern: PathPattern, path: readonly string[]): boolean {
  const { steps, open } = pattern;
  if (open ? path.length < steps.length : path.length !== steps.length) return false;
  return steps.every((step, index) => step === path[index] || (step === '*' && path[index] !== '[]'));
}

/** Rules by path pattern, in their order. What fits a path is remembered. */
export class PathRules<Value> {
  readonly #rules: readonly { readonly pattern: PathPattern; readonly value: Value }[];
  readonly #known = new Map<string, readonly Value[]>();

  constructor(rules: readonly (readonly [pattern: string, value: Value])[]) {
    this.#rules = rules.flatMap(([text, value]) => {
      const pattern = compilePattern(text);
      return pattern === undefined ? [] : [{ pattern, value }];
    });
  }

  get empty(): boolean {
    return this.#rules.length === 0;
  }

  /** The first rule whose pattern fits a path. */
  find(path: string): Value | undefined {
    return this.all(path)[0];
  }

  /** All rules whose patterns fit a path. */
  all(path: string): readonly Value[] {
    if (this.empty) return [];
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const steps = pathSteps(path);
    const found =
      steps === undefined
        ? []
        : this.#rules.filter(({ pattern }) => fits(pattern, steps)).map(({ value }) => value);
    if (path.length > REMEMBERED_CHARS) return found;
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(path, found);
    return found;
  }
}
