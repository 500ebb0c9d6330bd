import type { MirrorAnswer } from '../model/copy.ts';
import { mayBeCut, mayBeEndless } from '../model/endless.ts';
import type { MirrorFailure } from '../model/exchange.ts';
import { DEFAULT_FRAME_BYTES } from '../wire/http2/frame.ts';
import { Http2ResponseHead, trailersOf } from '../wire/http2/head.ts';
import { mayKeep } from './carrier.ts';
import type { Carrier, CarrierHost } from './carrier.ts';
import type { CopyTask } from './copy-task.ts';
import type { Field } from './field-rules.ts';
import { Pieces } from './pieces.ts';
import type { SessionRider } from './session-rider.ts';
import type { Session } from './session.ts';

/** One copy on a session: sends it within the windows, and reads its answer whole. */
export class SessionStream implements Carrier, SessionRider {
  task: CopyTask | undefined = undefined;
  flushSoon = false;
  id = 0;
  window = 0;
  readonly #session: Session;
  readonly #host: CarrierHost;
  /** END_STREAM has been sent. */
  #ended = false;
  /** The header block of the trailers; undefined: not known yet, empty: there are none. */
  #trailerBlock: string | undefined = undefined;
  #answer: Http2ResponseHead | undefined = undefined;
  readonly #body = new Pieces();
  /** Content that the answer has to have; -1: any. */
  #length = -1;
  /** How often something had come when this began. */
  #reads = 0;
  #startMicros = 0;
  #firstByteMicros = 0;

  constructor(session: Session, host: CarrierHost) {
    this.#session = session;
    this.#host = host;
  }

  get ready(): boolean {
    return this.#session.open;
  }

  get caughtUp(): boolean {
    return this.id !== 0 && !this.#session.blocked && this.task?.pendingBytes === 0;
  }

  begin(task: CopyTask): void {
    this.task = task;
    this.#reads = this.#session.reads;
    // A head whose body follows is not sent before the end of this turn.
    if (!task.ended) this.#session.wait(this);
  }

  flush(): void {
    const { task } = this;
    if (task === undefined || this.#ended || !this.#session.admits(this)) return;
    if (this.id === 0 && !this.#begin(task)) return;
    this.#sendBody(task);
    task.holdPending();
  }

  /** Nothing is left of it: a stream carries one copy. */
  free(): void {}

  get endless(): boolean {
    return this.#answer !== undefined && mayBeEndless(this.#answer);
  }

  cut(): void {
    this.#finish(undefined, true);
  }

  drop(): void {
    const { task } = this;
    if (task === undefined) return;
    const silent = this.#session.reads === this.#reads && this.#host.nowMs() >= task.deadlineMs;
    if (silent) this.#session.retire();
    this.#leave(true);
  }

  move(healthy: boolean): void {
    const { task } = this;
    if (task === undefined) return;
    if (task.moved) {
      this.fail('closed', healthy);
      return;
    }
    task.moved = true;
    this.#leave(false);
    this.#host.displaced(task);
  }

  fail(failure: MirrorFailure, healthy = false): void {
    const { task } = this;
    if (task === undefined) return;
    this.#leave(false);
    this.#host.failed(task, failure, healthy);
  }

  headers(fields: readonly Field[] | undefined, endStream: boolean): void {
    if (fields === undefined) return this.#refuse('malformed');
    if (this.#answer !== undefined) {
      const trailers = endStream ? trailersOf(fields) : undefined;
      if (trailers === undefined) this.#refuse('malformed');
      else this.#finish(trailers);
      return;
    }
    const head = Http2ResponseHead.of(fields);
    // 101 has no meaning here (RFC 9113 §8.6).
    if (head === undefined || head.status === 101) return this.#refuse('malformed');
    if (head.status < 200) {
      if (endStream) this.#refuse('malformed');
      return;
    }
    this.#begun(head, endStream);
  }

  data(chunk: Uint8Array): void {
    const { task } = this;
    if (this.#answer === undefined || task === undefined) return this.#refuse('malformed');
    this.#body.copy(chunk, this.#host.slab);
    this.#host.stats.bufferedBytes += chunk.length;
    if (mayKeep(this.#host, task, this.#body.bytes)) return;
    if (mayBeCut(this.#answer)) this.cut();
    else this.#refuse('answer_too_large');
  }

  end(): void {
    if (this.#answer === undefined) this.#refuse('malformed');
    else this.#finish(undefined);
  }

  /** Sends the head, and the end with it where there is nothing more. @returns false when the copy is over */
  #begin(task: CopyTask): boolean {
    if (task.protocol !== 'http2' && !this.#host.rewrite(task, 'http2')) return false;
    const block = task.takeHead();
    if (block === undefined) return false;
    const { stats } = this.#host;
    this.#reads = this.#session.reads;
    task.sent = true;
    stats.mirrored++;
    this.#startMicros = this.#host.micros();
    this.#ended = task.ended && task.pendingBytes === 0 && this.#trailersOf(task) === '';
    this.#session.submit(this, block, this.#ended);
    return true;
  }

  #sendBody(task: CopyTask): void {
    const session = this.#session;
    while (task.pendingBytes > 0) {
      if (session.blocked) return session.await(this);
      const room = Math.min(this.window, session.room);
      if (room <= 0) {
        if (this.window > 0) session.await(this);
        return;
      }
      const part = task.takePart(Math.min(room, DEFAULT_FRAME_BYTES));
      if (part === undefined) break;
      this.#ended = task.ended && task.pendingBytes === 0 && this.#trailersOf(task) === '';
      this.window -= part.length;
      session.sendData(this, part, this.#ended);
    }
    if (this.#ended || !task.ended) return;
    this.#ended = true;
    const trailers = this.#trailersOf(task);
    if (trailers === '') session.sendData(this, NOTHING, true);
    else session.sendTrailers(this, trailers);
  }

  #trailersOf({ trailers }: CopyTask): string {
    this.#trailerBlock ??= this.#host.trailerBlock(trailers);
    return this.#trailerBlock;
  }

  #begun(head: Http2ResponseHead, endStream: boolean): void {
    this.#answer = head;
    this.#firstByteMicros = this.#session.micros;
    const bodiless = this.#bodiless(head);
    const length = bodiless ? undefined : head.header('content-length');
    if (bodiless) this.#length = 0;
    else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) return this.#refuse('malformed');
      this.#length = Number(length);
      if (this.#length > this.#host.bodyBytesMax) return this.#refuse('answer_too_large');
    }
    if (endStream) this.#finish(undefined);
    else if (this.#length < 0 && this.task?.unwanted === true) this.cut();
  }

  /** Whether a length says what would have been sent (RFC 9110 §8.6). */
  #bodiless({ status }: Http2ResponseHead): boolean {
    return status === 304 || status === 204 || this.task?.request.head.method === 'HEAD';
  }

  #finish(trailers: readonly Field[] | undefined, truncated = false): void {
    const { task } = this;
    const head = this.#answer;
    if (task === undefined || head === undefined) return;
    const bodyBytes = this.#body.bytes;
    // RFC 9113 §8.1.1
    if (this.#length >= 0 && this.#length !== bodyBytes && !truncated) return this.#refuse('malformed');
    const answer: MirrorAnswer = {
      head,
      body: this.#body.take(),
      bodyBytes,
      truncated,
      trailers,
      startMicros: this.#startMicros,
      firstByteMicros: this.#firstByteMicros,
      endMicros: this.#session.micros,
    };
    this.#host.stats.bufferedBytes -= bodyBytes;
    // What the mirror has answered before it had it all it is not to take as whole.
    this.#leave(!this.#ended || truncated);
    this.#host.answered(this, task, answer, true);
  }

  /** The answer is not one; the session may go on. */
  #refuse(failure: MirrorFailure): void {
    const { task } = this;
    if (task === undefined) return;
    this.#leave(true);
    this.#host.failed(task, failure);
  }

  #leave(reset: boolean): void {
    this.task = undefined;
    this.#answer = undefined;
    this.#host.stats.bufferedBytes -= this.#body.bytes;
    this.#body.take();
    this.#session.leave(this, reset);
  }
}

const NOTHING = new Uint8Array();
