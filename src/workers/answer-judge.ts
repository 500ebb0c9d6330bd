import { createComparer, SAME, UNSAID } from '../compare/comparer.ts';
import type { Comparer, Comparison } from '../compare/comparer.ts';
import type { HeldWrites } from '../compare/held-writes.ts';
import { RouteTable } from '../compare/routes/route-table.ts';
import { DEFAULT_EXAMPLES, ExampleChooser } from '../compare/sampling/example-chooser.ts';
import type { ComparedAnswer } from '../compare/sampling/example-chooser.ts';
import { FAILURES, PairCounter } from '../compare/tally/pair-counter.ts';
import type { Duration, Outcome } from '../compare/tally/settled-pair.ts';
import { answerStatus, CALL_METHOD } from '../model/call-outcome.ts';
import type { CopyOutcome, MirrorAnswer } from '../model/copy.ts';
import type { Exchange, RequestHead, ResponseHead } from '../model/exchange.ts';
import type { MessageRedaction } from '../model/message-redaction.ts';
import type { Policy } from '../model/policy.ts';
import type { RecordedExchange } from '../model/recording.ts';
import type { PairIncompleteReason, PairTally } from '../model/tally.ts';
import type { PolicyJudge, SettledCopy } from '../observe/policy-runner.ts';
import { answerOf } from './answer-view.ts';
import type { AnswerView } from './answer-view.ts';
import { comparisonBasis } from './comparison-basis.ts';
import { ExchangeRecorder } from './exchange-recorder.ts';
import type { ComparedCopy } from './exchange-recorder.ts';

export interface AnswerJudgeOptions {
  readonly policy: Policy;
  readonly heldWrites: HeldWrites;
  /** Longest body kept of one answer in an example, bytes. */
  readonly recordedBytes: number;
  /** What is known of Protobuf messages, where they are to be redacted. */
  readonly messages?: MessageRedaction | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly random: () => number;
}

/** What a judge has found since it was last asked. */
export interface Judged {
  /** What the counts depend on; see `comparisonBasis`. */
  readonly basis: string;
  readonly tallies: readonly PairTally[];
  readonly exchanges: readonly RecordedExchange[];
}

/** Head and fields of a recorded exchange, roughly, bytes. */
const RECORDED_HEAD_BYTES = 2048;
/** What a mirror says of a thing that a held write has made. */
const NOT_FOUND = 404;

const NO_ANSWERS: readonly ComparedAnswer[] = [];
const ALL_SAME: readonly Comparison[] = [SAME];

/** Compares what the mirrors of a policy answered with what the primary did, and counts it by route. */
export class AnswerJudge implements PolicyJudge {
  readonly #options: AnswerJudgeOptions;
  readonly #basis: string;
  readonly #routes: RouteTable;
  readonly #comparer: Comparer;
  readonly #counters: ReadonlyMap<string, PairCounter>;
  readonly #chooser: ExampleChooser;
  readonly #recorder: ExchangeRecorder;
  /** Of the exchange in hand; kept so that no exchange makes a new list. */
  readonly #compared: Comparison[] = [];
  #exchanges: RecordedExchange[] = [];

  constructor(options: AnswerJudgeOptions) {
    const { policy, recordedBytes, now, random } = options;
    const { compare, control, mirrors, rewrite } = policy;
    const { recognisers } = compare.noise;
    this.#options = options;
    this.#basis = comparisonBasis(policy);
    this.#routes = new RouteTable(compare.routes, (from, to) => this.#fold(from, to));
    this.#comparer = createComparer(compare, {
      redact: rewrite.redact,
      recognise: recognisers === 'on' || (recognisers === 'auto' && control === undefined),
    });
    this.#counters = new Map(
      mirrors.map(({ name }) => [
        name,
        new PairCounter({
          policy: policy.name,
          mirror: name,
          findings: compare.limits.findings,
          latency: compare.gate.latency,
        }),
      ]),
    );
    this.#chooser = new ExampleChooser(DEFAULT_EXAMPLES, now(), random);
    this.#recorder = new ExchangeRecorder(policy.name, rewrite.redact, recordedBytes, options.messages);
  }

  held({ path }: RequestHead): void {
    this.#options.heldWrites.note(path, this.#options.now());
    for (const counter of this.#counters.values()) counter.heldWrite();
  }

  settled(
    exchange: Exchange,
    body: readonly Uint8Array[],
    cut: boolean,
    copies: readonly SettledCopy[],
    truncated = false,
  ): void {
    const { method, path } = exchange.request;
    const route = this.#routes.routeOf(method, path);
    const { response } = exchange;
    const incomplete = truncated ? undefined : exchange.incomplete;
    const reason = incomplete ?? (cut || response === undefined ? 'body_cut' : undefined);
    if (reason !== undefined || response === undefined) {
      for (const copy of copies) this.#incomplete(copy, route, reason ?? 'body_cut');
      return;
    }
    if (!truncated && response.status !== 101 && this.#isPlain(exchange, route, response, body, copies))
      return;
    const primary = answerOf(response, body, exchange.responseTrailers, truncated);
    const status = answerStatus({ head: response, body, trailers: exchange.responseTrailers, truncated });
    const compared = this.#compared;
    compared.length = 0;
    let same = true;
    for (const copy of copies) {
      const comparison = this.#compare(copy, primary, method, route);
      compared.push(comparison);
      same &&= comparison === SAME && copy.outcome?.kind === 'answered';
    }
    this.#count(exchange, status, route, copies, compared, truncated, body);
    if (this.#isWanted(exchange, route, copies, same ? undefined : compared))
      this.#keep(exchange, route, body, copies, compared);
  }

  /** What was counted and kept since the last time; undefined when nothing was. */
  take(): Judged | undefined {
    const tallies = [...this.#counters.values()].flatMap((counter) => counter.take() ?? []);
    const exchanges = this.#exchanges;
    if (tallies.length === 0 && exchanges.length === 0) return undefined;
    this.#exchanges = [];
    return { basis: this.#basis, tallies, exchanges };
  }

  #fold(from: readonly string[], to: string): void {
    for (const counter of this.#counters.values()) counter.fold(from, to);
    this.#chooser.fold(from, to);
  }

  /** The usual case by a short way: one mirror, no reference, and the same answer. */
  #isPlain(
    exchange: Exchange,
    route: string,
    head: ResponseHead,
    body: readonly Uint8Array[],
    copies: readonly SettledCopy[],
  ): boolean {
    const [copy, second] = copies;
    const { policy, now } = this.#options;
    if (copy === undefined || second !== undefined || policy.control !== undefined) return false;
    const { running, outcome } = copy;
    if (outcome?.kind !== 'answered' || (exchange.responseTrailers?.length ?? 0) > 0) return false;
    if (outcome.answer.truncated === true) return false;
    const counter = this.#counters.get(running.target.name);
    const { answer } = outcome;
    if (counter === undefined || !this.#comparer.isSame(head, body, answer)) return false;
    running.counts.pairs.same++;
    const { requestStart, responseStart, responseEnd } = exchange.times;
    const { startMicros, firstByteMicros, endMicros } = answer;
    counter.countSame(
      route,
      exchange.request.method === CALL_METHOD ? answerStatus({ head, body }) : head.status,
      { firstByteMicros: responseStart - requestStart, totalMicros: responseEnd - requestStart },
      { firstByteMicros: firstByteMicros - startMicros, totalMicros: endMicros - startMicros },
      startMicros - requestStart,
    );
    const bytes =
      2 * RECORDED_HEAD_BYTES + 2 * Math.min(exchange.responseBodyBytes, this.#options.recordedBytes);
    if (this.#chooser.choose(route, NO_ANSWERS, bytes, now()) !== undefined)
      this.#keep(exchange, route, body, copies, ALL_SAME);
    return true;
  }

  #incomplete({ running, outcome }: SettledCopy, route: string, reason: PairIncompleteReason): void {
    if (outcome === undefined || outcome.kind === 'not_mirrored') return;
    running.counts.pairs.incomplete++;
    if (running.role === 'mirror') this.#counters.get(running.target.name)?.incomplete(route, reason);
  }

  #compare({ outcome }: SettledCopy, primary: AnswerView, method: string, route: string): Comparison {
    // Where nothing had come of an answer before it was cut, nobody can say that another one is late.
    const isEmpty = primary.truncated && primary.body.length === 0;
    if (isEmpty && outcome?.kind === 'failed' && outcome.failure === 'timeout') return UNSAID;
    if (outcome?.kind === 'failed') return { ...SAME, differences: FAILURES.get(outcome.failure) ?? [] };
    if (outcome?.kind !== 'answered') return SAME;
    const { head, body, trailers, truncated } = outcome.answer;
    return this.#comparer.compare(primary, answerOf(head, body, trailers, truncated), method, route);
  }

  /** @param status the primary's; of a call what it would be in HTTP */
  #count(
    exchange: Exchange,
    status: number,
    route: string,
    copies: readonly SettledCopy[],
    compared: readonly Comparison[],
    truncated: boolean,
    body: readonly Uint8Array[],
  ): void {
    const { policy } = this.#options;
    // How long an answer without end took is nobody's doing.
    const timed = !truncated && exchange.response?.status !== 101;
    const { requestStart, responseStart, responseEnd } = exchange.times;
    const at = copies.findIndex(({ running }) => running.role !== 'mirror');
    const referenceCopy = copies[at];
    const said = (index: number): Outcome | PairIncompleteReason =>
      compared[index] === UNSAID
        ? reasonOfNothing(exchange, truncated, body)
        : outcomeOf(copies[index]?.outcome);
    const reference = said(at);
    const referenceKind = referenceCopy?.running.role === 'repeat' ? 'repeat' : 'control';
    for (const [index, { running, outcome }] of copies.entries()) {
      const { differences, more } = compared[index] ?? SAME;
      const same = differences.length === 0 && more === 0;
      if (outcome === undefined || outcome.kind === 'not_mirrored') continue;
      const mirror = said(index);
      const { pairs } = running.counts;
      if (typeof mirror === 'string') pairs.incomplete++;
      else if (same && mirror.failure === undefined) pairs.same++;
      else pairs.different++;
      const isCut = truncated || (outcome.kind === 'answered' && outcome.answer.truncated === true);
      if (isCut && typeof mirror !== 'string') running.counts.truncated++;
      const counter = running.role === 'mirror' ? this.#counters.get(running.target.name) : undefined;
      if (counter === undefined) continue;
      if (typeof mirror === 'string') counter.incomplete(route, mirror);
      else if (policy.control !== undefined && typeof reference === 'string')
        counter.incomplete(route, 'control_missing');
      else
        counter.count({
          route,
          exchangeId: exchange.id,
          atMs: Math.round(requestStart / 1000),
          primaryStatus: status,
          mirror,
          reference: typeof reference === 'string' ? undefined : { ...reference, kind: referenceKind },
          mirrorDifferences: differences,
          referenceDifferences: compared[at]?.differences ?? [],
          durations: {
            primary: {
              firstByteMicros: responseStart - requestStart,
              totalMicros: responseEnd - requestStart,
            },
            mirror: timed ? durationOf(outcome) : undefined,
            reference: timed ? durationOf(referenceCopy?.outcome) : undefined,
            dispatchMicros:
              outcome?.kind === 'answered' ? outcome.answer.startMicros - requestStart : undefined,
          },
          afterHeldWrite: !same && this.#afterHeldWrite(exchange, status, mirror),
        });
    }
  }

  /** A control lacks what was held back as the mirror does, and so tells it from a difference. */
  #afterHeldWrite({ request }: Exchange, primary: number, { status }: Outcome): boolean {
    const { policy, heldWrites, now } = this.#options;
    if (policy.control !== undefined) return false;
    if (heldWrites.touched(request.path, now())) return true;
    const unknown = status === NOT_FOUND && primary < 400;
    return unknown && heldWrites.mayBeNew(request.path, now());
  }

  /** Whether the exchange is wanted as an example. `compared` is left out when everything was the same: the usual case. */
  #isWanted(
    exchange: Exchange,
    route: string,
    copies: readonly SettledCopy[],
    compared: readonly Comparison[] | undefined,
  ): boolean {
    const { now, recordedBytes } = this.#options;
    const others: ComparedAnswer[] = [];
    let bytes = RECORDED_HEAD_BYTES + Math.min(exchange.responseBodyBytes, recordedBytes);
    for (let at = 0; at < copies.length; at++) {
      const { running, outcome } = copies[at] as SettledCopy;
      if (outcome?.kind === 'answered')
        bytes += RECORDED_HEAD_BYTES + Math.min(outcome.answer.bodyBytes, recordedBytes);
      if (compared !== undefined && running.role === 'mirror')
        others.push({ name: running.target.name, differences: (compared[at] ?? SAME).differences });
    }
    return this.#chooser.choose(route, others, bytes, now()) !== undefined;
  }

  /** Keeps the exchange as an example. */
  #keep(
    exchange: Exchange,
    route: string,
    body: readonly Uint8Array[],
    copies: readonly SettledCopy[],
    compared: readonly Comparison[],
  ): void {
    const others = copies.map(({ running, outcome }, at): ComparedCopy => ({
      name: running.target.name,
      role: running.role,
      outcome,
      differences: (compared[at] ?? SAME).differences,
    }));
    const recorded = this.#recorder.record(exchange, route, body, others);
    if (recorded !== undefined) this.#exchanges.push(recorded);
  }
}

/** What an outcome says of a mirror; or why nothing can be said. */
function outcomeOf(outcome: CopyOutcome | undefined): Outcome | PairIncompleteReason {
  if (outcome === undefined || outcome.kind === 'not_mirrored') return 'given_up';
  if (outcome.kind === 'answered') return { status: answerStatus(outcome.answer), failure: undefined };
  if (outcome.failure === 'answer_too_large') return 'answer_too_large';
  return outcome.failure === 'shutdown' ? 'given_up' : { status: undefined, failure: outcome.failure };
}

/** Why nothing can be said of two answers to a call. */
function reasonOfNothing(
  { incomplete, responseBodyBytes }: Exchange,
  truncated: boolean,
  body: readonly Uint8Array[],
): PairIncompleteReason {
  if (!truncated) return 'answer_too_large';
  const keptBytes = body.reduce((bytes, { length }) => bytes + length, 0);
  return incomplete ?? (responseBodyBytes > keptBytes ? 'body_cut' : 'given_up');
}

function durationOf(outcome: CopyOutcome | undefined): Duration | undefined {
  if (outcome?.kind !== 'answered' || outcome.answer.truncated === true) return undefined;
  const { startMicros, firstByteMicros, endMicros }: MirrorAnswer = outcome.answer;
  return { firstByteMicros: firstByteMicros - startMicros, totalMicros: endMicros - startMicros };
}
