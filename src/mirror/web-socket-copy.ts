import { randomBytes } from 'node:crypto';
import type { Copy, CopyRequest, MirrorAnswer } from '../model/copy.ts';
import type { MirrorFailure, NotMirroredReason, ResponseHead } from '../model/exchange.ts';
import { decodeRecords, encodeRecord } from '../model/message-record.ts';
import type { CloseRecord, MessageRecord } from '../model/message-record.ts';
import type { Limits } from '../model/policy.ts';
import { ABNORMAL, closePayload, encodeClientFrame, OPCODE } from '../wire/websocket/frame.ts';
import type { WebSocketFault } from '../wire/websocket/frame-decoder.ts';
import type { Extensions } from '../wire/websocket/handshake.ts';
import { MessageDecoder } from '../wire/websocket/message-decoder.ts';
import { responseClass } from './stats.ts';
import type { CountedMirrorStats } from './stats.ts';
import type { ChannelEvents, ChannelOpener, WebSocketChannel } from './web-socket-channel.ts';

/** How a copy ended. */
export type WebSocketEnd =
  | { readonly kind: 'answered'; readonly answer: MirrorAnswer }
  | { readonly kind: 'failed'; readonly failure: MirrorFailure; readonly sent: boolean }
  | { readonly kind: 'not_mirrored'; readonly reason: NotMirroredReason };

/** What the copy of a WebSocket needs of its mirror. */
export interface WebSocketHost {
  readonly stats: CountedMirrorStats;
  readonly limits: Limits;
  /** Microseconds since the Unix epoch. */
  readonly micros: () => number;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
  /** A message without what is not to leave; undefined when it cannot be read. */
  redact(payload: Buffer): Buffer | undefined;
  charge(bytes: number): void;
  /** Called once. */
  over(copy: WebSocketCopy, end: WebSocketEnd): void;
  /** Its channel is gone; nothing else follows. */
  closed(copy: WebSocketCopy): void;
}

/** Frames of one message of the mirror. */
const FRAMES_MAX = 4096;
/** What the mirror may leave unread before its pings are not answered any more. */
const UNREAD_PONG_BYTES = 64 * 1024;
/** We leave (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

/**
 * The copy of a WebSocket connection (RFC 6455): asks the mirror for one on a channel of its own, says what the client
 * says as it says it, and keeps what the mirror says, a record each (`message-record.ts`). Compression is agreed on with
 * the mirror; our messages go uncompressed, as they always may (RFC 7692 §6).
 *
 * When the client closes, the mirror is given `timeout` to say as much as the primary had said by then; when the primary
 * does, to close by itself. A mirror that goes without a Close frame has closed with 1006.
 */
export class WebSocketCopy implements Copy, ChannelEvents {
  readonly #host: WebSocketHost;
  readonly #request: CopyRequest;
  readonly #offersDeflate: boolean;
  readonly #channel: WebSocketChannel;
  readonly #startMs: number;
  /** What is to be looked at next, monotonic, ms: the mirror's answer, or its close. */
  #deadlineMs: number;
  /** What the client has said before the mirror has agreed. */
  #early: Buffer[] = [];
  #messages: MessageDecoder | undefined = undefined;
  #answer: ResponseHead | undefined = undefined;
  readonly #body: Uint8Array[] = [];
  #bodyBytes = 0;
  /** Bytes that are counted as buffered. */
  #heldBytes = 0;
  #unsentBytes = 0;
  #sent = false;
  #said = 0;
  #heard = 0;
  /** The client's Close, until it is passed on. */
  #closing: CloseRecord | undefined = undefined;
  #closeSent = false;
  #liveOver = false;
  #over = false;
  #startMicros = 0;
  #firstByteMicros = 0;
  #endMicros = 0;

  /** @param offersDeflate whether the mirror may agree to permessage-deflate */
  constructor(host: WebSocketHost, request: CopyRequest, offersDeflate: boolean, open: ChannelOpener) {
    this.#host = host;
    this.#request = request;
    this.#offersDeflate = offersDeflate;
    this.#startMs = host.nowMs();
    this.#deadlineMs = this.#startMs + host.limits.timeoutMs;
    this.#channel = open(this);
  }

  get request(): CopyRequest {
    return this.#request;
  }

  /** Records of the client's messages, whole. */
  write(chunk: Uint8Array): void {
    if (this.#over || this.#closing !== undefined) return;
    const records = Buffer.from(chunk);
    if (this.#messages === undefined) {
      this.#early.push(records);
      this.#hold(records.length);
      if (this.#isFull()) this.#finish(true);
    } else for (const record of decodeRecords(records)) this.#say(record);
  }

  /** The request is whole; what the client says comes after it. */
  end(): void {}

  abort(reason: NotMirroredReason): void {
    this.#giveUp(reason);
  }

  answering(): void {}

  answered(): void {}

  cut(): void {
    this.#liveOver = true;
    if (this.#answer?.status === 101) this.#finish(true);
  }

  fail(failure: MirrorFailure): void {
    if (this.#over) return;
    this.#end({ kind: 'failed', failure, sent: this.#sent }, failure === 'timeout');
  }

  sweep(nowMs: number): void {
    if (this.#over) return;
    if (nowMs >= this.#startMs + this.#host.limits.streamTimeoutMs && this.#messages !== undefined)
      this.#finish(true);
    else if (nowMs >= this.#deadlineMs) this.#onDeadline(nowMs);
  }

  #onDeadline(nowMs: number): void {
    if (this.#messages === undefined) this.fail(this.#channel.ready ? 'timeout' : 'connect_timeout');
    else if (this.#closing !== undefined && !this.#closeSent) this.#sendClose(nowMs);
    else if (this.#closeSent) this.#onClose(ABNORMAL, '');
  }

  // What its channel tells.

  sent(): void {
    if (this.#over) return;
    this.#sent = true;
    this.#startMicros = this.#host.micros();
    this.#host.stats.mirrored++;
  }

  refused(head: ResponseHead): void {
    // It does not want to: an answer as any other, and the status says so.
    if (!this.#over) this.#begin(head);
  }

  content(chunk: Uint8Array): void {
    this.#endMicros = this.#host.micros();
    this.#keep(Uint8Array.prototype.slice.call(chunk));
  }

  whole(): void {
    if (this.#answer !== undefined) this.#finish(false);
  }

  frames(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#endMicros = this.#host.micros();
    this.#messages?.write(chunk);
  }

  drained(): void {
    this.#hold(0);
  }

  failed(failure: MirrorFailure): void {
    if (this.#over) return;
    if (this.#messages !== undefined) this.#onClose(ABNORMAL, '');
    else this.fail(failure);
  }

  unsupported(): void {
    this.#giveUp('upgrade');
  }

  closed(): void {
    this.#host.closed(this);
  }

  opened(head: ResponseHead, extensions: Exclude<Extensions, 'unknown'>): void {
    if (this.#over) return;
    if (extensions !== 'none' && !this.#offersDeflate) {
      this.fail('malformed');
      return;
    }
    this.#begin(head);
    this.#messages = new MessageDecoder(
      {
        sender: 'server',
        deflate: extensions === 'none' ? undefined : { takeover: extensions.serverTakeover },
        limits: { messageBytes: this.#host.limits.bodyBytes, frames: FRAMES_MAX },
      },
      {
        message: (kind, payload) => this.#hear({ kind, payload }),
        lost: () => this.#onFault('gap'),
        ping: (payload) => {
          // Not every ping needs an answer of its own (RFC 6455 §5.5.3), and who does not read gets none.
          if (this.#unsentBytes < UNREAD_PONG_BYTES) this.#send(OPCODE.pong, payload);
        },
        close: (code, reason) => this.#onClose(code, reason),
        fault: (reason) => this.#onFault(reason),
      },
    );
    if (this.#liveOver) {
      this.#finish(true);
      return;
    }
    const early = this.#early;
    this.#early = [];
    for (const records of early) {
      this.#hold(-records.length);
      for (const record of decodeRecords(records)) this.#say(record);
    }
  }

  #begin(head: ResponseHead): void {
    this.#answer = head;
    this.#firstByteMicros = this.#host.micros();
    this.#endMicros = this.#firstByteMicros;
    this.#host.stats.responses[responseClass(Math.max(200, head.status))]++;
  }

  /** What the client has said goes to the mirror. */
  #say(record: MessageRecord): void {
    if (this.#over || this.#closing !== undefined) return;
    if (record.kind === 'close') {
      this.#closing = record;
      this.#deadlineMs = this.#host.nowMs() + this.#host.limits.timeoutMs;
      if (record.by === 'client' && this.#heard >= record.received) this.#sendClose(this.#host.nowMs());
      return;
    }
    if (record.kind === 'lost' || ++this.#said > this.#host.limits.messages) {
      this.#finish(true);
      return;
    }
    const payload = record.kind === 'text' ? this.#host.redact(record.payload) : record.payload;
    if (payload === undefined) {
      this.#giveUp('redaction_failed');
      return;
    }
    this.#send(record.kind === 'text' ? OPCODE.text : OPCODE.binary, payload);
    if (this.#isFull()) this.#finish(true);
  }

  /** What the mirror has said is kept. */
  #hear(record: MessageRecord): void {
    if (this.#over) return;
    if (++this.#heard > this.#host.limits.messages) {
      this.#finish(true);
      return;
    }
    this.#keep(encodeRecord(record));
    const closing = this.#closing;
    if (closing?.by === 'client' && !this.#closeSent && this.#heard >= closing.received)
      this.#sendClose(this.#host.nowMs());
  }

  #keep(piece: Uint8Array): void {
    if (this.#over) return;
    const { limits } = this.#host;
    if (this.#bodyBytes + piece.length > limits.bodyBytes) {
      if (this.#messages === undefined) this.fail('answer_too_large');
      else this.#finish(true);
      return;
    }
    this.#body.push(piece);
    this.#bodyBytes += piece.length;
    this.#hold(piece.length);
    if (this.#isFull()) this.#finish(true);
  }

  #onFault(reason: WebSocketFault): void {
    if (reason === 'too_large') this.#finish(true);
    else this.fail('malformed');
  }

  /** The mirror's Close frame, or that there is none. */
  #onClose(code: number, reason: string): void {
    if (this.#over) return;
    const by = this.#closeSent ? 'client' : 'server';
    this.#keep(encodeRecord({ kind: 'close', by, code, reason, received: this.#heard }));
    this.#finish(false);
  }

  #sendClose(nowMs: number): void {
    const closing = this.#closing;
    if (closing === undefined || this.#closeSent) return;
    this.#closeSent = true;
    this.#deadlineMs = nowMs + this.#host.limits.timeoutMs;
    this.#send(OPCODE.close, closePayload(closing.code, closing.reason));
  }

  #send(opcode: number, payload: Uint8Array): void {
    if (this.#over) return;
    const frame = encodeClientFrame(opcode, payload, randomBytes(4));
    this.#host.charge(frame.length);
    this.#channel.write(frame);
    this.#hold(0);
  }

  /** Counts bytes as buffered, and what the channel has not sent. */
  #hold(bytes: number): void {
    if (this.#over) return;
    const { unsentBytes } = this.#channel;
    const change = bytes + unsentBytes - this.#unsentBytes;
    this.#unsentBytes = unsentBytes;
    this.#heldBytes += change;
    this.#host.stats.bufferedBytes += change;
  }

  #isFull(): boolean {
    return this.#host.stats.bufferedBytes > this.#host.limits.bufferBytes;
  }

  #finish(truncated: boolean): void {
    const head = this.#answer;
    if (this.#over) return;
    if (head === undefined) {
      this.#giveUp('queue_full');
      return;
    }
    if (this.#messages !== undefined && !this.#closeSent)
      this.#send(OPCODE.close, closePayload(this.#closing?.code ?? GOING_AWAY));
    this.#end({
      kind: 'answered',
      answer: {
        head,
        body: this.#body,
        bodyBytes: this.#bodyBytes,
        truncated,
        startMicros: this.#startMicros,
        firstByteMicros: this.#firstByteMicros,
        endMicros: this.#endMicros,
      },
    });
  }

  #giveUp(reason: NotMirroredReason): void {
    if (this.#over) return;
    this.#host.stats.notMirrored[reason]++;
    this.#end({ kind: 'not_mirrored', reason });
  }

  #end(end: WebSocketEnd, timedOut = false): void {
    this.#over = true;
    this.#messages?.stop();
    this.#host.stats.bufferedBytes -= this.#heldBytes;
    this.#channel.destroy(timedOut);
    this.#host.over(this, end);
  }
}
