import type { MirrorAnswer } from '../model/copy.ts';
import { mayBeCut, mayBeEndless } from '../model/endless.ts';
import type { MirrorFailure } from '../model/exchange.ts';
import { ResponseDecoder } from '../wire/http1/decoder.ts';
import type { BrokenReason, Framing } from '../wire/http1/decoder.ts';
import type { Http1ResponseHead } from '../wire/http1/head.ts';
import { mayKeep } from './carrier.ts';
import type { Carrier, CarrierHost } from './carrier.ts';
import { JOIN_MAX_BYTES } from './copy-task.ts';
import type { CopyTask } from './copy-task.ts';
import type { Field } from './field-rules.ts';
import { Pieces } from './pieces.ts';
import { openSocket } from './socket.ts';
import type { MirrorSocket, SocketOpener } from './socket.ts';

/** What a connection needs of its pool, besides what its copies need. */
export interface ConnectionOwner {
  /** It has nothing to do, and can carry another copy. */
  idle(connection: Connection): void;
  /** It cannot be used any more. */
  lost(connection: Connection): void;
  /** The socket is gone; nothing else follows. */
  closed(connection: Connection): void;
}

/** An idle connection is kept this long, unless the mirror says less: servers that close after 5 s and do not say so are common. */
const IDLE_MS = 4_000;

/** One connection to a mirror: carries one copy at a time, and reads its answer whole. */
export class Connection implements Carrier {
  /** The copy it carries. */
  task: CopyTask | undefined = undefined;
  /** Something of the copy waits to be flushed at the end of this turn of the event loop. */
  flushSoon = false;
  /** Since when it has had nothing to do, monotonic, and how long it may, ms. */
  idleSinceMs = 0;
  idleMs = IDLE_MS;
  readonly #host: CarrierHost;
  readonly #owner: ConnectionOwner;
  readonly #socket: MirrorSocket;
  readonly #decoder: ResponseDecoder;
  readonly #body = new Pieces();
  #tcpReady = false;
  #ready = false;
  /** The socket takes no more for now; what it holds is counted as buffered. */
  #blocked = false;
  #unsentBytes = 0;
  #answer: Http1ResponseHead | undefined = undefined;
  #trailers: readonly Field[] | undefined = undefined;
  #complete = false;
  /** More came than the one answer. */
  #surplus = false;
  /** The answer is ended before its end. */
  #truncated = false;
  #fresh = true;
  #micros = 0;
  #startMicros = 0;
  #firstByteMicros = 0;

  /** @param open makes the socket, or hands over one that is there */
  constructor(host: CarrierHost, owner: ConnectionOwner, open: SocketOpener = openSocket) {
    this.#host = host;
    this.#owner = owner;
    this.#decoder = new ResponseDecoder(
      {
        head: (head, framing) => this.#onHead(head, framing),
        body: (chunk) => this.#onBody(chunk),
        bodyGap: () => {},
        end: (trailers) => this.#onEnd(trailers),
        tunnel: () => {},
        broken: (reason) => this.#onBroken(reason),
      },
      () => (this.#complete ? undefined : this.task?.request.head.method),
    );
    this.#socket = open(host.origin, host.session, {
      connected: () => {
        this.#tcpReady = true;
      },
      ready: () => this.#onReady(),
      session: (fresh) => {
        host.session = fresh;
      },
      data: (chunk) => this.#onData(chunk),
      drained: () => this.#onDrain(),
      ended: () => this.#onFin(),
      failed: (tls) => this.#fail(this.#failureOf(tls)),
      closed: () => {
        this.#fail('closed');
        owner.closed(this);
      },
    });
  }

  /** Whether the mirror has been reached; a timeout before that is a connect timeout. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Whether all that the copy had to send so far has left. */
  get caughtUp(): boolean {
    return this.#ready && !this.#blocked && this.task?.pendingBytes === 0;
  }

  get usable(): boolean {
    return !this.#socket.destroyed;
  }

  begin(task: CopyTask): void {
    this.task = task;
    this.#answer = undefined;
    this.#complete = false;
    this.#surplus = false;
    this.#truncated = false;
    this.#firstByteMicros = 0;
  }

  /** Sends what the copy has, if the socket takes it. */
  flush(): void {
    const { task } = this;
    if (task === undefined || !this.#ready || this.#blocked) return;
    if (task.protocol !== 'http1' && !this.#host.rewrite(task, 'http1')) return;
    const head = task.takeOnlyHead();
    if (head !== undefined) {
      this.#count(task, head.length);
      this.#blocked = !this.#socket.writeLatin1(head);
    } else this.#writeAll(task, task.take());
    if (this.#blocked) this.#countUnsent(this.#socket.writableLength);
  }

  free(nowMs: number): void {
    this.idleSinceMs = nowMs;
    this.#owner.idle(this);
  }

  get endless(): boolean {
    return this.#answer !== undefined && mayBeEndless(this.#answer);
  }

  cut(): void {
    if (this.task === undefined || this.#answer === undefined) return;
    this.#truncated = true;
    this.#finish(true);
  }

  drop(): void {
    this.#owner.lost(this);
  }

  /** Closes at once; of the copy it carries nothing more is heard. */
  destroy(): void {
    this.task = undefined;
    this.#release();
    this.#socket.destroy();
  }

  #onReady(): void {
    this.#ready = true;
    this.flush();
  }

  #onDrain(): void {
    this.#blocked = false;
    this.#countUnsent(0);
    this.flush();
  }

  #writeAll(task: CopyTask, parts: readonly Uint8Array[]): void {
    const [first, second] = parts;
    if (first === undefined) return;
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    this.#count(task, bytes);
    if (second === undefined) this.#blocked = !this.#socket.write(first);
    else if (bytes <= JOIN_MAX_BYTES) this.#blocked = !this.#socket.write(Buffer.concat(parts, bytes));
    else this.#blocked = !this.#socket.writeAll(parts);
  }

  #count(task: CopyTask, bytes: number): void {
    const { stats } = this.#host;
    if (!task.sent) {
      task.sent = true;
      stats.mirrored++;
      this.#startMicros = this.#host.micros();
    }
    stats.bytesOut += bytes;
  }

  #onData(chunk: Uint8Array): void {
    this.#host.stats.bytesIn += chunk.length;
    if (this.task === undefined) {
      // An answer that nobody asked for, such as 408 before closing.
      this.#owner.lost(this);
      return;
    }
    this.#micros = this.#host.micros();
    if (this.#firstByteMicros === 0) this.#firstByteMicros = this.#micros;
    this.#decoder.write(chunk);
    if (this.#complete) this.#finish(false);
  }

  #onFin(): void {
    if (this.task === undefined) {
      this.#owner.lost(this);
      return;
    }
    this.#micros = this.#host.micros();
    this.#decoder.close();
    if (this.#complete) this.#finish(true);
    else this.#fail('closed');
  }

  #onHead(head: Http1ResponseHead, framing: Framing): void {
    if (this.task === undefined) return;
    if (framing.kind === 'tunnel') {
      // Copies never ask for another protocol.
      this.#fail('malformed');
      return;
    }
    if (head.status < 200) return;
    this.#answer = head;
    if (this.#firstByteMicros === 0) this.#firstByteMicros = this.#micros;
    if (framing.kind === 'length') {
      if (framing.bytes > this.#host.bodyBytesMax) this.#fail('answer_too_large');
    } else if (this.task.unwanted) this.cut();
  }

  #onBody(chunk: Uint8Array): void {
    if (this.task === undefined) return;
    this.#body.copy(chunk, this.#host.slab);
    this.#host.stats.bufferedBytes += chunk.length;
    if (mayKeep(this.#host, this.task, this.#body.bytes)) return;
    if (this.#answer !== undefined && mayBeCut(this.#answer)) this.cut();
    else this.#fail('answer_too_large');
  }

  #onEnd(trailers: readonly Field[] | undefined): void {
    this.#trailers = trailers;
    if (this.#answer !== undefined) this.#complete = true;
    // What comes after an interim response is the first byte of the next one.
    else this.#firstByteMicros = 0;
  }

  #onBroken(reason: BrokenReason): void {
    if (this.#complete) this.#surplus = true;
    else this.#fail(reason === 'unexpected_close' ? 'closed' : 'malformed');
  }

  #finish(closed: boolean): void {
    const { task } = this;
    const head = this.#answer;
    if (task === undefined || head === undefined) return;
    if (this.#fresh) this.#readKeepAlive(head);
    const reusable =
      !closed && !this.#surplus && this.#decoder.idle && !this.#decoder.last && task.ended && this.caughtUp;
    const bodyBytes = this.#body.bytes;
    this.#host.stats.bufferedBytes -= bodyBytes;
    const answer: MirrorAnswer = {
      head,
      body: this.#body.take(),
      bodyBytes,
      truncated: this.#truncated,
      trailers: this.#trailers,
      startMicros: this.#startMicros,
      firstByteMicros: this.#firstByteMicros,
      endMicros: this.#micros,
    };
    this.task = undefined;
    this.#answer = undefined;
    this.#host.answered(this, task, answer, reusable);
  }

  /** `Keep-Alive: timeout=5`: the connection is given up a second earlier. Only said with the first answer, if at all. */
  #readKeepAlive(head: Http1ResponseHead): void {
    this.#fresh = false;
    const seconds = /\btimeout=(\d{1,6})/i.exec(head.header('keep-alive') ?? '')?.[1];
    if (seconds !== undefined) this.idleMs = Math.min(IDLE_MS, Math.max(0, Number(seconds) - 1) * 1000);
  }

  #fail(failure: MirrorFailure): void {
    const { task } = this;
    this.destroy();
    if (task === undefined) this.#owner.lost(this);
    else this.#host.failed(task, failure);
  }

  #failureOf(tls: boolean): MirrorFailure {
    if (!this.#tcpReady) return 'connect';
    return this.#ready && !tls ? 'reset' : 'tls';
  }

  #countUnsent(bytes: number): void {
    this.#host.stats.bufferedBytes += bytes - this.#unsentBytes;
    this.#unsentBytes = bytes;
  }

  #release(): void {
    this.#countUnsent(0);
    this.#host.stats.bufferedBytes -= this.#body.bytes;
    this.#body.take();
  }
}
