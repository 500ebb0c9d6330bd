import type { OverlapPolicy } from './side.ts';

export interface TcpLimits {
  /** Connections in the table, also those without payload and those that are over. */
  readonly connections: number;
  /** Memory of segments that wait, over all connections and for each direction of one, bytes. */
  readonly heldBytes: number;
  readonly sideBytes: number;
  /** Segments that wait in one direction. */
  readonly sideSegments: number;
  /** How long to wait for bytes that the receiver has acknowledged: they were on the network, and may only come late. */
  readonly reorderMicros: number;
  /** How long to wait for bytes that nobody has acknowledged: they will be sent again. */
  readonly holeMicros: number;
  /** When a connection with payload, and one without or that is over, is given up, from its last packet on. */
  readonly idleMicros: number;
  readonly settleMicros: number;
  /** Numbers further ahead than this are not believed before four in a row, bytes. */
  readonly windowBytes: number;
}

/** All times are of packets, not of the clock. */
export const TCP_LIMITS: TcpLimits = {
  connections: 65_536,
  heldBytes: 64 * 1024 * 1024,
  sideBytes: 4 * 1024 * 1024,
  sideSegments: 4096,
  reorderMicros: 50_000,
  holeMicros: 5e6,
  idleMicros: 600e6,
  settleMicros: 30e6,
  windowBytes: 16 * 1024 * 1024,
};

export interface TcpReassemblerOptions {
  readonly limits?: Partial<TcpLimits>;
  readonly overlap?: OverlapPolicy;
  /** Ports on which the servers listen; asked after the handshake, before the first bytes. */
  readonly serverPorts?: ReadonlySet<number>;
  /** What connections are hashed with; random by default, so that nobody can aim at one chain. */
  readonly seed?: number;
}
