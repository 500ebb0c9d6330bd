import type { MirrorFailure, NotMirroredReason, RequestHead, ResponseHead } from './exchange.ts';

/** What a mirror is asked to copy. */
export interface CopyRequest {
  /** Exchange id; goes out as `x-understudy-id`. */
  readonly id: string;
  readonly head: RequestHead;
  /** `none`: no body follows; a number: Content-Length; `chunked`: unknown length. */
  readonly body: 'none' | 'chunked' | number;
  /** It asks for a WebSocket: what is written are the client's messages, a record each (`message-record.ts`). */
  readonly webSocket?: boolean;
  /** Client connection, for `order: connection`. */
  readonly connectionId: number;
  /** Called once, when the copy is over in whatever way. Never called from within `Mirror.copy`. */
  readonly onDone: (outcome: CopyOutcome) => void;
}

/** A copy under way. It starts before the live request is whole and follows its bytes. */
export interface Copy {
  /** Bytes of the body (content, without chunk framing). The view is only valid during the call. */
  write(chunk: Uint8Array): void;
  /** The live request is whole. Trailers as sent, `name: value`. */
  end(trailers?: readonly (readonly [string, string])[]): void;
  /** The live request will never be whole; the copy's connection is closed so that the mirror cannot take it as whole. */
  abort(reason: NotMirroredReason): void;
  /** The live answer has begun and may go on (see `mayStream`): until it is over, the mirror's may go on as well. */
  answering(): void;
  /**
   * The live answer is over, with so many bytes of content; `Infinity` when it was not seen whole. What the mirror sends far
   * beyond that differs in any case, and is the first to go where memory runs short.
   */
  answered(bytes: number): void;
  /**
   * The live answer, which may have no end, is over: the mirror's is wanted as far as it has come, and its head at least.
   * Ends as `answered` with an answer that is `truncated`, and is no failure of the mirror.
   */
  cut(): void;
}

export type CopyOutcome =
  | { readonly kind: 'answered'; readonly answer: MirrorAnswer }
  | { readonly kind: 'failed'; readonly failure: MirrorFailure; readonly sent: boolean }
  /** Given up before or while it was sent, for a reason of ours. */
  | { readonly kind: 'not_mirrored'; readonly reason: NotMirroredReason };

/** The mirror's answer. Times in microseconds since the Unix epoch. */
export interface MirrorAnswer {
  readonly head: ResponseHead;
  /**
   * Content without transfer framing, in the pieces it came in; the receiver must not change them. Of a WebSocket
   * connection the server's messages, a record each (`message-record.ts`).
   */
  readonly body: readonly Uint8Array[];
  readonly bodyBytes: number;
  /** There was more, or would have been; what is missing says nothing. */
  readonly truncated?: boolean;
  /** Fields after the content, if any. */
  readonly trailers?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly startMicros: number;
  readonly firstByteMicros: number;
  readonly endMicros: number;
}
