import type { MirrorAnswer } from './copy.ts';
import type { Exchange } from './exchange.ts';

/** The primary's and a mirror's exchange of the same request, both whole. */
export interface Pair {
  readonly policy: string;
  readonly mirror: string;
  readonly exchange: Exchange;
  /** The primary's answer body, content without framing, in the pieces it came in. */
  readonly body: readonly Uint8Array[];
  readonly answer: MirrorAnswer;
}

export type PairResult = 'same' | 'different';
