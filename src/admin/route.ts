import type { z } from 'zod';
import type { AdminSource } from '../model/runtime.ts';
import type { QueryShape } from './query.ts';

/** One operation of the API as data: the server serves it and the OpenAPI document describes it. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Segments in braces are parameters. */
  readonly path: `/${string}`;
  readonly summary: string;
  /** Open to callers without the token. */
  readonly open?: boolean;
  /** Parameters of the query, which the handler reads. Without them the query is ignored. */
  readonly query?: QueryShape;
  /** JSON that may be sent; nothing sent counts as `{}`. */
  readonly body?: z.ZodType;
  readonly answers: readonly Answer[];
  readonly handle: (call: Call) => Reply | Promise<Reply>;
}

export interface Answer {
  readonly status: number;
  readonly description: string;
  readonly type: string;
  readonly schema?: z.ZodType;
}

export interface Call {
  readonly source: AdminSource;
  /** As requested: path and query. */
  readonly target: string;
  /** Decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>;
  /** What `body` of the route has read. */
  readonly body: unknown;
}

export type Reply =
  | { readonly kind: 'text'; readonly status: number; readonly type: string; readonly text: string }
  | { readonly kind: 'events' };
