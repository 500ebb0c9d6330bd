import type { LoadStats } from './load.ts';

/** The addresses of a service's three instances. */
export interface Trio {
  readonly primary: string;
  readonly control: string;
  readonly mirror: string;
}

export interface StageLoad {
  /** Where users of the two services connect, `http://host:port`. */
  readonly orders: string;
  readonly stock: string;
  /** Of the orders; a tenth as many calls go to the stock. */
  readonly requestsPerSecond: number;
}

/** What the demo's thread is told. */
export type ToThread =
  | { readonly kind: 'load'; readonly options: StageLoad }
  /** Stop the load; answered with `quiet` when every request is over. */
  | { readonly kind: 'end' }
  /** Stop the services; the thread ends. */
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready'; readonly orders: Trio; readonly stock: Trio }
  | { readonly kind: 'stats'; readonly stats: LoadStats }
  | { readonly kind: 'quiet' };
