import { zeroCounts } from '../kit/counts.ts';
import type { CaptureHandler } from '../wire/pcap/frame.ts';

/** Where a source's packets go. All bytes are views, valid during the call only. Nothing of it may throw. */
export interface CaptureSink extends CaptureHandler {
  /** A datagram of a mirror session, its outermost header first: the VXLAN or GENEVE header. */
  vxlan(datagram: Uint8Array, micros: number): void;
  geneve(datagram: Uint8Array, micros: number): void;
  /** A batch is over: a good moment for what need not be done for each packet. `micros`: the clock of the packets, by now. */
  batch(micros: number): void;
  /** Nothing more comes: the file is over, or the source was stopped. `problem` says what has gone wrong for good. */
  end(problem: string | undefined): void;
}

/** Packets that never reached us, as far as the kernel or the capture program tells, and how often a source began anew. */
export const CAPTURE_LOSSES = [
  /** The kernel's ring or receive buffer was full. */
  'kernel',
  /** The interface had no room. */
  'interface',
  /** The capture program had no room, or could not write to us in time. */
  'program',
  /** Network identifiers that are not let in. */
  'vni',
] as const;
export type CaptureLoss = (typeof CAPTURE_LOSSES)[number];

/** What a source has counted since it began. */
export interface CaptureSourceCounts {
  /** Packets that came, and their bytes as captured. */
  packets: number;
  bytes: number;
  readonly lost: Record<CaptureLoss, number>;
  /** Times another program, connection or file took the place of one that had ended. */
  restarts: number;
}

/**
 * Something that packets come from. Reading waits for nothing but the sink's own calls, and for `resume`.
 *
 * A patient source can be asked to wait: the bytes of a file stay where they are, and a pipe makes its writer wait (`ssh`,
 * `cat`; a capture program at its other end will lose packets then, and count them itself). What is live comes when it comes.
 */
export interface CaptureSource extends AsyncDisposable {
  /**
   * Begins. Resolves when packets can come: the interface is open, the socket bound.
   * @throws UserError when it cannot be had: no such interface, no rights, no program, no such file
   */
  start(sink: CaptureSink): Promise<void>;
  /** Whether it can wait without losing anything. */
  readonly patient: boolean;
  /** Asks a patient source to give no more packets, after those that it is giving now; of others it asks nothing. */
  pause(): void;
  resume(): void;
  /** What it reads, in words for people: `eth1 in namespace m3, by dumpcap`. */
  readonly description: string;
  readonly counts: CaptureSourceCounts;
}

export function createSourceCounts(): CaptureSourceCounts {
  return { packets: 0, bytes: 0, lost: zeroCounts(CAPTURE_LOSSES), restarts: 0 };
}
