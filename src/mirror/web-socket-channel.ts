import type { MirrorFailure, ResponseHead } from '../model/exchange.ts';
import type { Extensions } from '../wire/websocket/handshake.ts';

/** Carries one WebSocket to a mirror: a connection of HTTP/1.1, or a stream of HTTP/2. */
export interface WebSocketChannel {
  /** Whether the mirror has been reached; a timeout before that is a connect timeout. */
  readonly ready: boolean;
  /** Bytes that wait to be taken. */
  readonly unsentBytes: number;
  /** Sends frames, which must not be changed any more. */
  write(frames: Uint8Array): void;
  /** Ends it in both directions. `timedOut`: the mirror has not answered in time. Only `closed` follows. */
  destroy(timedOut: boolean): void;
}

/** What a channel tells. Chunks are valid during the call only; nothing comes from within the call that opens a channel. */
export interface ChannelEvents {
  /** The request has been sent. */
  sent(): void;
  /** The mirror agrees, and frames follow. The head is that of an upgrade in HTTP/1.1: its status is 101. */
  opened(head: ResponseHead, extensions: Exclude<Extensions, 'unknown'>): void;
  /** It does not: an answer as any other, with its content, until `whole`. */
  refused(head: ResponseHead): void;
  content(chunk: Uint8Array): void;
  whole(): void;
  frames(chunk: Uint8Array): void;
  /** Fewer bytes wait. */
  drained(): void;
  /** It is over on the mirror's side. */
  failed(failure: MirrorFailure): void;
  /** The mirror speaks nothing that WebSockets go over. */
  unsupported(): void;
  /** Nothing is left of it; nothing else follows. */
  closed(): void;
}

/** Opens a channel. */
export type ChannelOpener = (events: ChannelEvents) => WebSocketChannel;
