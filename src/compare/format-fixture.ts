import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import { createContent } from './content.ts';
import { alike } from './volatile/alike.ts';
import type { CompareLimits } from '../model/compare-settings.ts';
import type { Answer, Difference } from '../model/difference.ts';
import type { Content, FormatContext } from './format.ts';

/** A context for tests: it keeps what is found, and compares nested contents by their bytes. */
export interface CollectingContext {
  readonly context: FormatContext;
  readonly found: readonly Difference[];
  /** `kind path` of what was found, in order; short enough for tables. */
  readonly shown: () => readonly string[];
}

export interface CollectingOptions {
  readonly limits?: Partial<CompareLimits>;
  readonly unordered?: readonly string[];
  readonly keys?: Readonly<Record<string, string>>;
  /** Nothing is volatile. */
  readonly exact?: boolean;
  readonly nested?: FormatContext['nested'];
}

export function collectingContext(options: CollectingOptions = {}): CollectingContext {
  const found: Difference[] = [];
  const limits = { ...DEFAULT_COMPARE.limits, ...options.limits };
  const add: FormatContext['sink']['add'] = (kind, path, risk, primary, other) => {
    if (found.length < limits.differences) found.push({ kind, path, risk, primary, other });
  };
  const context: FormatContext = {
    limits,
    sink: {
      add,
      get full() {
        return found.length >= limits.differences;
      },
    },
    alike: options.exact === true ? () => false : alike,
    ignored: () => false,
    unordered: (path) => options.unordered?.includes(path) ?? false,
    keyOf: (path) => options.keys?.[path],
    tolerance: () => undefined,
    nested:
      options.nested ??
      ((primary, other, path) => {
        if (!primary.bytes.equals(other.bytes))
          add('value', `${path}:${primary.mediaType}`, 'medium', primary.text(), other.text());
      }),
  };
  return { context, found, shown: () => found.map(({ kind, path }) => `${kind} ${path}`) };
}

/** A body with its Content-Type. */
export function contentOf(body: string | Uint8Array, contentType = ''): Content {
  return createContent(Buffer.from(body), contentType);
}

export function answerOf(
  headers: readonly (readonly [name: string, value: string])[],
  trailers: readonly (readonly [name: string, value: string])[] = [],
): Answer {
  return {
    status: 200,
    header: (name) => headers.find(([key]) => key.toLowerCase() === name)?.[1],
    headers: () => headers,
    body: [],
    trailers,
  };
}
