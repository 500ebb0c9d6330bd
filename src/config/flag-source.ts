import type { Source } from './source.ts';

/** A part of the configuration and the flag or variable that gave it. */
export interface Origin {
  readonly path: readonly PropertyKey[];
  /** `--primary`, `UNDERSTUDY_LOG`. */
  readonly name: string;
}

/** What flags and variables gave, as if it had been written in a file. */
export function flagSource(value: unknown, origins: readonly Origin[]): Source {
  return {
    name: 'the command line',
    value,
    locate: (path) => ({ where: originOf(path, origins)?.name ?? 'the command line', excerpt: undefined }),
  };
}

/** A source with some of its parts replaced by flags and variables. */
export function overriddenSource(source: Source, value: unknown, origins: readonly Origin[]): Source {
  return {
    name: source.name,
    value,
    locate(path, part) {
      const origin = originOf(path, origins);
      return origin === undefined ? source.locate(path, part) : { where: origin.name, excerpt: undefined };
    },
  };
}

/** The origin of the part that a path lies in; the most specific one counts. */
function originOf(path: readonly PropertyKey[], origins: readonly Origin[]): Origin | undefined {
  return origins
    .filter((origin) => origin.path.every((part, index) => part === path[index]))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}
