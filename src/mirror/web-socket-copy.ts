import { randomBytes } from 'node:crypto';
import type { Copy, CopyRequest, MirrorAnswer } from '../model/copy.ts';
import type { MirrorFailure, NotMirroredReason } from '../model/exchange.ts';
import { decodeRecords, encodeRecord } from '../model/message-record.ts';
import type { CloseRecord, MessageRecord } from '../model/message-record.ts';
import type { Limits } from '../model/policy.ts';
import { ResponseDecoder } from '../wire/http1/decoder.ts';
import type { BrokenReason, Framing } from '../wire/http1/decoder.ts';
import type { Http1ResponseHead } from '../wire/http1/head.ts';
import { ABNORMAL, closePayload, encodeClientFrame, OPCODE } from '../wire/websocket/frame.ts';
import type { WebSocketFault } from '../wire/websocket/frame-decoder.ts';
import { agreedExtensions, opensWebSocket } from '../wire/websocket/handshake.ts';
import { MessageDecoder } from '../wire/websocket/message-decoder.ts';
import type { Origin } from './origin.ts';
import { openSocket } from './socket.ts';
import type { MirrorSocket } from './socket.ts';
import { responseClass } from './stats.ts';
import type { CountedMirrorStats } from './stats.ts';

/** How a copy ended. */
export type WebSocketEnd =
  | { readonly kind: 'answered'; readonly answer: MirrorAnswer }
  | { readonly kind: 'failed'; readonly failure: MirrorFailure; readonly sent: boolean }
  | { readonly kind: 'not_mirrored'; readonly reason: NotMirroredReason };

/** What the copy of a WebSocket needs of its mirror. */
export interface WebSocketHost {
  /** Speaks HTTP/1.1 only. */
  readonly origin: Origin;
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
  /** Its socket is gone; nothing else follows. */
  closed(copy: WebSocketCopy): void;
}

/** Frames of one message of the mirror. */
const FRAMES_MAX = 4096;
/** What the mirror may leave unread before its pings are not answered any more. */
const UNREAD_PONG_BYTES = 64 * 1024;
/** We leave (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

/**
 * The copy of a WebSocket connection (RFC 6455): asks the mirror for one on a connection of its own, says what the client
 * says as it says it, and keeps what the mirror says, a record each (`message-record.ts`). Compression is agreed on with
 * the mirror; our messages go uncompressed, as they always may (RFC 7692 §6).
 *
 * When the client closes, the mirror is given `timeout` to say as much as the primary had said by then; when the primary
 * does, to close by itself. A mirror that goes without a Close frame has closed with 1006.
 */
export class WebSocketCopy implements Copy {
  readonly #host: WebSocketHost;
  readonly #request: CopyRequest;
  readonly #head: string;
  readonly #key: string;
  readonly #socket: MirrorSocket;
  readonly #decoder: ResponseDecoder;
  readonly #startMs: number;
  /** What is to be looked at next, monotonic, ms: the mirror's answer, or its close. */
  #deadlineMs: number;
  /** What the client has said before the mirror has agreed. */
  #early: Buffer[] = [];
  #messages: MessageDecoder | undefined = undefined;
  #answer: Http1ResponseHead | undefined = undefined;
  readonly #body: Uint8Array[] = [];
  #bodyBytes = 0;
  /** Bytes that are counted as buffered. */
  #heldBytes = 0;
  #unsentBytes = 0;
  #connected = false;
  #ready = false;
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

  /** @param head the whole request, an octet for each character, with `key` in it */
  constructor(host: WebSocketHost, request: CopyRequest, head: string, key: string) {
    this.#host = host;
    this.#request = request;
    this.#head = head;
    this.#key = key;
    this.#startMs = host.nowMs();
    this.#deadlineMs = this.#startMs + host.limits.timeoutMs;
    this.#decoder = new ResponseDecoder(
      {
        head: (answer, framing) => this.#onHead(answer, framing),
        body: (chunk) => this.#keep(Uint8Array.prototype.slice.call(chunk)),
        bodyGap: () => {},
        end: () => this.#onEnd(),
        tunnel: (chunk) => this.#messages?.write(chunk),
        broken: (reason) => this.#onBroken(reason),
      },
      () => 'GET',
    );
    host.stats.connects++;
    this.#socket = openSocket(host.origin, undefined, {
      connected: () => {
        this.#connected = true;
      },
      ready: () => this.#onReady(),
      session: () => {},
      data: (chunk) => this.#onData(chunk),
      drained: () => this.#hold(0),
      ended: () => this.#onClosed('closed'),
      failed: (tls) => this.#onClosed(this.#failureOf(tls)),
      closed: () => {
        this.#onClosed('closed');
        host.closed(this);
      },
    });
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

  answered(): void {}

  cut(): void {
    this.#liveOver = true;
    if (this.#answer?.status === 101) this.#finish(true);
  }

  fail(failure: MirrorFailure): void {
    if (this.#over) return;
    this.#end({ kind: 'failed', failure, sent: this.#sent });
  }

  sweep(nowMs: number): void {
    if (this.#over) return;
    if (nowMs >= this.#startMs + this.#host.limits.streamTimeoutMs && this.#messages !== undefined)
      this.#finish(true);
    else if (nowMs >= this.#deadlineMs) this.#onDeadline(nowMs);
  }

  #onDeadline(nowMs: number): void {
    if (this.#messages === undefined) this.fail(this.#ready ? 'timeout' : 'connect_timeout');
    else if (this.#closing !== undefined && !this.#closeSent) this.#sendClose(nowMs);
    else if (this.#closeSent) this.#onClose(ABNORMAL, '');
  }

  #onReady(): void {
    if (this.#over) return;
    this.#ready = true;
    this.#sent = true;
    this.#startMicros = this.#host.micros();
    this.#host.stats.mirrored++;
    this.#host.stats.bytesOut += this.#head.length;
    this.#socket.writeLatin1(this.#head);
  }

  #onData(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#host.stats.bytesIn += chunk.length;
    this.#endMicros = this.#host.micros();
    if (this.#firstByteMicros === 0) this.#firstByteMicros = this.#endMicros;
    this.#decoder.write(chunk);
  }

  #onHead(head: Http1ResponseHead, framing: Framing): void {
    if (this.#over) return;
    if (framing.kind !== 'tunnel') {
      // It does not want to: an answer as any other, and the status says so.
      if (head.status >= 200) this.#begin(head);
      return;
    }
    const extensions = agreedExtensions(head);
    const offered = /^sec-websocket-extensions:/im.test(this.#head);
    if (!opensWebSocket(head, this.#key) || extensions === 'unknown' || (extensions !== 'none' && !offered)) {
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

  #begin(head: Http1ResponseHead): void {
    this.#answer = head;
    this.#host.stats.responses[responseClass(Math.max(200, head.status))]++;
  }

  #onEnd(): void {
    if (this.#answer !== undefined && this.#messages === undefined) this.#finish(false);
  }

  #onBroken(reason: BrokenReason): void {
    if (this.#messages === undefined) this.fail(reason === 'unexpected_close' ? 'closed' : 'malformed');
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

  #onClosed(failure: MirrorFailure): void {
    if (this.#over) return;
    if (this.#messages !== undefined) this.#onClose(ABNORMAL, '');
    else if (this.#answer === undefined) this.fail(failure);
    else {
      this.#decoder.close();
      this.fail(failure);
    }
  }

  #sendClose(nowMs: number): void {
    const closing = this.#closing;
    if (closing === undefined || this.#closeSent) return;
    this.#closeSent = true;
    this.#deadlineMs = nowMs + this.#host.limits.timeoutMs;
    this.#send(OPCODE.close, closePayload(closing.code, closing.reason));
  }

  #send(opcode: number, payload: Uint8Array): void {
    if (this.#over || this.#socket.destroyed) return;
    const frame = encodeClientFrame(opcode, payload, randomBytes(4));
    this.#host.stats.bytesOut += frame.length;
    this.#host.charge(frame.length);
    this.#socket.write(frame);
    this.#hold(0);
  }

  /** Counts bytes as buffered, and what the socket has not taken. */
  #hold(bytes: number): void {
    if (this.#over) return;
    const unsentBytes = this.#socket.destroyed ? 0 : this.#socket.writableLength;
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

  #end(end: WebSocketEnd): void {
    this.#over = true;
    this.#messages?.stop();
    this.#host.stats.bufferedBytes -= this.#heldBytes;
    this.#socket.destroy();
    this.#host.over(this, end);
  }

  #failureOf(tls: boolean): MirrorFailure {
    if (!this.#connected) return 'connect';
    return this.#ready && !tls ? 'reset' : 'tls';
  }
}
