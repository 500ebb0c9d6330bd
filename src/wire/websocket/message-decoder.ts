import { isUtf8 } from 'node:buffer';
import { FrameDecoder } from './frame-decoder.ts';
import type { WebSocketFault } from './frame-decoder.ts';
import { CONTROL_MAX_BYTES, NO_STATUS, OPCODE } from './frame.ts';
import { Inflater } from './inflater.ts';

export interface MessageEvents {
  /** A whole message, inflated; its memory is the receiver's. */
  message(kind: 'text' | 'binary', payload: Buffer): void;
  /** A message of which bytes were lost. */
  lost(): void;
  /** `payload` is valid during the call only. */
  ping(payload: Uint8Array): void;
  /** The side's Close frame; nothing comes after it. `code` is 1005 where it holds none. */
  close(code: number, reason: string): void;
  /** Nothing comes after it. */
  fault(reason: WebSocketFault): void;
}

export interface MessageLimits {
  /** Longest message, also inflated, octets. */
  readonly messageBytes: number;
  /** Frames of one message. */
  readonly frames: number;
}

export interface MessageDecoderOptions {
  readonly sender: 'client' | 'server';
  /** Undefined: permessage-deflate was not agreed on. `takeover`: whether the sender's messages refer to earlier ones. */
  readonly deflate: { readonly takeover: boolean } | undefined;
  readonly limits: MessageLimits;
}

/** The first room for a message's fragments, octets; doubled as they come. */
const FIRST_ROOM_BYTES = 1024;

/** Reads the messages that one side of a WebSocket connection sends (RFC 6455 §5.4 – §5.6, RFC 7692 §6). */
export class MessageDecoder {
  readonly #events: MessageEvents;
  readonly #limits: MessageLimits;
  readonly #inflater: Inflater | undefined;
  readonly #frames: FrameDecoder;
  /** The message under way; undefined between two. */
  #kind: 'text' | 'binary' | undefined;
  #compressed = false;
  #lost = false;
  #frameCount = 0;
  #payload: Buffer = EMPTY;
  #payloadBytes = 0;
  readonly #control = Buffer.alloc(CONTROL_MAX_BYTES);
  #controlBytes = 0;
  #controlLost = false;
  #opcode = 0;
  #fin = false;

  constructor(options: MessageDecoderOptions, events: MessageEvents) {
    this.#events = events;
    this.#limits = options.limits;
    this.#inflater = options.deflate === undefined ? undefined : new Inflater(options.deflate.takeover);
    this.#frames = new FrameDecoder(options.sender, {
      frame: (opcode, fin, compressed, bytes) => this.#onFrame(opcode, fin, compressed, bytes),
      payload: (chunk) => this.#onPayload(chunk),
      payloadGap: () => {
        if (this.#opcode >= OPCODE.close) this.#controlLost = true;
        else this.#lost = true;
      },
      end: () => this.#onEnd(),
      fault: (reason) => events.fault(reason),
    });
  }

  /** Memory of the message under way, and of what later ones may refer to, octets. */
  get heldBytes(): number {
    return this.#payload.length + (this.#inflater?.heldBytes ?? 0);
  }

  write(chunk: Uint8Array): void {
    this.#frames.write(chunk);
  }

  /** See `FrameDecoder.gap`. */
  gap(bytes: number): void {
    this.#frames.gap(bytes);
  }

  /** Reads no more. */
  stop(): void {
    this.#frames.stop();
    this.#payload = EMPTY;
  }

  #onFrame(opcode: number, fin: boolean, compressed: boolean, bytes: number): void {
    this.#opcode = opcode;
    this.#fin = fin;
    if (opcode >= OPCODE.close) {
      this.#controlBytes = 0;
      if (compressed) this.#fail('malformed');
      return;
    }
    const continues = opcode === OPCODE.continuation;
    if (
      continues !== (this.#kind !== undefined) ||
      (compressed && (continues || this.#inflater === undefined))
    ) {
      this.#fail('malformed');
      return;
    }
    if (!continues) {
      this.#kind = opcode === OPCODE.text ? 'text' : 'binary';
      this.#compressed = compressed;
      this.#payloadBytes = 0;
      this.#frameCount = 0;
    }
    const { messageBytes, frames } = this.#limits;
    if (++this.#frameCount > frames || this.#payloadBytes + bytes > messageBytes) this.#fail('too_large');
  }

  #onPayload(chunk: Uint8Array): void {
    if (this.#opcode >= OPCODE.close) {
      this.#control.set(chunk, this.#controlBytes);
      this.#controlBytes += chunk.length;
      return;
    }
    if (this.#lost) return;
    const bytes = this.#payloadBytes + chunk.length;
    if (bytes > this.#payload.length) {
      const room = Math.max(bytes, Math.min(this.#limits.messageBytes, this.#payload.length * 2));
      const wider = Buffer.allocUnsafe(Math.max(room, FIRST_ROOM_BYTES));
      wider.set(this.#payload.subarray(0, this.#payloadBytes));
      this.#payload = wider;
    }
    this.#payload.set(chunk, this.#payloadBytes);
    this.#payloadBytes = bytes;
  }

  #onEnd(): void {
    if (this.#opcode >= OPCODE.close) this.#onControl();
    else if (this.#fin) this.#onMessage();
  }

  #onMessage(): void {
    const kind = this.#kind ?? 'binary';
    this.#kind = undefined;
    if (this.#lost) {
      this.#lost = false;
      // Those after it may refer to what nobody has.
      if (this.#compressed && this.#inflater?.independent === false) this.#fail('gap');
      else this.#events.lost();
      return;
    }
    const raw = this.#payload.subarray(0, this.#payloadBytes);
    this.#payload = EMPTY;
    const message =
      this.#compressed && this.#inflater !== undefined
        ? this.#inflater.inflate(raw, this.#limits.messageBytes)
        : raw;
    if (typeof message === 'string') this.#fail(message);
    else if (kind === 'text' && !isUtf8(message)) this.#fail('malformed');
    else this.#events.message(kind, message);
  }

  #onControl(): void {
    if (this.#controlLost) {
      this.#controlLost = false;
      if (this.#opcode === OPCODE.close) this.#fail('gap');
      return;
    }
    const payload = this.#control.subarray(0, this.#controlBytes);
    if (this.#opcode === OPCODE.ping) this.#events.ping(payload);
    if (this.#opcode !== OPCODE.close) return;
    const code = payload.length < 2 ? NO_STATUS : payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (payload.length === 1 || (payload.length > 0 && !isCloseCode(code)) || !isUtf8(reason)) {
      this.#fail('malformed');
      return;
    }
    this.stop();
    this.#events.close(code, reason.toString('utf8'));
  }

  #fail(reason: WebSocketFault): void {
    this.stop();
    this.#events.fault(reason);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

/** What may be on the wire (RFC 6455 §7.4, and IANA's registry). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
