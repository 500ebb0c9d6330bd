import type { MirrorFailure } from '../model/exchange.ts';
import { DEFAULT_FRAME_BYTES } from '../wire/http2/frame.ts';
import { Http2ResponseHead } from '../wire/http2/head.ts';
import { agreedExtensions } from '../wire/websocket/handshake.ts';
import type { Field } from './field-rules.ts';
import type { SessionRider } from './session-rider.ts';
import type { Session } from './session.ts';
import type { ChannelEvents, WebSocketChannel } from './web-socket-channel.ts';

/** How a channel ends before anything has been sent; nothing else follows. */
export interface UnsentEvents {
  /** The mirror takes none. */
  declined(): void;
  /** The session takes no more. */
  displaced(): void;
}

/** A WebSocket on a stream of an HTTP/2 session, for mirrors that say they take such (RFC 8441). */
export class StreamChannel implements WebSocketChannel, SessionRider {
  id = 0;
  window = 0;
  readonly #session: Session;
  readonly #block: string;
  readonly #events: ChannelEvents;
  readonly #unsent: UnsentEvents;
  /** How often something had come when this began. */
  readonly #reads: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #answered = false;
  #opened = false;
  #peerEnded = false;
  #over = false;

  /**
   * @param block the header block of the extended CONNECT
   */
  constructor(session: Session, block: string, events: ChannelEvents, unsent: UnsentEvents) {
    this.#session = session;
    this.#block = block;
    this.#events = events;
    this.#unsent = unsent;
    this.#reads = session.reads;
    session.join(this);
    process.nextTick(() => this.flush());
  }

  get ready(): boolean {
    return this.#session.open;
  }

  get unsentBytes(): number {
    return this.#pendingBytes;
  }

  write(frames: Uint8Array): void {
    if (this.#over) return;
    this.#pending.push(frames);
    this.#pendingBytes += frames.length;
    this.#send();
  }

  destroy(timedOut: boolean): void {
    if (this.#over) return;
    if (timedOut && this.#session.reads === this.#reads) this.#session.retire();
    if (this.id !== 0 && this.#pendingBytes === 0) this.#session.sendData(this, NOTHING, true);
    this.#leave(!this.#peerEnded);
  }

  flush(): void {
    if (this.#over || !this.#session.admits(this)) return;
    if (this.id === 0) {
      if (!this.#session.takesConnect) {
        this.#over = true;
        this.#session.leave(this, false);
        this.#unsent.declined();
        return;
      }
      this.#session.submit(this, this.#block, false);
      this.#events.sent();
    }
    this.#send();
    if (!this.#over) this.#events.drained();
  }

  headers(fields: readonly Field[] | undefined, endStream: boolean): void {
    const head = fields === undefined ? undefined : Http2ResponseHead.of(fields);
    if (this.#answered) {
      // Trailers: all that may come besides content.
      if (endStream && fields !== undefined) this.end();
      else this.#fail('malformed');
      return;
    }
    if (head === undefined || head.status === 101 || (head.status < 200 && endStream)) {
      this.#fail('malformed');
      return;
    }
    if (head.status < 200) return;
    this.#answered = true;
    if (head.status < 300) this.#open(head);
    else this.#events.refused(head);
    if (endStream) this.end();
  }

  data(chunk: Uint8Array): void {
    if (this.#over) return;
    if (!this.#answered) this.#fail('malformed');
    else if (this.#opened) this.#events.frames(chunk);
    else this.#events.content(chunk);
  }

  end(): void {
    if (this.#over) return;
    this.#peerEnded = true;
    if (this.#answered && !this.#opened) this.#events.whole();
    else this.#fail(this.#answered ? 'closed' : 'malformed');
  }

  move(): void {
    if (this.#over) return;
    this.#over = true;
    this.#session.leave(this, false);
    this.#unsent.displaced();
  }

  /** The session cannot carry it to its end. */
  fail(failure: MirrorFailure): void {
    if (this.#over) return;
    this.#peerEnded = true;
    this.#pendingBytes = 0;
    this.#leave(false, () => this.#events.failed(failure));
  }

  #open(head: Http2ResponseHead): void {
    const extensions = agreedExtensions(head);
    if (extensions === 'unknown') {
      this.#fail('malformed');
      return;
    }
    this.#opened = true;
    this.#events.opened(head.asUpgrade(), extensions);
  }

  #send(): void {
    const session = this.#session;
    if (this.id === 0 || this.#over) return;
    let sent = 0;
    while (sent < this.#pending.length) {
      if (session.blocked) {
        session.await(this);
        break;
      }
      const room = Math.min(this.window, session.room, DEFAULT_FRAME_BYTES);
      if (room <= 0) {
        if (this.window > 0) session.await(this);
        break;
      }
      const frames = this.#pending[sent] ?? NOTHING;
      const part = frames.subarray(0, room);
      if (part.length < frames.length) this.#pending[sent] = frames.subarray(room);
      else sent++;
      this.window -= part.length;
      this.#pendingBytes -= part.length;
      session.sendData(this, part, false);
    }
    if (sent > 0) this.#pending.splice(0, sent);
  }

  #fail(failure: MirrorFailure): void {
    if (!this.#over) this.#events.failed(failure);
  }

  #leave(reset: boolean, tell?: () => void): void {
    this.#over = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#session.leave(this, reset);
    tell?.();
    this.#events.closed();
  }
}

const NOTHING = new Uint8Array();
