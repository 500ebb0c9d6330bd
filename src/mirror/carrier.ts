import type { Slab } from '../kit/slab.ts';
import type { MirrorAnswer } from '../model/copy.ts';
import type { MirrorFailure } from '../model/exchange.ts';
import type { CopyTask } from './copy-task.ts';
import type { Field } from './field-rules.ts';
import type { Origin } from './origin.ts';
import type { Session } from './session.ts';
import type { SocketOpener } from './socket.ts';
import type { CountedMirrorStats } from './stats.ts';

/** What copies are written in. */
export type CopyProtocol = 'http1' | 'http2';

/** What carries one copy at a time: a connection of HTTP/1.1, a stream of HTTP/2, or a place on a connection that is being made. */
export interface Carrier {
  /** The copy it carries. */
  readonly task: CopyTask | undefined;
  /** Something of the copy waits to be flushed at the end of this turn of the event loop. */
  flushSoon: boolean;
  /** Whether the mirror has been reached; a timeout before that is a connect timeout. */
  readonly ready: boolean;
  /** Whether all that the copy had to send so far has left. */
  readonly caughtUp: boolean;
  begin(task: CopyTask): void;
  /** Sends what the copy has, as far as the mirror takes it. */
  flush(): void;
  /** Its copy has its answer, and there may be another. */
  free(nowMs: number): void;
  /** Whether its copy is getting an answer that may have no end, whatever the live one is. */
  readonly endless: boolean;
  /** Ends the answer where it is, if its head has come: what there is of it is the answer, truncated. */
  cut(): void;
  /** Its copy is over otherwise, of which the mirror must not take what it has as whole. Nothing more is heard of it. */
  drop(): void;
}

/** What carriers need of their mirror. */
export interface CarrierHost {
  readonly origin: Origin;
  readonly stats: CountedMirrorStats;
  readonly bodyBytesMax: number;
  readonly bufferBytesMax: number;
  /** Where answers are kept. */
  readonly slab: Slab;
  /** Microseconds since the Unix epoch. */
  readonly micros: () => number;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
  /** The newest TLS session, to be resumed. */
  session: Buffer | undefined;
  /** Writes a copy's head anew, because the mirror has chosen another protocol. False: it cannot be, and the copy is over. */
  rewrite(task: CopyTask, protocol: CopyProtocol): boolean;
  /** The header block of a copy's trailers; empty when nothing of them is left. */
  trailerBlock(trailers: readonly Field[] | undefined): string;
  /** A copy's answer is whole. `reusable`: the carrier is to be freed, otherwise to be dropped. */
  answered(carrier: Carrier, task: CopyTask, answer: MirrorAnswer, reusable: boolean): void;
  /** A copy failed. `healthy`: which says nothing against the mirror. */
  failed(task: CopyTask, failure: MirrorFailure, healthy?: boolean): void;
  /** What was to carry a copy takes it no more, and nothing of it has been sent: it goes elsewhere. */
  displaced(task: CopyTask): void;
  /** There are more or fewer connections. */
  resized(): void;
}

/** Puts a copy of which nothing has been sent on another carrier. */
export function moveTo(carrier: Carrier, task: CopyTask): void {
  task.connection = carrier;
  carrier.begin(task);
  carrier.flush();
}

/** Share of `bufferBytesMax` past which answers that are far longer than the live ones are given up. */
const PLENTY_SHARE = 1 / 8;

/** Whether an answer may go on to be kept, of which there are so many bytes now. */
export function mayKeep(
  { stats, bodyBytesMax, bufferBytesMax }: CarrierHost,
  { enoughBytes }: CopyTask,
  bytes: number,
): boolean {
  if (bytes > bodyBytesMax || stats.bufferedBytes > bufferBytesMax) return false;
  return bytes <= enoughBytes || stats.bufferedBytes <= bufferBytesMax * PLENTY_SHARE;
}

/** The connections of one mirror. How many there are is bounded by how many copies are under way at once. */
export interface CarrierPool {
  /** What the mirror speaks, as far as is known. */
  readonly protocol: CopyProtocol;
  /** Connections that are not yet closed. */
  readonly size: number;
  /** Everything that carries, or could carry, a copy. */
  carriers(): Iterable<Carrier>;
  /** Something that carries nothing yet. */
  take(): Carrier;
  /**
   * Brings somebody to the mirror who rides on a session of HTTP/2 or has a connection of HTTP/1.1 for himself. The guest is
   * told at once, or later.
   *
   * @returns what calls it off
   */
  bring(guest: Guest): () => void;
  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void;
  /** Closes every connection at once. */
  destroy(): void;
  /** Resolves when no connection is left; only one may wait for that. */
  empty(): Promise<void>;
}

/** Who is brought to the mirror. */
export interface Guest {
  /** The mirror speaks HTTP/2. */
  session(session: Session): void;
  /** It speaks HTTP/1.1: opens the connection. */
  connection(open: SocketOpener): void;
  failed(failure: MirrorFailure): void;
}
