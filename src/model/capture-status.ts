import type { Counts } from '../kit/counts.ts';
import type { ObservedStatus } from './status.ts';

/**
 * What a packet tap says of itself. Kinds that packets, files and streams have are named where they are found; each list is
 * closed there, and every kind is always present.
 */
export interface CaptureStatus extends ObservedStatus {
  readonly kind: 'capture';
  /** What it reads, in words. */
  readonly source: string;
  readonly state: CaptureState;
  /** What has gone wrong for good, or why it is started again; undefined while all is well. */
  readonly problem: string | undefined;
  /** Packets that came, their bytes as captured, and those of them that were captured in part only. */
  readonly packets: number;
  readonly bytes: number;
  readonly cut: number;
  /** Packets that never reached us, by who lost them: kernel, interface, program; `vni`: not let in. */
  readonly lost: Counts<string>;
  /** Packets that could not be read, by what is wrong with them. */
  readonly faults: Counts<string>;
  /** What is wrong with the capture file or stream itself. */
  readonly fileFaults: Counts<string>;
  /** What packets were wrapped in: a packet can count for several. */
  readonly tunnels: Counts<string>;
  readonly segments: Counts<SegmentKind>;
  /** Bytes of streams that did not come, by why. */
  readonly missingBytes: Counts<string>;
  readonly begins: Counts<BeginKind>;
  /** Connections that were given up before their end, by why. */
  readonly left: Counts<string>;
  readonly tls: CapturedTlsStatus;
  /** Times the source was started again: its program, connection or file. */
  readonly sourceRestarts: number;
}

/** `over`: nothing more comes; `failed`: nothing more comes, and `problem` says why. */
export type CaptureState = 'starting' | 'running' | 'over' | 'failed';

/** Segments of a kind. */
export const SEGMENT_KINDS = [
  /** All of them with a TCP header. */
  'seen',
  /** All of their bytes had come before: sent again. */
  'retransmitted',
  /** The same packet once more: captured at two places. */
  'duplicates',
  'out_of_order',
  /** They bring bytes again with others, and those of them that bring different ones. */
  'overlaps',
  'conflicts',
  /** Too far from everything that was seen. */
  'out_of_window',
] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** Connections whose begin was not captured, and those of which only ports tell who the server is. */
export const BEGIN_KINDS = ['midstream', 'server_guessed'] as const;
export type BeginKind = (typeof BEGIN_KINDS)[number];

export interface CapturedTlsStatus {
  readonly connections: number;
  readonly decrypted: number;
  /** Connections whose content stays unknown, by why. */
  readonly opaque: Counts<string>;
  /** The names that most opaque connections asked for; '' are those without one and the rest. */
  readonly names: readonly { readonly name: string; readonly connections: number }[];
  /** Secrets that the key log, or the capture file, has brought. */
  readonly secrets: number;
}

/** Names of opaque TLS connections that a status shows. */
export const TLS_NAMES_SHOWN = 20;

/** All captures of an instance together. */
export interface PacketTotals {
  readonly seen: number;
  readonly bytes: number;
  /** By the kernel, an interface or the capture program; what was not to be let in is not in it. */
  readonly lost: number;
  readonly duplicates: number;
  readonly retransmitted: number;
  readonly cut: number;
  readonly faults: number;
  readonly missingBytes: number;
  /** Connections given up before their end: table full, or idle. */
  readonly givenUp: number;
}

/** What all captures have counted. */
export function packetTotals(captures: readonly CaptureStatus[]): PacketTotals {
  const sum = (of: (one: CaptureStatus) => number): number =>
    captures.reduce((total, one) => total + of(one), 0);
  return {
    seen: sum(({ packets }) => packets),
    bytes: sum(({ bytes }) => bytes),
    lost: sum(({ lost }) => sumOf(lost, 'vni')),
    duplicates: sum(({ segments }) => segments.duplicates),
    retransmitted: sum(({ segments }) => segments.retransmitted),
    cut: sum(({ cut }) => cut),
    faults: sum(({ faults, fileFaults }) => sumOf(faults, 'vni_refused') + sumOf(fileFaults, '')),
    missingBytes: sum(({ missingBytes }) => sumOf(missingBytes, '')),
    givenUp: sum(({ left }) => sumOf(left, 'over')),
  };
}

function sumOf(counts: Counts<string>, except: string): number {
  let total = 0;
  for (const [key, count] of Object.entries(counts)) if (key !== except) total += count;
  return total;
}
