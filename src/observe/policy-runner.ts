import { zeroCounts } from '../kit/counts.ts';
import { createHistogram, record } from '../kit/histogram.ts';
import type { Histogram } from '../kit/histogram.ts';
import { safeRequest } from '../model/method.ts';
import { NOT_MIRRORED_REASONS } from '../model/exchange.ts';
import type { Connection, Exchange, NotMirroredReason, RequestHead } from '../model/exchange.ts';
import type { Copy, CopyOutcome, CopyRequest } from '../model/copy.ts';
import { mayBeCut, mayStream } from '../model/endless.ts';
import type { CompiledPolicy } from '../model/match.ts';
import type { PairCounts } from '../model/status.ts';
import { asksForWebSocket, wantsWebSocket } from '../wire/websocket/handshake.ts';
import type { ExchangeSink, LiveExchange } from './exchange.ts';

/** Where copies of one policy go: a mirror, or the control. */
export interface CopyTarget {
  readonly name: string;
  /** Starts a copy, or says why not. */
  copy(request: CopyRequest): Copy | NotMirroredReason;
}

export interface RunningPolicy {
  readonly name: string;
  readonly compiled: CompiledPolicy;
  readonly included: (request: RequestHead, connection: Connection) => boolean;
  readonly holdWrites: boolean;
  /** Paths of gRPC and Connect methods that are no writes, `/package.Service/Method`. */
  readonly safeCalls: ReadonlySet<string>;
  /** Messages that are kept of the primary in a WebSocket connection; undefined: none is copied. */
  readonly messages: number | undefined;
  readonly targets: readonly RunningTarget[];
  /** The longest answer that is kept to compare it, bytes. */
  readonly bodyBytes: number;
  readonly counts: PolicyCounts;
  /** How long the primary took for requests that match. */
  readonly primary: Histogram;
  readonly judge: PolicyJudge;
  paused: boolean;
}

export interface RunningTarget {
  readonly target: CopyTarget;
  /** `repeat`: the primary once more. */
  readonly role: 'mirror' | 'control' | 'repeat';
  /** Which of the policy's requests it gets; undefined: all. */
  readonly wants: ((request: RequestHead) => boolean) | undefined;
  readonly counts: TargetCounts;
}

/** What becomes of a policy's answers. */
export interface PolicyJudge {
  /** A write is held back: what the mirror knows of its resource is old from now on. */
  held(request: RequestHead): void;
  /**
   * The primary and all mirrors are done with a request. Counts the pair of each copy.
   *
   * @param body the primary's answer, content without framing, in the pieces it came in
   * @param cut the answer was too long to be kept, or was not seen whole
   * @param truncated the answer may have no end, and is compared as far as it has come (see `mayBeCut`), whatever
   *   the exchange says about not being whole
   */
  settled(
    exchange: Exchange,
    body: readonly Uint8Array[],
    cut: boolean,
    copies: readonly SettledCopy[],
    truncated?: boolean,
  ): void;
}

export interface SettledCopy {
  readonly running: RunningTarget;
  /** Undefined: no copy was begun. */
  readonly outcome: CopyOutcome | undefined;
}

export interface PolicyCounts {
  matched: number;
  sampled: number;
}

export interface TargetCounts {
  /** Requests that no copy was begun of, by reason. Those given up later are counted by the target itself. */
  readonly notMirrored: Record<NotMirroredReason, number>;
  readonly pairs: Record<keyof PairCounts, number>;
  /** Those of `pairs` that were compared as far as both sides had come. */
  truncated: number;
  /** How long it took to answer copies. */
  readonly durations: Histogram;
}

export function createTargetCounts(): TargetCounts {
  return {
    notMirrored: zeroCounts(NOT_MIRRORED_REASONS),
    pairs: { same: 0, different: 0, incomplete: 0 },
    truncated: 0,
    durations: createHistogram(),
  };
}

export interface PolicyRunnerOptions {
  /** Whether a request is a copy that this program made. */
  readonly isOwnCopy: (request: RequestHead) => boolean;
  /** Answers of the primary kept for comparison, over all exchanges, bytes. */
  readonly keptBytes: number;
}

/** What is kept with an exchange that a policy matched. */
interface Attachment {
  readonly matched: RunningPolicy[];
  readonly copies: CopyInProgress[];
  /** Copies that are not over. */
  pending: number;
  readonly body: Uint8Array[];
  bodyBytes: number;
  /** The answer is too long to be kept, or was not seen whole. */
  cut: boolean;
  bodyLimit: number;
  /** The answer may have no end, and no more of it is kept. */
  truncated: boolean;
  readonly webSocket: boolean;
  messageLimit: number;
  over: boolean;
}

interface CopyInProgress extends SettledCopy {
  readonly policy: RunningPolicy;
  readonly running: RunningTarget;
  copy: Copy | undefined;
  outcome: CopyOutcome | undefined;
}

/** Applies the policies of a tap to its exchanges: what is copied where, and what both sides answered. */
export class PolicyRunner implements ExchangeSink {
  /** Those of the tap, in the order of the configuration. */
  policies: readonly RunningPolicy[] = [];
  /** Exchanges that are whole by all that is known, on connections of which something had to be guessed. */
  guessed = 0;
  readonly #options: PolicyRunnerOptions;
  #keptBytes = 0;

  constructor(options: PolicyRunnerOptions) {
    this.#options = options;
  }

  request(exchange: LiveExchange): void {
    let attachment: Attachment | undefined;
    for (const policy of this.policies) {
      if (!policy.compiled.matches(exchange.request, exchange.connection)) {
        refuse(policy, 'not_matched');
        continue;
      }
      attachment ??= createAttachment(wantsWebSocket(exchange.request));
      attachment.matched.push(policy);
      const reason = decide(policy, exchange, attachment.webSocket, this.#options.isOwnCopy);
      if (reason === undefined) this.#start(policy, exchange, attachment);
      else refuse(policy, reason);
    }
    if (attachment === undefined) return;
    exchange.attachment = attachment;
    if (attachment.copies.length === 0) return;
    exchange.followRequest = exchange.requestBody !== 'none' || attachment.webSocket;
    exchange.followResponse = true;
  }

  requestBody(exchange: LiveExchange, chunk: Uint8Array): void {
    for (const { copy } of copiesOf(exchange)) copy?.write(chunk);
  }

  requestGap(exchange: LiveExchange): void {
    // Who leaves has had enough of an answer without end: that is how it ends.
    const { response } = exchange;
    if (exchange.requestDone && response !== undefined && mayBeCut(response)) return;
    for (const { copy } of copiesOf(exchange))
      copy?.abort(exchange.incomplete === 'client_closed' ? 'client_closed' : 'tape_gap');
  }

  requestEnd(exchange: LiveExchange, trailers: readonly (readonly [string, string])[] | undefined): void {
    // The client has yet to speak.
    if (attachmentOf(exchange)?.webSocket === true) return;
    for (const { copy } of copiesOf(exchange)) copy?.end(trailers);
  }

  response(exchange: LiveExchange): void {
    const { response } = exchange;
    const copies = copiesOf(exchange);
    if (copies.length > 0 && response !== undefined && mayStream(response))
      for (const { copy } of copies) copy?.answering();
  }

  responseBody(exchange: LiveExchange, chunk: Uint8Array): void {
    const attachment = attachmentOf(exchange);
    if (attachment === undefined || attachment.cut || attachment.truncated) return;
    // Behind a gap it is not the same any more.
    if (exchange.incomplete !== undefined) return;
    const bytes = attachment.bodyBytes + chunk.length;
    if (
      bytes > attachment.bodyLimit ||
      this.#keptBytes + chunk.length > this.#options.keptBytes ||
      (attachment.webSocket && attachment.body.length >= attachment.messageLimit)
    ) {
      exchange.followResponse = false;
      if (isEndless(exchange)) this.#truncate(exchange, attachment);
      else {
        this.#forget(attachment);
        attachment.cut = true;
      }
      return;
    }
    attachment.body.push(Buffer.from(chunk));
    attachment.bodyBytes = bytes;
    this.#keptBytes += chunk.length;
  }

  done(exchange: LiveExchange): void {
    if (exchange.connection.guessed === true && exchange.incomplete === undefined) this.guessed++;
    const attachment = attachmentOf(exchange);
    if (attachment === undefined) return;
    if (exchange.incomplete === undefined && !attachment.webSocket) {
      const { requestStart, responseEnd } = exchange.times;
      for (const { primary } of attachment.matched) record(primary, responseEnd - requestStart);
    }
    if (attachment.copies.length === 0) return;
    if (!exchange.requestDone) for (const { copy } of attachment.copies) copy?.abort(abortReason(exchange));
    // Not before: the last abort would settle what is settled here.
    attachment.over = true;
    if (attachment.pending === 0) this.#settle(exchange, attachment);
    else if (endedEarly(exchange, attachment)) for (const { copy } of attachment.copies) copy?.cut();
    else {
      const isWhole = exchange.incomplete === undefined && !attachment.cut;
      const bytes = isWhole ? attachment.bodyBytes : Infinity;
      for (const { copy } of attachment.copies) copy?.answered(bytes);
    }
  }

  ambiguous(): void {
    for (const policy of this.policies) refuse(policy, 'ambiguous');
  }

  shed(): void {
    for (const policy of this.policies) refuse(policy, 'overload');
  }

  #start(policy: RunningPolicy, exchange: LiveExchange, attachment: Attachment): void {
    attachment.bodyLimit = Math.max(attachment.bodyLimit, policy.bodyBytes);
    attachment.messageLimit = Math.max(attachment.messageLimit, policy.messages ?? 0);
    const { targets } = policy;
    const first = targets.length === 1 ? 0 : turnOf(policy.counts.sampled) % targets.length;
    for (let i = 0; i < targets.length; i++) {
      const running = targets[(first + i) % targets.length] as RunningTarget;
      if (running.wants?.(exchange.request) === false) continue;
      // Whatever the client says would be said to the primary twice.
      if (attachment.webSocket && running.role === 'repeat') continue;
      const inProgress: CopyInProgress = { policy, running, copy: undefined, outcome: undefined };
      const started = running.target.copy({
        id: exchange.id,
        head: exchange.request,
        body: exchange.requestBody,
        webSocket: attachment.webSocket,
        connectionId: exchange.connection.id,
        onDone: (outcome) => this.#answered(exchange, attachment, inProgress, outcome),
      });
      if (typeof started === 'string') {
        running.counts.notMirrored[started]++;
        continue;
      }
      inProgress.copy = started;
      attachment.copies.push(inProgress);
      attachment.pending++;
    }
  }

  #answered(
    exchange: LiveExchange,
    attachment: Attachment,
    inProgress: CopyInProgress,
    outcome: CopyOutcome,
  ): void {
    inProgress.outcome = outcome;
    inProgress.copy = undefined;
    attachment.pending--;
    if (attachment.pending > 0) return;
    if (attachment.over) this.#settle(exchange, attachment);
    else if (attachment.truncated || attachment.copies.some(isTruncated)) {
      if (isEndless(exchange)) this.#truncate(exchange, attachment);
    }
  }

  /** No more is kept of an answer that may have no end; once no copy is under way either, what there is is compared. */
  #truncate(exchange: LiveExchange, attachment: Attachment): void {
    attachment.truncated = true;
    exchange.followResponse = false;
    if (attachment.pending > 0) return;
    exchange.followRequest = false;
    this.#settle(exchange, attachment);
  }

  /** The primary and every mirror are done with this request. */
  #settle(exchange: LiveExchange, attachment: Attachment): void {
    const { copies, body, cut } = attachment;
    const truncated = attachment.truncated || (exchange.incomplete !== undefined && isEndless(exchange));
    for (const { running, outcome } of copies) {
      if (outcome?.kind !== 'answered' || exchange.incomplete !== undefined || cut) continue;
      if (truncated || attachment.webSocket || outcome.answer.truncated === true) continue;
      record(running.counts.durations, outcome.answer.endMicros - outcome.answer.startMicros);
    }
    // The copies of one policy stand together.
    for (let from = 0; from < copies.length;) {
      const policy = copies[from]?.policy;
      let to = from + 1;
      while (to < copies.length && copies[to]?.policy === policy) to++;
      const all = from === 0 && to === copies.length;
      policy?.judge.settled(exchange, body, cut, all ? copies : copies.slice(from, to), truncated);
      from = to;
    }
    this.#forget(attachment);
    exchange.attachment = undefined;
  }

  #forget(attachment: Attachment): void {
    this.#keptBytes -= attachment.bodyBytes;
    attachment.bodyBytes = 0;
    attachment.body.length = 0;
  }
}

/** Why no copy of a request that the policy matches is to be made; undefined when one is. */
function decide(
  policy: RunningPolicy,
  { request, connection }: LiveExchange,
  webSocket: boolean,
  isOwnCopy: (request: RequestHead) => boolean,
): NotMirroredReason | undefined {
  policy.counts.matched++;
  if (isOwnCopy(request)) return 'loop';
  if (!policy.included(request, connection)) return 'not_sampled';
  policy.counts.sampled++;
  if (request.method === 'CONNECT') return 'upgrade';
  if (webSocket && (policy.messages === undefined || !asksForWebSocket(request))) return 'upgrade';
  if (policy.holdWrites && !safeRequest(request, policy.safeCalls)) {
    policy.judge.held(request);
    return 'unsafe_method';
  }
  return policy.paused ? 'paused' : undefined;
}

/**
 * Who is asked first answers from a younger state, so that a mirror that always came before the control would differ by
 * that alone. Scattered, lest the turns follow a rhythm of the traffic.
 */
function turnOf(request: number): number {
  return Math.imul(request, 0x9e3779b1) >>> 16;
}

function refuse({ targets }: RunningPolicy, reason: NotMirroredReason): void {
  for (const { counts } of targets) counts.notMirrored[reason]++;
}

function createAttachment(webSocket: boolean): Attachment {
  return {
    matched: [],
    copies: [],
    pending: 0,
    body: [],
    bodyBytes: 0,
    cut: false,
    bodyLimit: 0,
    truncated: false,
    webSocket,
    messageLimit: 0,
    over: false,
  };
}

function isEndless({ response }: LiveExchange): boolean {
  return response !== undefined && mayBeCut(response);
}

function isTruncated({ outcome }: CopyInProgress): boolean {
  return outcome?.kind === 'answered' && outcome.answer.truncated === true;
}

/** Whether the live answer ended without coming to an end, so that nobody waits for that of a mirror. */
function endedEarly(exchange: LiveExchange, attachment: Attachment): boolean {
  const { incomplete, response, responseDone } = exchange;
  if (attachment.webSocket) return incomplete !== undefined || response?.status !== 101;
  if (incomplete === undefined || response === undefined || responseDone) return false;
  return response.header('content-length') === undefined;
}

function abortReason(exchange: LiveExchange): NotMirroredReason {
  if (exchange.incomplete === 'ambiguous') return 'ambiguous';
  return exchange.incomplete === 'tape_gap' ? 'tape_gap' : 'client_closed';
}

function attachmentOf(exchange: LiveExchange): Attachment | undefined {
  // Only `request` above sets it, and only to this type.
  return exchange.attachment as Attachment | undefined;
}

const NONE: readonly CopyInProgress[] = [];

function copiesOf(exchange: LiveExchange): readonly CopyInProgress[] {
  return attachmentOf(exchange)?.copies ?? NONE;
}
