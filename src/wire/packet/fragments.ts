import { copyOf } from '../integers.ts';
import type { PacketFault } from './packet.ts';

export interface FragmentLimits {
  /** Datagrams put together at once. */
  readonly datagrams: number;
  /** Memory of all their fragments, bytes. */
  readonly bytes: number;
  /** How long a datagram waits for its fragments, microseconds (RFC 791 §3.2, RFC 8200 §4.5). */
  readonly waitMicros: number;
}

export const FRAGMENT_LIMITS: FragmentLimits = { datagrams: 1024, bytes: 4 * 1024 * 1024, waitMicros: 30e6 };

/** Largest datagram, and the most fragments that one may come in. */
const DATAGRAM_BYTES_MAX = 65_535;
const PIECES_MAX = 64;

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Datagram {
  readonly startedMicros: number;
  readonly pieces: Piece[];
  heldBytes: number;
  /** Known when the last fragment is there. */
  totalBytes: number;
}

/**
 * Puts fragmented IP datagrams together (RFC 791 §3.2, RFC 8200 §4.5). Fragments that overlap make a datagram void, as RFC
 * 5722 demands for IPv6: no two readers agree on them. Exact duplicates do not.
 */
export class Fragments {
  readonly #limits: FragmentLimits;
  readonly #fault: (kind: PacketFault) => void;
  readonly #datagrams = new Map<string, Datagram>();
  #heldBytes = 0;

  constructor(limits: FragmentLimits, fault: (kind: PacketFault) => void) {
    this.#limits = limits;
    this.#fault = fault;
  }

  /** Datagrams that wait for fragments. */
  get size(): number {
    return this.#datagrams.size;
  }

  /**
   * @param key what belongs together: addresses, identification, protocol
   * @param offset place of `bytes` in the datagram's payload
   * @returns the payload when this fragment completes it
   */
  add(key: string, offset: number, last: boolean, bytes: Uint8Array, micros: number): Uint8Array | undefined {
    this.#expire(micros);
    let datagram = this.#datagrams.get(key);
    if (datagram === undefined) {
      datagram = { startedMicros: micros, pieces: [], heldBytes: 0, totalBytes: -1 };
      this.#datagrams.set(key, datagram);
    }
    if (datagram.pieces.some((piece) => piece.offset === offset && piece.bytes.length === bytes.length))
      return undefined;
    const end = offset + bytes.length;
    const fault = this.#objection(datagram, offset, end, last, bytes.length);
    if (fault !== undefined) {
      this.#drop(key, datagram);
      this.#fault(fault);
      return undefined;
    }
    if (last) datagram.totalBytes = end;
    datagram.pieces.push({ offset, bytes: copyOf(bytes) });
    datagram.heldBytes += bytes.length;
    this.#heldBytes += bytes.length;
    if (datagram.heldBytes === datagram.totalBytes) {
      this.#drop(key, datagram);
      return joined(datagram);
    }
    this.#makeRoom();
    return undefined;
  }

  /** A fragment that cannot be had whole: its datagram cannot either. */
  spoil(key: string): void {
    const datagram = this.#datagrams.get(key);
    if (datagram !== undefined) this.#drop(key, datagram);
    this.#fault('fragment_cut');
  }

  #objection(
    datagram: Datagram,
    offset: number,
    end: number,
    last: boolean,
    length: number,
  ): PacketFault | undefined {
    // All but the last are multiples of eight bytes.
    if (length === 0 || end > DATAGRAM_BYTES_MAX || (!last && length % 8 !== 0)) return 'lying_length';
    if (datagram.pieces.length >= PIECES_MAX) return 'fragment_limit';
    const { totalBytes } = datagram;
    if (totalBytes >= 0 && (last || end > totalBytes)) return 'fragment_overlap';
    for (const piece of datagram.pieces) {
      const pieceEnd = piece.offset + piece.bytes.length;
      if (offset < pieceEnd && piece.offset < end) return 'fragment_overlap';
      if (last && pieceEnd > end) return 'fragment_overlap';
    }
    return undefined;
  }

  #expire(micros: number): void {
    for (const [key, datagram] of this.#datagrams) {
      if (micros - datagram.startedMicros < this.#limits.waitMicros) return;
      this.#drop(key, datagram);
      this.#fault('fragment_expired');
    }
  }

  #makeRoom(): void {
    for (const [key, datagram] of this.#datagrams) {
      if (this.#datagrams.size <= this.#limits.datagrams && this.#heldBytes <= this.#limits.bytes) return;
      this.#drop(key, datagram);
      this.#fault('fragment_limit');
    }
  }

  #drop(key: string, datagram: Datagram): void {
    this.#datagrams.delete(key);
    this.#heldBytes -= datagram.heldBytes;
  }
}

function joined({ pieces, totalBytes }: Datagram): Uint8Array {
  const bytes = new Uint8Array(totalBytes);
  for (const piece of pieces) bytes.set(piece.bytes, piece.offset);
  return bytes;
}
