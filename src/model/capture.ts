import type { Address } from './settings.ts';

/** One packet tap: where its packets come from, and how they become connections. */
export interface CaptureSettings {
  readonly name: string;
  readonly source: CaptureSourceSettings;
  /** Ports on which the servers listen: asked after the handshake, before the first bytes. */
  readonly serverPorts: readonly number[];
  /** Whose bytes count where segments overlap and contradict each other. */
  readonly overlap: 'first' | 'last';
  /** TLS key log file (NSS format), followed as it grows; undefined leaves TLS opaque. */
  readonly keyLog: string | undefined;
  /** Where the decoded traffic is given out again as pcap-over-IP. */
  readonly output: Address | undefined;
  /** Connections followed at once; more push the oldest idle one out, counted. */
  readonly connections: number;
  /** Memory of segments that wait for others before them, over all connections, bytes. */
  readonly heldBytes: number;
  /** A connection without a packet for this long is given up, ms of capture time. */
  readonly idleTimeoutMs: number;
}

export type CaptureSourceSettings =
  | {
      /** A capture program, as a child process, writes what passes an interface. */
      readonly kind: 'interface';
      /** Its name, or `any`. */
      readonly interface: string;
      /** Network namespace, a name of /run/netns or a path. */
      readonly namespace: string | undefined;
      /** BPF filter, as tcpdump takes it. */
      readonly filter: string | undefined;
      /** Bytes kept of each packet. */
      readonly snapBytes: number;
      /** The kernel's ring between the interface and the program, bytes. */
      readonly bufferBytes: number;
      readonly program: 'auto' | 'dumpcap' | 'tcpdump';
    }
  | {
      /** Datagrams with a whole frame in each, as mirror sessions of clouds send them (RFC 7348, RFC 8926). */
      readonly kind: 'vxlan' | 'geneve';
      readonly listen: Address;
      /** Network identifiers that are let in; empty lets in all. */
      readonly vnis: readonly number[];
      /** Asked of the kernel for datagrams that wait, bytes. */
      readonly bufferBytes: number;
    }
  | {
      /** pcap or pcapng, also with gzip. */
      readonly kind: 'file';
      /** `-` is standard input. */
      readonly path: string;
      /** Whether it goes on at the end of the file, as `tail -f` does. */
      readonly follow: boolean;
      /** As fast as it can be read, or in the time of its packets. */
      readonly pace: 'fast' | 'recorded';
    }
  | {
      /** A peer that writes pcap on a TCP connection; it is connected to again when it goes away. */
      readonly kind: 'pcap-over-ip';
      readonly address: Address;
    };
