import { createSourceCounts } from '../capture/source.ts';
import type { CaptureSource } from '../capture/source.ts';
import { zeroCounts } from '../kit/counts.ts';
import { TLS_NAMES_SHOWN } from '../model/capture-status.ts';
import type { CapturedTlsStatus, CaptureStatus } from '../model/capture-status.ts';
import type { DecryptingEvents } from '../observe/decrypting-events.ts';
import { createPacketCounts } from '../wire/packet/packet.ts';
import type { PacketCounts } from '../wire/packet/packet.ts';
import { CAPTURE_FAULTS } from '../wire/pcap/frame.ts';
import type { CaptureFault } from '../wire/pcap/frame.ts';
import { LEAVE_REASONS, MISSING_REASONS, SERVER_BY } from '../wire/tcp/events.ts';
import type { TcpCounts } from '../wire/tcp/events.ts';
import { TLS_OPAQUE_REASONS } from '../wire/tls/events.ts';
import type { KeyLog } from '../wire/tls/key-log.ts';

/** Everything that a capture's thread counts besides its exchanges: plain numbers, so that those of several add up. */
export interface CaptureCounts {
  readonly source: CaptureSource['counts'];
  readonly packets: PacketCounts;
  readonly tcp: TcpCounts;
  readonly fileFaults: Readonly<Record<CaptureFault, number>>;
  readonly tls: {
    readonly connections: number;
    readonly decrypted: number;
    readonly opaque: DecryptingEvents['counts']['opaque'];
    readonly secrets: number;
    readonly names: Readonly<Record<string, number>>;
  };
}

export function createCaptureCounts(): CaptureCounts {
  return {
    source: createSourceCounts(),
    packets: createPacketCounts(),
    tcp: createTcpCounts(),
    fileFaults: zeroCounts(CAPTURE_FAULTS),
    tls: { connections: 0, decrypted: 0, opaque: zeroCounts(TLS_OPAQUE_REASONS), secrets: 0, names: {} },
  };
}

/** What a decrypting stage and its key log have counted, with the names that most connections asked for. */
export function tlsCountsOf({ counts, opaqueNames }: DecryptingEvents, keyLog: KeyLog): CaptureCounts['tls'] {
  return {
    connections: counts.connections,
    decrypted: counts.decrypted.tls12 + counts.decrypted.tls13,
    opaque: counts.opaque,
    secrets: keyLog.counts.secrets,
    names: Object.fromEntries(mostOf([...opaqueNames])),
  };
}

/** The same counts of two threads, one after the other, as one. */
export function addCaptureCounts(before: CaptureCounts, now: CaptureCounts): CaptureCounts {
  // Both have the same shape: numbers, in records of numbers.
  return added(before as unknown as Tree, now as unknown as Tree) as unknown as CaptureCounts;
}

/** The part of a status that is made from these counts. */
export function packetStatusOf(counts: CaptureCounts) {
  const { source, packets, tcp, fileFaults, tls } = counts;
  return {
    packets: source.packets,
    bytes: source.bytes,
    cut: packets.cut,
    lost: source.lost,
    faults: packets.faults,
    fileFaults,
    tunnels: packets.tunnels,
    segments: {
      seen: tcp.segments,
      retransmitted: tcp.retransmitted,
      duplicates: tcp.duplicates,
      out_of_order: tcp.outOfOrder,
      overlaps: tcp.overlaps,
      conflicts: tcp.conflicts,
      out_of_window: tcp.outOfWindow,
    },
    missingBytes: tcp.missingBytes,
    begins: { midstream: tcp.midstream, server_guessed: tcp.serverBy.guess },
    left: tcp.left,
    tls: tlsStatusOf(tls),
    sourceRestarts: source.restarts,
  } satisfies Partial<CaptureStatus>;
}

function tlsStatusOf({
  connections,
  decrypted,
  opaque,
  secrets,
  names,
}: CaptureCounts['tls']): CapturedTlsStatus {
  return {
    connections,
    decrypted,
    opaque,
    secrets,
    names: mostOf(Object.entries(names)).map(([name, count]) => ({ name, connections: count })),
  };
}

function mostOf(names: readonly (readonly [name: string, count: number])[]) {
  return names.toSorted(([, a], [, b]) => b - a).slice(0, TLS_NAMES_SHOWN);
}

interface Tree {
  readonly [key: string]: number | Tree;
}

function added(left: Tree, right: Tree): Tree {
  const sum: Record<string, number | Tree> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const before = sum[key];
    if (typeof value === 'number') sum[key] = (typeof before === 'number' ? before : 0) + value;
    else sum[key] = added(typeof before === 'object' ? before : {}, value);
  }
  return sum;
}

function createTcpCounts(): TcpCounts {
  return {
    segments: 0,
    payloadBytes: 0,
    connections: 0,
    opened: 0,
    midstream: 0,
    serverBy: zeroCounts(SERVER_BY),
    duplicates: 0,
    retransmitted: 0,
    duplicateBytes: 0,
    keepAlives: 0,
    outOfOrder: 0,
    overlaps: 0,
    conflicts: 0,
    outOfWindow: 0,
    gaps: 0,
    missingBytes: zeroCounts(MISSING_REASONS),
    closed: 0,
    resets: 0,
    portReuses: 0,
    left: zeroCounts(LEAVE_REASONS),
  };
}
