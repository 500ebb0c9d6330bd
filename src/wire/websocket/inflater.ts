import { constants, inflateRawSync } from 'node:zlib';

/** What back references may reach, octets (RFC 7692 §7.1.2.1: windows are of 2^8 to 2^15). */
const WINDOW_BYTES = 32 * 1024;
/** What is cut off every compressed message (RFC 7692 §7.2.1). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
/** A last block is followed by an empty one (RFC 7692 §7.2.3.4) and that tail. */
const AFTER_LAST_BLOCK = TAIL.length + 1;

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** Inflates the messages of one side of a connection with permessage-deflate (RFC 7692 §7.2.2). */
export class Inflater {
  readonly #takeover: boolean;
  /** The end of what was inflated before. */
  #window: Buffer = Buffer.alloc(0);

  /** @param takeover messages may refer to earlier ones (RFC 7692 §7.1.1) */
  constructor(takeover: boolean) {
    this.#takeover = takeover;
  }

  /** Whether a message can be read without those before. */
  get independent(): boolean {
    return !this.#takeover;
  }

  get heldBytes(): number {
    return this.#window.length;
  }

  /**
   * @param maxBytes the longest result
   * @returns `too_large`, `malformed_deflate`, or the message
   */
  inflate(payload: Uint8Array, maxBytes: number): Buffer | 'too_large' | 'malformed_deflate' {
    const input = Buffer.concat([payload, TAIL]);
    try {
      // With `info` there is more than its types say.
      const { buffer, engine } = inflateRawSync(input, {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: Math.max(1, maxBytes),
        info: true,
        ...(this.#window.length > 0 && { dictionary: this.#window }),
      }) as unknown as Inflated;
      if (input.length - engine.bytesWritten > AFTER_LAST_BLOCK) return 'malformed_deflate';
      if (this.#takeover) this.#remember(buffer);
      return buffer;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      return code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'malformed_deflate';
    }
  }

  #remember(message: Buffer): void {
    if (message.length === 0) return;
    const all = message.length >= WINDOW_BYTES ? message : Buffer.concat([this.#window, message]);
    this.#window = Buffer.from(all.subarray(Math.max(0, all.length - WINDOW_BYTES)));
  }
}
