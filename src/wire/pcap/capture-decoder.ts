import { copyOf, u32be, u32le } from '../integers.ts';
import type { CaptureHandler, CaptureReader } from './frame.ts';
import { isPcapMagic, PcapDecoder } from './pcap-decoder.ts';
import { BLOCK, PcapngDecoder } from './pcapng-decoder.ts';

/**
 * Reads pcap or pcapng, whichever it is: its first four bytes tell. Write the file's bytes in pieces of any size, then `end`.
 * What is wrong goes to the handler's `fault`; nothing is thrown. gzip is undone before (`isGzip` tells).
 */
export class CaptureDecoder implements CaptureReader {
  readonly #handler: CaptureHandler;
  #first = new Uint8Array(0);
  #reader: CaptureReader | undefined;
  #broken = false;

  constructor(handler: CaptureHandler) {
    this.#handler = handler;
  }

  get broken(): boolean {
    return this.#reader?.broken ?? this.#broken;
  }

  write(chunk: Uint8Array): void {
    if (this.#reader !== undefined) {
      this.#reader.write(chunk);
      return;
    }
    if (this.#broken || chunk.length === 0) return;
    const bytes = this.#first.length === 0 ? chunk : Buffer.concat([this.#first, chunk]);
    if (bytes.length < 4) {
      this.#first = copyOf(bytes);
      return;
    }
    this.#first = new Uint8Array(0);
    if (u32be(bytes, 0) === BLOCK.section) this.#reader = new PcapngDecoder(this.#handler);
    else if (isPcapMagic(u32le(bytes, 0))) this.#reader = new PcapDecoder(this.#handler);
    else {
      this.#broken = true;
      const magic = u32be(bytes, 0).toString(16).padStart(8, '0');
      this.#handler.fault('bad_magic', `a file that begins with 0x${magic}`);
      return;
    }
    this.#reader.write(bytes);
  }

  end(): void {
    if (this.#reader !== undefined) this.#reader.end();
    else if (!this.#broken) this.#handler.fault('cut_record', `a file of ${this.#first.length} bytes`);
    this.#broken = true;
  }
}

/** Whether a file that begins so is compressed with gzip (RFC 1952 §2.3.1). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
