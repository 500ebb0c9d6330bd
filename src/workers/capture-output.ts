import { PcapOutput } from '../capture/pcap-output.ts';
import type { Address } from '../model/settings.ts';
import type { Direction } from '../model/tape.ts';
import type { PlaintextReader } from '../observe/decrypted-connection.ts';
import type { FollowedConnection } from '../observe/followed-connection.ts';
import type { TcpConversation } from '../wire/packet/encode.ts';
import { LINK } from '../wire/pcap/frame.ts';
import type { CapturedFrame } from '../wire/pcap/frame.ts';

const ETHERNET_IN_GENEVE = 0x6558;
/** Decrypted connections that are given out at once; the others are not. */
const CONVERSATIONS_MAX = 16_384;

/** Gives out the packets of a capture for other programs, and what was decrypted as connections in the clear. */
export class CaptureOutput implements PlaintextReader, AsyncDisposable {
  readonly #output: PcapOutput;
  readonly #next: PlaintextReader;
  readonly #conversations = new Map<number, TcpConversation>();
  #micros = 0;

  /** @param next who reads the plaintext first of all */
  constructor(listen: Address, next: PlaintextReader) {
    this.#output = new PcapOutput(listen);
    this.#next = next;
  }

  /** @throws UserError when the address cannot be had */
  async start(): Promise<Address> {
    await this.#output.start();
    return this.#output.address;
  }

  frame(frame: CapturedFrame): void {
    this.#micros = frame.micros;
    this.#output.frame(frame);
  }

  /** The frame behind a VXLAN header (RFC 7348 §5), as if it had been captured itself. */
  vxlan(datagram: Uint8Array, micros: number): void {
    this.#inner(datagram, 8, micros);
  }

  /** The frame behind a GENEVE header and its options (RFC 8926 §3.4). */
  geneve(datagram: Uint8Array, micros: number): void {
    const [first = 0, , high = 0, low = 0] = datagram;
    if (((high << 8) | low) === ETHERNET_IN_GENEVE) this.#inner(datagram, 8 + (first & 0x3f) * 4, micros);
  }

  follow(connection: FollowedConnection, midstream: boolean): void {
    this.#next.follow(connection, midstream);
    if (!this.#output.wanted || this.#conversations.size >= CONVERSATIONS_MAX) return;
    const { source, destination } = connection;
    this.#conversations.set(connection.id, this.#output.conversation(source, destination, this.#micros));
  }

  data(id: number, direction: Direction, chunk: Uint8Array, micros: number): void {
    this.#next.data(id, direction, chunk, micros);
    this.#conversations.get(id)?.data(direction, chunk, micros);
  }

  gap(id: number, direction: Direction, bytes: number, lost: boolean, micros: number): void {
    this.#next.gap(id, direction, bytes, lost, micros);
    this.#conversations.get(id)?.gap(direction, bytes);
  }

  end(id: number, direction: Direction, micros: number): void {
    this.#next.end(id, direction, micros);
    this.#conversations.get(id)?.end(direction, micros);
  }

  close(id: number, failed: Direction | undefined): void {
    this.#next.close(id, failed);
    this.#over(id);
  }

  leave(id: number): void {
    this.#next.leave(id);
    this.#over(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output[Symbol.asyncDispose]();
  }

  #over(id: number): void {
    this.#conversations.get(id)?.close(this.#micros);
    this.#conversations.delete(id);
  }

  #inner(bytes: Uint8Array, start: number, micros: number): void {
    this.#micros = micros;
    if (start >= bytes.length || !this.#output.wanted) return;
    const end = bytes.length;
    const originalBytes = end - start;
    this.#output.frame({ linkType: LINK.ethernet, bytes, start, end, originalBytes, micros, interfaceId: 0 });
  }
}
