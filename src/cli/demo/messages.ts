import type { LoadOptions, LoadStats } from './load.ts';

/** What the demo's thread is told. */
export type ToThread =
  | { readonly kind: 'load'; readonly options: LoadOptions }
  /** Stop the load; answered with `quiet` when every request is over. */
  | { readonly kind: 'end' }
  /** Stop the services; the thread ends. */
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready'; readonly primary: string; readonly control: string; readonly mirror: string }
  | { readonly kind: 'stats'; readonly stats: LoadStats }
  | { readonly kind: 'quiet' };
