import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { UserError, messageOf } from '../kit/errors.ts';
import { removeStaleSocket } from '../kit/unix-socket.ts';
import { addressText } from '../model/address.ts';
import type { Address } from '../model/settings.ts';
import { TcpConversation } from '../wire/packet/encode.ts';
import type { Endpoint } from '../wire/packet/encode.ts';
import { ethernetForm } from '../wire/packet/ethernet-form.ts';
import { encodePcapHead } from '../wire/pcap/encode.ts';
import { LINK, RECORD_BYTES_MAX } from '../wire/pcap/frame.ts';
import type { CapturedFrame } from '../wire/pcap/frame.ts';

/** Readers at once; more are turned away, counted. */
export const READERS_MAX = 16;
/** What may wait for one reader, bytes; frames past it are left out for that reader, counted. */
export const READER_BYTES_MAX = 8 * 1024 * 1024;
/** Frames go out together, this many bytes at a time. */
const BLOCK_BYTES = 64 * 1024;
const RECORD_HEAD_BYTES = 16;
/** What was decrypted appears at a port of its own, so that no reader takes it for TLS: 443 becomes 10443. */
const PLAIN_PORT_OFFSET = 10_000;

export interface PcapOutputCounts {
  /** Frames that were written, once for all readers, and their bytes. */
  frames: number;
  bytes: number;
  /** Frames that were left out for a reader who is too slow, over all readers. */
  dropped: number;
  /** Frames of link types that cannot be told as Ethernet. */
  unknownLink: number;
  /** Readers who were turned away. */
  refused: number;
}

/** A reader, and whether it is left out until it has caught up. */
interface Reader {
  readonly socket: Socket;
  behind: boolean;
}

/**
 * Gives out packets as pcap on TCP connections (pcap-over-IP): `wireshark -k -i TCP@127.0.0.1:57012`, `nc 127.0.0.1 57012 | zeek
 * -r -`. Each reader gets the head of a file and the frames from then on, all as Ethernet, since a pcap file has one link type.
 * Nothing waits for a reader.
 *
 * What it hands out is traffic in the clear, to whoever connects: it belongs on loopback, or on a Unix socket.
 */
export class PcapOutput implements AsyncDisposable {
  readonly counts: PcapOutputCounts = { frames: 0, bytes: 0, dropped: 0, unknownLink: 0, refused: 0 };
  readonly #listen: Address;
  readonly #server: Server;
  readonly #readers = new Set<Reader>();
  #block = Buffer.alloc(0);
  #filled = 0;
  #framesInBlock = 0;
  #flushing = false;

  constructor(listen: Address) {
    this.#listen = listen;
    this.#server = createServer((socket) => this.#admit(socket));
  }

  /** Begins to listen. @throws UserError when the address cannot be had */
  async start(): Promise<void> {
    const listen = this.#listen;
    try {
      if (listen.kind === 'unix') await removeStaleSocket(listen.path);
      this.#server.listen(listen.kind === 'tcp' ? { host: listen.host, port: listen.port } : listen);
      await once(this.#server, 'listening');
    } catch (error) {
      throw new UserError(`${addressText(listen)} cannot be listened on: ${messageOf(error)}`, {
        code: 'unavailable',
        where: addressText(listen),
        cause: error,
      });
    }
  }

  /** Where it listens; with port 0 the kernel has chosen one. */
  get address(): Address {
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') return this.#listen;
    return { kind: 'tcp', host: bound.address, port: bound.port };
  }

  /** Whether anybody reads: without, nothing has to be made. */
  get wanted(): boolean {
    return this.#readers.size > 0;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** A frame as it was captured. Its bytes are copied. */
  frame(frame: CapturedFrame): void {
    if (this.#readers.size === 0) return;
    const form = ethernetForm(frame);
    if (form === undefined) {
      this.counts.unknownLink++;
      return;
    }
    const removed = form.start - frame.start - form.head.length;
    this.#record(form.head, frame.bytes, form.start, frame.end, frame.originalBytes - removed, frame.micros);
  }

  /**
   * A connection whose content was decrypted, as TCP in the clear. The server's port is 10,000 higher than it was, where that
   * is a port.
   *
   * @throws RangeError where an address is none
   */
  conversation(client: Endpoint, server: Endpoint, micros: number): TcpConversation {
    const raised = server.port + PLAIN_PORT_OFFSET;
    const port = raised > 65_535 ? server.port : raised;
    return new TcpConversation(client, { ip: server.ip, port }, micros, (frame, atMicros) => {
      if (this.#readers.size > 0) this.#record(NOTHING, frame, 0, frame.length, frame.length, atMicros);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush();
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    // A reader that reads gets the rest; one that does not is not waited for.
    for (const { socket, behind } of this.#readers) {
      if (behind) socket.destroy();
      else socket.destroySoon();
    }
    const late = setTimeout(() => {
      for (const { socket } of this.#readers) socket.destroy();
    }, 1000);
    await closed;
    clearTimeout(late);
  }

  #admit(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#readers.size >= READERS_MAX) {
      this.counts.refused++;
      socket.destroy();
      return;
    }
    // What came before is for those who were there.
    this.#flush();
    const reader: Reader = { socket, behind: false };
    this.#readers.add(reader);
    socket.on('close', () => this.#readers.delete(reader));
    socket.on('drain', () => (reader.behind = false));
    socket.resume();
    socket.write(encodePcapHead(LINK.ethernet));
  }

  #record(
    head: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    originalBytes: number,
    micros: number,
  ): void {
    const length = head.length + end - start;
    if (length > RECORD_BYTES_MAX) return;
    const needed = RECORD_HEAD_BYTES + length;
    if (this.#filled + needed > this.#block.length) {
      this.#flush();
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, needed));
    }
    const block = this.#block;
    const at = this.#filled;
    const seconds = Math.floor(micros / 1e6);
    block.writeUInt32LE(seconds >>> 0, at);
    block.writeUInt32LE(Math.floor(micros - seconds * 1e6), at + 4);
    block.writeUInt32LE(length, at + 8);
    block.writeUInt32LE(Math.max(originalBytes, length), at + 12);
    block.set(head, at + 16);
    block.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), at + 16 + head.length);
    this.#filled = at + needed;
    this.#framesInBlock++;
    this.counts.frames++;
    this.counts.bytes += length;
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Writes what has gathered to each reader that keeps up. */
  #flush(): void {
    if (this.#filled === 0) return;
    const written = this.#block.subarray(0, this.#filled);
    for (const reader of this.#readers) {
      const { socket } = reader;
      if (!reader.behind && socket.writableLength + written.length > READER_BYTES_MAX) reader.behind = true;
      if (reader.behind) this.counts.dropped += this.#framesInBlock;
      else socket.write(written);
    }
    // The rest of the block goes on being filled; what was written is not touched again.
    this.#block = this.#block.subarray(this.#filled);
    this.#filled = 0;
    this.#framesInBlock = 0;
  }
}

const NOTHING = new Uint8Array(0);
