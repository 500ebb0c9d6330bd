import { epochMicros, systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';
import { Slab } from '../kit/slab.ts';
import type { Copy, CopyOutcome, CopyRequest, MirrorAnswer } from '../model/copy.ts';
import type { MirrorFailure, NotMirroredReason } from '../model/exchange.ts';
import type { MessageRedaction } from '../model/message-redaction.ts';
import type { Limits, MirrorSettings, Policy, Rewrite } from '../model/policy.ts';
import { createBodyRedaction, queryMessage } from './body-redaction.ts';
import type { BodyRedaction } from './body-redaction.ts';
import { Breaker } from './breaker.ts';
import type { BreakerResult } from './breaker.ts';
import { moveTo } from './carrier.ts';
import type { Carrier, CarrierHost, CarrierPool, CopyProtocol } from './carrier.ts';
import { CopyTask } from './copy-task.ts';
import type { CopyHost } from './copy-task.ts';
import { deadlineOf } from './deadline.ts';
import type { Field } from './field-rules.ts';
import { createMarker } from './marker.ts';
import type { Marker } from './marker.ts';
import { createOrigin } from './origin.ts';
import { NegotiatingPool } from './negotiating-pool.ts';
import { LiveOrder } from './order.ts';
import { ConnectionPool } from './pool.ts';
import { Rates } from './rates.ts';
import { compileRewrite } from './rewrite.ts';
import type { RequestRewriter } from './rewrite.ts';
import { SessionPool } from './session-pool.ts';
import { countAnswer, createMirrorStats } from './stats.ts';
import { WebSockets, webSocketForms } from './web-sockets.ts';
import type { BreakerState, MirrorStats } from './stats.ts';

export interface MirrorOptions {
  /** Name of the policy. */
  readonly policy: string;
  readonly mirror: MirrorSettings;
  readonly limits: Limits;
  readonly rewrite: Rewrite;
  readonly order: Policy['order'];
  /** What is known of Protobuf messages, where they are to be redacted. */
  readonly messages?: MessageRedaction | undefined;
  /** Secret by which copies are known again. */
  readonly markerKey: Uint8Array;
  /** Closes everything at once. */
  readonly signal?: AbortSignal;
  /** The breaker's state has changed; with the last failure so far. */
  readonly onStateChange?: (state: BreakerState, lastFailure: MirrorFailure | undefined) => void;
  readonly clock?: Clock;
  /** Microseconds since the Unix epoch, for the times of answers. */
  readonly micros?: () => number;
}

/** How often deadlines are looked at: one timer for all copies. A timeout is late by at most this, ms. */
const SWEEP_MAX_MS = 100;
const SWEEP_MIN_MS = 5;
/** A body that comes in one turn of the event loop is written in portions of at least this, bytes. */
const FLUSH_BYTES = 64 * 1024;

/**
 * Sends the copies of one policy to one mirror, within limits, and hands back its answers. A copy is never sent twice, and
 * nothing a mirror does can make `copy` or a copy's methods throw, wait, or keep more than `limits` allow.
 */
export class Mirror implements AsyncDisposable {
  readonly name: string;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #stats = createMirrorStats();
  readonly #rewriter: RequestRewriter;
  readonly #marker: Marker;
  readonly #redaction: BodyRedaction | undefined;
  /** A message in a query is not looked into. */
  readonly #holdsQueries: boolean;
  readonly #breaker: Breaker;
  readonly #rates: Rates;
  readonly #order: LiveOrder | undefined;
  readonly #pool: CarrierPool;
  readonly #webSockets: WebSockets;
  readonly #copyHost: CopyHost;
  /** Copies without a connection, and those of them that only lack one. */
  readonly #waiting = new Set<CopyTask>();
  readonly #queue: CopyTask[] = [];
  /** What has something to flush at the end of this turn. */
  #unflushed: Carrier[] = [];
  #stopSweeping: (() => void) | undefined;
  /** The queue is being worked off; what becomes ready meanwhile is taken in the same go. */
  #starting = false;
  #closed = false;
  #lastFailure: MirrorFailure | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#close();

  /** @throws UserError when the TLS files or the rewriting cannot be used */
  constructor(options: MirrorOptions) {
    const { mirror, limits, rewrite, clock = systemClock } = options;
    const origin = createOrigin(mirror, clock);
    this.name = mirror.name;
    this.#limits = limits;
    this.#clock = clock;
    this.#marker = createMarker(options.markerKey, options.policy, mirror.name);
    this.#rewriter = compileRewrite(
      rewrite,
      this.#marker.mirror,
      origin.host,
      origin.tls === undefined ? 'http' : 'https',
    );
    const { redact } = rewrite;
    const { messages } = options;
    this.#redaction = createBodyRedaction({
      redact,
      messages,
      side: 'request',
      messageBytes: limits.bodyBytes,
    });
    this.#holdsQueries = this.#redaction !== undefined && redact.unknownMessages !== 'copy';
    this.#order = options.order === 'connection' ? new LiveOrder() : undefined;
    this.#rates = new Rates(limits, clock.monotonic());
    this.#breaker = new Breaker(limits.breaker, (state) => {
      this.#stats.breaker = state;
      if (state === 'open') this.#startQueued();
      options.onStateChange?.(state, this.#lastFailure);
    });
    this.#copyHost = {
      stats: this.#stats,
      bodyBytesMax: limits.bodyBytes,
      joins: !origin.priorKnowledge && origin.tls === undefined,
      grown: (task, bytes) => this.#grown(task, bytes),
      whole: (task, trailers) => this.#whole(task, trailers),
      giveUp: (task, reason) => this.#giveUp(task, reason),
      liveOver: (task) => {
        if (task.connection === undefined) return;
        task.deadlineMs = deadlineOf(task.request, clock.monotonic(), limits.timeoutMs);
      },
      cut: (task) => {
        if (task.connection === undefined) this.#giveUp(task, 'client_closed');
        else task.connection.cut();
      },
    };
    const carrierHost: CarrierHost = {
      origin,
      stats: this.#stats,
      bodyBytesMax: limits.bodyBytes,
      bufferBytesMax: limits.bufferBytes,
      slab: new Slab(),
      micros: options.micros ?? epochMicros,
      nowMs: () => clock.monotonic(),
      session: undefined,
      rewrite: (task, protocol) => this.#rewritten(task, protocol),
      trailerBlock: (trailers) => this.#rewriter.trailerBlock(trailers),
      answered: (carrier, task, answer, reusable) => this.#answered(carrier, task, answer, reusable),
      failed: (task, failure, healthy) => this.#failed(task, failure, healthy),
      displaced: (task) => moveTo(this.#pool.take(), task),
      resized: () => {
        this.#stats.openConnections = this.#pool.size;
      },
    };
    this.#pool = openPool(carrierHost);
    this.#webSockets = new WebSockets({
      origin,
      pool: this.#pool,
      stats: this.#stats,
      limits,
      redaction: this.#redaction,
      micros: carrierHost.micros,
      nowMs: carrierHost.nowMs,
      charge: (bytes) => this.#rates.charge(bytes),
      over: ({ onDone }, pass, end) => {
        if (end.kind === 'failed') this.#countFailure(end.failure);
        this.#breaker.settle(pass, resultOf(end), clock.monotonic());
        onDone(end);
      },
    });
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#onAbort);
    if (this.#signal?.aborted === true) this.#close();
  }

  get stats(): MirrorStats {
    return this.#stats;
  }

  /** Whether a copy is under way or waits. */
  get busy(): boolean {
    return this.#stats.inFlight > 0 || this.#waiting.size > 0 || this.#webSockets.size > 0;
  }

  /** Begins a copy of a request whose head is known, or says why there will be none. */
  copy(request: CopyRequest): Copy | NotMirroredReason {
    const { body, head } = request;
    if (this.#closed) return 'paused';
    if (request.webSocket === true) return this.#copyWebSocket(request);
    if (typeof body === 'number' && body > this.#limits.bodyBytes) return 'body_too_large';
    const treatment = body === 'none' || body === 0 ? undefined : this.#redaction?.treatment(head);
    if (treatment?.kind === 'refuse' || (this.#holdsQueries && queryMessage(head.query)))
      return 'redaction_failed';
    const collects = treatment?.kind === 'collect';
    if (!this.#hasRoom(collects)) return 'queue_full';
    const nowMs = this.#clock.monotonic();
    const pass = this.#breaker.admit(nowMs);
    if (pass === undefined) return 'breaker_open';
    const transform = treatment?.kind === 'transform' ? treatment.begin() : undefined;
    const task = new CopyTask(this.#copyHost, request, pass, transform);
    task.collecting = collects;
    const flaw = this.#prepare(task, body, nowMs);
    if (flaw !== undefined) {
      this.#breaker.settle(pass, 'neutral', nowMs);
      return flaw;
    }
    this.#enter(task, nowMs);
    return task;
  }

  /** Ends everything at once; copies under way fail with `shutdown`. Resolves when every socket is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await Promise.all([this.#pool.empty(), this.#webSockets.empty()]);
  }

  #copyWebSocket(request: CopyRequest): Copy | NotMirroredReason {
    if (!this.#webSockets.hasRoom || this.#stats.bufferedBytes > this.#limits.bufferBytes)
      return 'queue_full';
    const nowMs = this.#clock.monotonic();
    const mark = this.#marker.id(request.id, this.#clock.now());
    const forms = webSocketForms(this.#rewriter, request.head, mark);
    if (forms === undefined) return 'ambiguous';
    const pass = this.#breaker.admit(nowMs);
    if (pass === undefined) return 'breaker_open';
    if (!this.#rates.admit(forms.upgrade.text.length, nowMs)) {
      this.#breaker.settle(pass, 'neutral', nowMs);
      return 'rate_limited';
    }
    this.#startSweeping();
    return this.#webSockets.start(request, forms, pass);
  }

  #hasRoom(collects: boolean): boolean {
    const { concurrency, queue, bufferBytes } = this.#limits;
    if (this.#stats.bufferedBytes > bufferBytes) return false;
    // A copy that collects its body does not wait for a place yet; no more of them than have a place or may wait.
    if (collects) return this.#waiting.size < queue + concurrency;
    if (this.#waiting.size < queue) return true;
    const unqueued = this.#order === undefined ? this.#queue.length === 0 : this.#waiting.size === 0;
    return unqueued && this.#stats.inFlight < concurrency;
  }

  /** Writes the head and takes what the copy costs from the rates. */
  #prepare(task: CopyTask, body: CopyRequest['body'], nowMs: number): NotMirroredReason | undefined {
    if (task.collecting) return this.#rates.admit(0, nowMs) ? undefined : 'rate_limited';
    this.#writeHead(task, this.#pool.protocol);
    if (task.head === undefined) return 'ambiguous';
    const bytes = task.head.length + (typeof body === 'number' ? body : 0);
    return this.#rates.admit(bytes, nowMs) ? undefined : 'rate_limited';
  }

  #writeHead(task: CopyTask, protocol: CopyProtocol): void {
    const { id, head } = task.request;
    const mark = this.#marker.id(id, this.#clock.now());
    const { body } = task;
    task.protocol = protocol;
    task.head =
      protocol === 'http2' ? this.#rewriter.block(head, body, mark) : this.#rewriter.head(head, body, mark);
  }

  /** The mirror speaks something else than it did when the head was written, and nothing has gone out. */
  #rewritten(task: CopyTask, protocol: CopyProtocol): boolean {
    this.#writeHead(task, protocol);
    this.#frameEnd(task);
    if (task.head !== undefined) return true;
    this.#giveUp(task, 'ambiguous');
    return false;
  }

  #frameEnd(task: CopyTask): void {
    const isFramed = task.protocol === 'http1' && task.chunked && task.ended;
    task.lastChunk = isFramed ? this.#rewriter.lastChunk(task.trailers) : undefined;
  }

  /** Gives a new copy its place. */
  #enter(task: CopyTask, nowMs: number): void {
    this.#startSweeping();
    this.#order?.enter(task);
    const waits = task.collecting || task.predecessor !== undefined;
    if (!waits && this.#stats.inFlight < this.#limits.concurrency) {
      this.#start(task, nowMs);
      return;
    }
    task.deadlineMs = nowMs + this.#limits.timeoutMs;
    task.hold(task.pendingBytes);
    this.#waiting.add(task);
    this.#stats.queued = this.#waiting.size;
    if (!waits) this.#queue.push(task);
  }

  #startSweeping(): void {
    this.#stopSweeping ??= this.#clock.every(
      Math.min(SWEEP_MAX_MS, Math.max(SWEEP_MIN_MS, this.#limits.timeoutMs / 10)),
      () => this.#sweep(),
    );
  }

  #start(task: CopyTask, nowMs: number): void {
    task.startMs = nowMs;
    task.deadlineMs = deadlineOf(task.request, nowMs, this.#limits.timeoutMs);
    task.connection = this.#pool.take();
    this.#stats.inFlight++;
    task.connection.begin(task);
    if (task.ended) task.connection.flush();
    else this.#flushSoon(task.connection);
  }

  /** A waiting copy lacks nothing but a connection. */
  #ready(task: CopyTask): void {
    this.#queue.push(task);
    this.#startQueued();
  }

  /** Starts what waits while there are places; while the breaker is open, gives it up. */
  #startQueued(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (this.#breaker.state === 'open' || this.#stats.inFlight < this.#limits.concurrency) {
      const task = this.#queue.shift();
      if (task === undefined) break;
      if (task.pass === 'pass' && this.#breaker.state !== 'closed') {
        this.#giveUp(task, 'breaker_open');
        continue;
      }
      this.#waiting.delete(task);
      this.#stats.queued = this.#waiting.size;
      this.#start(task, this.#clock.monotonic());
    }
    this.#starting = false;
  }

  #grown(task: CopyTask, bytes: number): void {
    const { connection } = task;
    if (task.collecting || task.request.body === 'chunked') this.#rates.charge(bytes);
    if (connection !== undefined) {
      if (task.pendingBytes >= FLUSH_BYTES) connection.flush();
      else this.#flushSoon(connection);
    }
    if (this.#stats.bufferedBytes > this.#limits.bufferBytes) this.#giveUp(task, 'queue_full');
  }

  /** What comes within one turn of the event loop goes out together: head, body and end of a small request in one write. */
  #flushSoon(connection: Carrier): void {
    if (connection.flushSoon) return;
    connection.flushSoon = true;
    if (this.#unflushed.push(connection) === 1) process.nextTick(() => this.#flushAll());
  }

  #flushAll(): void {
    const connections = this.#unflushed;
    this.#unflushed = [];
    for (const connection of connections) {
      connection.flushSoon = false;
      connection.flush();
    }
  }

  #whole(task: CopyTask, trailers: readonly Field[] | undefined): void {
    if (task.collecting) {
      this.#collected(task);
      return;
    }
    task.trailers = trailers;
    if (task.chunked) this.#frameEnd(task);
    task.connection?.flush();
  }

  #collected(task: CopyTask): void {
    const { head } = task.request;
    const body = this.#redaction?.redact(head, task.takeBody());
    if (body === undefined) {
      this.#giveUp(task, 'redaction_failed');
      return;
    }
    task.replaceBody(body);
    this.#writeHead(task, this.#pool.protocol);
    if (task.head === undefined) {
      this.#giveUp(task, 'ambiguous');
      return;
    }
    this.#rates.charge(task.head.length);
    task.hold(task.head.length);
    task.collecting = false;
    if (task.predecessor !== undefined) return;
    const { concurrency, queue } = this.#limits;
    if (this.#queue.length >= queue && this.#stats.inFlight >= concurrency) this.#giveUp(task, 'queue_full');
    else this.#ready(task);
  }

  #answered(carrier: Carrier, task: CopyTask, answer: MirrorAnswer, reusable: boolean): void {
    const nowMs = this.#clock.monotonic();
    countAnswer(this.#stats, answer, task.request.head.method);
    if (reusable && !this.#closed) carrier.free(nowMs);
    else carrier.drop();
    this.#over(task, 'good', { kind: 'answered', answer }, nowMs);
  }

  #failed(task: CopyTask, failure: MirrorFailure, healthy = false): void {
    this.#countFailure(failure);
    const outcome: CopyOutcome = { kind: 'failed', failure, sent: task.sent };
    this.#over(task, healthy ? 'neutral' : resultOf(outcome), outcome);
  }

  #countFailure(failure: MirrorFailure): void {
    this.#stats.failures[failure]++;
    this.#lastFailure = failure;
  }

  #giveUp(task: CopyTask, reason: NotMirroredReason): void {
    if (task.over) return;
    this.#stats.notMirrored[reason]++;
    this.#over(task, 'neutral', { kind: 'not_mirrored', reason });
  }

  #over(task: CopyTask, result: BreakerResult, outcome: CopyOutcome, nowMs = this.#clock.monotonic()): void {
    task.over = true;
    task.release();
    const { connection } = task;
    if (connection === undefined) {
      this.#waiting.delete(task);
      this.#stats.queued = this.#waiting.size;
      const at = this.#queue.indexOf(task);
      if (at !== -1) this.#queue.splice(at, 1);
    } else {
      task.connection = undefined;
      this.#stats.inFlight--;
      // A copy that was given up half-way must not be taken as whole.
      if (connection.task === task) connection.drop();
    }
    this.#breaker.settle(task.pass, result, nowMs);
    const next = this.#order?.leave(task);
    if (next !== undefined && !next.collecting && !this.#closed) this.#ready(next);
    if (!this.#closed) this.#startQueued();
    task.request.onDone(outcome);
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonic();
    for (const carrier of this.#pool.carriers()) {
      const { task } = carrier;
      if (task === undefined || nowMs < task.deadlineMs) continue;
      if (carrier.endless || (task.liveOpen && carrier.ready)) {
        const endMs = task.startMs + this.#limits.streamTimeoutMs;
        if (nowMs < endMs) {
          task.deadlineMs = endMs;
          continue;
        }
        carrier.cut();
        // Without a head there is nothing to cut.
        if (task.over) continue;
      }
      if (!carrier.ready) this.#failed(task, 'connect_timeout');
      else if (!task.ended && carrier.caughtUp) this.#giveUp(task, 'client_slow');
      else this.#failed(task, 'timeout');
    }
    for (const task of this.#waiting) {
      if (nowMs >= task.deadlineMs) this.#giveUp(task, task.collecting ? 'client_slow' : 'queue_full');
    }
    this.#webSockets.sweep(nowMs);
    this.#pool.sweep(nowMs);
    if (this.#pool.size > 0 || this.busy) return;
    this.#stopSweeping?.();
    this.#stopSweeping = undefined;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#stopSweeping?.();
    for (const task of this.#waiting) this.#failed(task, 'shutdown');
    for (const { task } of this.#pool.carriers()) if (task !== undefined) this.#failed(task, 'shutdown');
    this.#pool.destroy();
    this.#webSockets.destroy();
  }
}

/** What an outcome says about the mirror's health: an answer that is too large, and an end of ours, nothing against it. */
function resultOf(outcome: CopyOutcome): BreakerResult {
  if (outcome.kind === 'not_mirrored') return 'neutral';
  if (outcome.kind === 'answered' || outcome.failure === 'answer_too_large') return 'good';
  return outcome.failure === 'shutdown' ? 'neutral' : 'bad';
}

/** What the mirror's address says that it speaks. */
function openPool(host: CarrierHost): CarrierPool {
  const { priorKnowledge, tls } = host.origin;
  if (priorKnowledge) return new SessionPool(host);
  return tls === undefined ? new ConnectionPool(host) : new NegotiatingPool(host);
}
