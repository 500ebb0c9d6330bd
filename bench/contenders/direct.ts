import type { Contender } from './contender.ts';

/** No proxy: its row shows what the load generator and the primary can do by themselves. */
export function direct(): Contender {
  return { name: 'direct', modes: ['plain'], tls: true, http2: true, version: '', prepare: () => undefined };
}
