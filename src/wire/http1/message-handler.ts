import type { BrokenReason } from './fault.ts';
import type { Framing } from './framing.ts';

/** Receives the messages of one direction of a connection, in order. */
export interface MessageHandler<Head> {
  /** A head is whole and well-formed. */
  head(head: Head, framing: Framing): void;
  /** Content without transfer framing. A view of what was written, valid only during the call. */
  body(chunk: Uint8Array): void;
  /** Octets of content, or of a tunnel, that were lost; where the message ends is still known. */
  bodyGap(bytes: number): void;
  /** The message is whole. Trailer fields if there were any. Not called for a message whose framing is `tunnel`. */
  end(trailers: readonly (readonly [name: string, value: string])[] | undefined): void;
  /** What follows a CONNECT or an upgrade. A view, valid only during the call. */
  tunnel(chunk: Uint8Array): void;
  /** The stream is given up: nothing more comes until `reset()`. `detail` is for people and never quotes the stream. */
  broken(reason: BrokenReason, detail: string): void;
}

export interface DecoderLimits {
  /** Longest head, from the start line to the empty line, bytes. */
  readonly headBytes: number;
  /** Longest trailer section, with its empty line, bytes. */
  readonly trailerBytes: number;
}
