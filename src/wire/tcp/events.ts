import type { TcpConnection } from './connection.ts';

/** Direction of bytes: 0 from the client, 1 from the server. */
export type TcpDirection = 0 | 1;

/**
 * Receives connections as streams. Per direction bytes come in order, each byte once, as `data` or within a `gap`; what one side
 * sends comes after what it had read of the other. Chunks are views, valid during the call only. `micros` is the capture time of
 * the packet, microseconds since the Unix epoch.
 */
export interface TcpEvents {
  /** The first of a connection; comes with its first payload, so port scans make no events. */
  open(connection: TcpConnection, micros: number): void;
  data(connection: number, direction: TcpDirection, chunk: Uint8Array, micros: number): void;
  /** Bytes that were sent and not captured, and exactly how many. `lost` is always true. */
  gap(connection: number, direction: TcpDirection, bytes: number, lost: boolean, micros: number): void;
  /** This side has finished sending (FIN). */
  end(connection: number, direction: TcpDirection, micros: number): void;
  /** `failed`: the side that has reset the connection. */
  close(connection: number, failed: TcpDirection | undefined, micros: number): void;
  /** The connection may go on, but is not followed any more: the table is full, it was idle for too long, or the input is over. */
  leave(connection: number, micros: number): void;
}

/** How it is known which side is the server: the handshake, the configured ports, the first bytes; or only its lower port. */
export const SERVER_BY = ['syn', 'ports', 'bytes', 'guess'] as const;
export type ServerBy = (typeof SERVER_BY)[number];

/**
 * Why bytes are missing.
 * - `cut`: the capture kept only the beginning of the packet
 * - `lost`: the receiver has acknowledged them, so that they were on the network and not captured
 * - `expired`: nothing came in their place for `holeMicros`
 * - `limit`: too much waited behind them
 * - `over`: the connection or the input ended before they came
 */
export const MISSING_REASONS = ['cut', 'lost', 'expired', 'limit', 'over'] as const;
export type MissingReason = (typeof MISSING_REASONS)[number];

/** Why a connection is not followed any more: connections at once, time without a packet, and the input is over. */
export const LEAVE_REASONS = ['table_full', 'idle', 'over'] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

/** What a reassembler has counted since it began. */
export interface TcpCounts {
  segments: number;
  payloadBytes: number;
  /** Connections seen at all, those with payload, and those whose begin was not captured. */
  connections: number;
  opened: number;
  midstream: number;
  readonly serverBy: Record<ServerBy, number>;
  /** Segments all of whose bytes had come before: the same packet captured once more, or sent again. */
  duplicates: number;
  retransmitted: number;
  /** Of both. */
  duplicateBytes: number;
  keepAlives: number;
  outOfOrder: number;
  /** Segments that bring bytes again with others, and those of them that bring different ones. */
  overlaps: number;
  conflicts: number;
  /** Segments and acknowledgements too far from everything that was seen. */
  outOfWindow: number;
  gaps: number;
  readonly missingBytes: Record<MissingReason, number>;
  closed: number;
  resets: number;
  portReuses: number;
  readonly left: Record<LeaveReason, number>;
}
