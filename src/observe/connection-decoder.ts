import type { IncompleteReason } from '../model/exchange.ts';
import type { Direction } from '../model/tape.ts';
import type { DecoderLimits } from '../wire/http1/decoder.ts';
import type { Http2Limits } from '../wire/http2/frame-decoder.ts';
import type { ObserverCounts } from './counts.ts';
import type { ExchangeSink } from './exchange.ts';
import type { FollowedConnection } from './followed-connection.ts';

/** Makes exchanges from the two byte streams of one connection. Chunks are views, valid during the call only. */
export interface ConnectionDecoder {
  /** Whether answers could not be told apart if the connection was left out for a while. */
  readonly pipelined: boolean;
  data(direction: Direction, chunk: Uint8Array, micros: number): void;
  /** Bytes that the tape does not hold: lost for want of room, or left out because `skip` asked for it. */
  gap(direction: Direction, bytes: number, lost: boolean, micros: number): void;
  end(direction: Direction, micros: number): void;
  /** The connection is over, or not taped any more. What is under way ends incomplete. */
  finish(reason: IncompleteReason): void;
}

/** What a connection needs of its observer. */
export interface ConnectionHost {
  readonly sink: ExchangeSink;
  readonly counts: ObserverCounts;
  readonly limits: DecoderLimits;
  readonly http2Limits: Http2Limits;
  /** Memory of the requests that wait for their answers, over all connections, and how much that may be, bytes. */
  waitingBytes: number;
  /** Whether there is no time to follow one more request, which is then passed over. */
  sheds(): boolean;
  readonly waitingBytesMax: number;
  /** Times that a connection may lose its framing and be taken up again without one whole exchange in between. */
  readonly lossesMax: number;
  nextExchangeId(): string;
  /** The next `bytes` of this direction need not be taped. */
  skip(connection: FollowedConnection, direction: Direction, offset: number, bytes: number): void;
  /** Nothing more of this connection can be understood. */
  giveUp(connection: FollowedConnection): void;
  /** A connection that suffers from being left out: others are left out before it. */
  spare(connection: FollowedConnection): void;
}
