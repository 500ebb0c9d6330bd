import type { Http2FaultReason } from '../model/status.ts';
import { FROM_CLIENT, FROM_PRIMARY } from '../model/tape.ts';
import type { Direction } from '../model/tape.ts';
import { beginsWithFrames } from '../wire/http2/frame-chain.ts';

/** Times that frames may turn out to be none after they were taken up again. */
const MISTAKES_MAX = 8;
/** Faults that a connection may show which was taken up again at what is no frame. */
const MISTAKES: ReadonlySet<Http2FaultReason> = new Set([
  'malformed_frame',
  'oversized_frame',
  'malformed_headers',
]);

/**
 * Where an HTTP/2 connection of which bytes were lost stands. Each direction is read again from a chunk on that begins with
 * frames. Requests are followed once the primary has answered one that came since: before, frames may be somebody's content.
 */
export class Http2Resumption {
  /** Directions that are not read since a loss. */
  readonly lost: [boolean, boolean] = [false, false];
  #wasLost = false;
  #mistakes = 0;
  /** The first request since a loss, 0 before there is one; undefined when the primary has answered one that came since. */
  #unproven: number | undefined = undefined;

  /** Whether anything of the connection was lost, ever. */
  get wasLost(): boolean {
    return this.#wasLost;
  }

  lose(direction: Direction): void {
    this.lost[direction] = true;
    this.#wasLost = true;
    this.#unproven = 0;
  }

  /** @returns whether a direction that was lost goes on with this chunk */
  resume(direction: Direction, chunk: Uint8Array): boolean {
    if (!beginsWithFrames(chunk, direction === FROM_CLIENT)) return false;
    this.lost[direction] = false;
    return true;
  }

  /** Whether requests are followed: nothing was lost, or it is proven that what is read are frames. */
  get proven(): boolean {
    return this.#unproven === undefined;
  }

  /** Whether both directions are read. */
  get whole(): boolean {
    return !this.lost[FROM_CLIENT] && !this.lost[FROM_PRIMARY];
  }

  /** A request has come. @returns whether it may be followed */
  follows(stream: number): boolean {
    if (this.#unproven === 0) this.#unproven = stream;
    return this.#unproven === undefined;
  }

  /** The primary has begun to answer on a stream; `lastStream`: the highest that the client has opened. */
  answered(stream: number, lastStream: number): void {
    const first = this.#unproven;
    if (first !== undefined && first > 0 && stream >= first && stream <= lastStream)
      this.#unproven = undefined;
  }

  /** Whether a fault may come from where the connection was taken up again. */
  excuses(fault: Http2FaultReason): boolean {
    return this.#wasLost && MISTAKES.has(fault) && ++this.#mistakes <= MISTAKES_MAX;
  }
}
