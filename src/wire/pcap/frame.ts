/** Link types that `packet/packet-decoder.ts` knows (the registry of draft-ietf-opsawg-pcaplinktype). */
export const LINK = {
  null: 0,
  ethernet: 1,
  /** Raw IP as some BSDs number it. */
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  loop: 108,
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const;

/**
 * One captured frame. The object and its bytes are used again for the next one: valid during the call only.
 *
 * The frame is `bytes[start, end)`; `originalBytes` is how long it was on the network, at least `end - start`. `micros` are
 * microseconds since the Unix epoch, with a fraction where the file has one; 0 where it has no time.
 */
export interface CapturedFrame {
  readonly linkType: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly originalBytes: number;
  readonly micros: number;
  /** Number of the interface in its section of a pcapng file, 0 in a pcap file. */
  readonly interfaceId: number;
}

/** One interface's figures, from the capturing program. What it did not say is undefined. */
export interface InterfaceStatistics {
  readonly section: number;
  readonly interfaceId: number;
  readonly micros: number;
  /** Frames that came to the interface (`isb_ifrecv`). */
  readonly received: number | undefined;
  /** Frames the interface dropped for want of room (`isb_ifdrop`). */
  readonly droppedByInterface: number | undefined;
  /** Frames the kernel dropped (`isb_osdrop`). */
  readonly droppedByKernel: number | undefined;
}

export interface InterfaceDescription {
  readonly section: number;
  readonly interfaceId: number;
  readonly linkType: number;
  /** Most bytes that are kept of a frame; 0: no limit. */
  readonly snapBytes: number;
  readonly name: string;
}

/**
 * What is wrong with a capture file.
 * - `bad_magic`: neither pcap nor pcapng
 * - `bad_version`: a version of the format that does not exist
 * - `lying_length`: a record longer than any may be, or shorter than its head; nothing behind it can be found
 * - `cut_record`: the file ends within a record
 * - `bad_block`: a block whose inside contradicts its length; the next one is read
 * - `no_interface`: a frame of an interface that was not described
 * - `too_many_interfaces`: more in one section than are followed
 */
export const CAPTURE_FAULTS = [
  'bad_magic',
  'bad_version',
  'lying_length',
  'cut_record',
  'bad_block',
  'no_interface',
  'too_many_interfaces',
] as const;
export type CaptureFault = (typeof CAPTURE_FAULTS)[number];

/** Where the content of a capture file goes. All bytes are views, valid during the call only. */
export interface CaptureHandler {
  frame(frame: CapturedFrame): void;
  interface?(description: InterfaceDescription): void;
  statistics?(statistics: InterfaceStatistics): void;
  /** Secrets of a pcapng file: `TLS_KEY_LOG` is the text of an NSS key log file. */
  secrets?(type: number, content: Uint8Array): void;
  /** A name of an address, from a pcapng file; 4 or 16 bytes. */
  name?(address: Uint8Array, name: string): void;
  fault(kind: CaptureFault, detail: string): void;
}

/** Type of the secrets that a TLS key log is (draft-ietf-opsawg-pcapng §4.7). */
export const TLS_KEY_LOG = 0x544c534b;

/** Records longer than this are taken for a lie, bytes. tcpdump writes 262,144 at most; jumbo and TSO frames fit too. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

/** Reads capture files piece by piece. After `broken` nothing more is read. */
export interface CaptureReader {
  readonly broken: boolean;
  write(chunk: Uint8Array): void;
  /** The file is over. */
  end(): void;
}
