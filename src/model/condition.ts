import type { Connection, RequestHead } from './exchange.ts';

/** One thing that a match asks for. The same object decides and explains, so that the two cannot differ. */
export interface Condition {
  /** Its key in the configuration, below the match: `path`, `headers[0]`, `source.cidrs`. */
  readonly key: string;
  /** What it asks for, in words: `PathPrefix /api`. */
  readonly wanted: string;
  /** 0: a comparison; 1: a walk through text; 2: a regular expression. */
  readonly cost: number;
  /** @param path the request's path as `normalPath` gives it */
  readonly holds: (request: RequestHead, connection: Connection, path: string) => boolean;
  /** What the request has in its place; undefined when it has nothing there. */
  readonly found: (request: RequestHead, connection: Connection, path: string) => string | undefined;
}
