import type { MirrorFailure } from '../model/exchange.ts';
import type { Field } from './field-rules.ts';

/** What a session carries on a stream of its own. */
export interface SessionRider {
  /** 0: nothing has been sent. */
  id: number;
  /** Octets of content that the mirror takes of this stream; negative when it has thought better of it (RFC 9113 §6.9.2). */
  window: number;
  /** Sends what there is, as far as the mirror takes it. */
  flush(): void;
  /** A header block: the head, an interim one, or trailers. Undefined: longer than we read. */
  headers(fields: readonly Field[] | undefined, endStream: boolean): void;
  data(chunk: Uint8Array): void;
  end(): void;
  /**
   * The session takes no more, and nothing has been sent: goes to another one, but not for ever from one to the next.
   * `healthy`: which says nothing against the mirror.
   */
  move(healthy: boolean): void;
  /** The session cannot carry it to its end. `healthy`: which says nothing against the mirror. */
  fail(failure: MirrorFailure, healthy?: boolean): void;
}
